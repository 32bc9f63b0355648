"""Here models are measured apart, as on the command line; elsewhere in the tests they are not, to save seconds."""

from __future__ import annotations

import pytest

from provcheck import measuring
from provcheck.apart import supervising


@pytest.fixture
def isolated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo what the tests' own settings do."""
    monkeypatch.setattr(measuring, "can_isolate", supervising.can_isolate)
