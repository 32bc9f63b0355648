"""Evidence to verify, and what a verification says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from provcheck.report_file import open_report
from provcheck.types import Check, Outcome
from provcheck.verification import VerifyOptions, verify
from tests.evidence import Evidence, make_evidence


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return make_evidence(tmp_path_factory.mktemp("evidence"))


@pytest.fixture
def evidence(made: Evidence, tmp_path: Path) -> Evidence:
    """Evidence that a test may spoil."""
    return made.copied_to(tmp_path / "evidence")


def lines(evidence: Evidence, **options: Any) -> dict[str, Check]:
    """The lines of a verification, by id."""
    given = {"model": str(evidence.measurement), "bank": str(evidence.bank), "policy": str(evidence.policy)}
    found = list(verify(open_report(evidence.report), VerifyOptions(**given | options)))
    assert len({check.id for check in found}) == len(found)
    return {check.id: check for check in found}


def with_outcome(found: dict[str, Check], outcome: Outcome) -> set[str]:
    return {id for id, check in found.items() if check.outcome is outcome}


def failures(evidence: Evidence, **options: Any) -> set[str]:
    return with_outcome(lines(evidence, **options), Outcome.FAILED)
