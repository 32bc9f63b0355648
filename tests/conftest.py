"""What every test needs: quiet threads, and tiny models that a session shares."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read once, when torch is imported

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from provcheck.types import ProbeSet


settings.register_profile(
    "provcheck", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)  # a busy machine is no reason to fail
settings.load_profile("provcheck")


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Tiny models spend their time waiting when torch uses several threads, and two test runs disturb each other."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def not_apart() -> Iterator[None]:
    """A process of its own takes seconds to start torch; `tests/apart` measures in one, others do in this process."""
    from provcheck import measuring

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measuring, "can_isolate", lambda _: False)
        yield


@pytest.fixture(scope="session", autouse=True)
def cache_of_the_session() -> Iterator[Path]:
    """Fixtures that tests share do not touch the user's cache of measurements."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROVCHECK_CACHE", folder)
        yield Path(folder)


@pytest.fixture(autouse=True)
def cache_folder(cache_of_the_session: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own for every test, or what one measures another finds; made when something is kept."""
    folder = cache_of_the_session / uuid4().hex
    monkeypatch.setenv("PROVCHECK_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny llama with byte-level BPE as a Hugging Face folder; tests must not change it."""
    from tests.tiny import save_tiny

    return save_tiny(tmp_path_factory.mktemp("models") / "tiny-llama")


@pytest.fixture(scope="session")
def probes() -> ProbeSet:
    """Six questions and twelve texts."""
    from tests.tiny import tiny_probes

    return tiny_probes()
