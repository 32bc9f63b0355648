"""Of a large bank only the nearest references are compared in full; the others still count."""

from __future__ import annotations

from pathlib import Path

import pytest

from provcheck import AuditOptions, audit, save_measurement
from provcheck.bank import Bank
from provcheck.comparison import shortlist
from provcheck.types import Check, Outcome, Report, Shortlist
from tests.synthetic import blocks_at, make_bank, make_blocks, make_measurement, roots

SHORTLIST, BEYOND = 30, 20


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shortlist, "SHORTLIST", SHORTLIST)


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    """Independent models, more than are compared in full."""
    return make_bank(tmp_path_factory.mktemp("large") / "bank", roots(SHORTLIST + BEYOND))


def report_of(bank: Bank, folder: Path, checks: str, near: float | None = None, claim: str | None = None) -> Report:
    """The audit of a model at that distance from root-3, or of one that is near to nobody."""
    blocks = make_blocks(9999) if near is None else blocks_at(make_blocks(3), near)
    save_measurement(make_measurement("me/mine", blocks), folder / "me.safetensors")
    (folder / "mine.yaml").write_text(f"name: mine\nchecks: [{checks}]\n", "utf-8")
    options = AuditOptions(bank=str(bank.folder), policy=str(folder / "mine.yaml"), claimed_base=claim)
    return audit(str(folder / "me.safetensors"), options)


def only(report: Report) -> Check:
    (check,) = report.checks
    return check


def test_references_beyond_the_nearest_count_as_what_they_are(bank: Bank, tmp_path: Path) -> None:
    report = report_of(bank, tmp_path, "{kind: not-related-to}")
    assert len(report.comparisons) == SHORTLIST
    assert report.bank.shortlist == Shortlist(compared=SHORTLIST, listed=BEYOND, lists=("ABLE distance",))
    assert f"{SHORTLIST} were compared in full" in " ".join(report.limitations)
    check = only(report)
    assert check.outcome is Outcome.PASSED
    assert f"none of {SHORTLIST + BEYOND} references" in check.message
    assert f"({BEYOND} of them not compared in full, but behind independent ones in every list" in check.message


def test_a_reference_beyond_the_nearest_is_in_the_bank(bank: Bank, tmp_path: Path) -> None:
    compared = {one.reference for one in report_of(bank, tmp_path, "").comparisons}
    far = next(reference.id for reference in bank.references if reference.id not in compared)
    check = only(report_of(bank, tmp_path, f"{{kind: must-descend-from, references: [{far}]}}", near=0.2))
    assert (check.outcome, check.references) == (Outcome.FAILED, ("org/root-3",))
    assert only(report_of(bank, tmp_path, f"{{kind: not-related-to, references: [{far}]}}")).outcome is Outcome.PASSED


def test_a_related_one_among_many_is_found(bank: Bank, tmp_path: Path) -> None:
    check = only(report_of(bank, tmp_path, "{kind: not-related-to}", near=0.2))
    assert (check.outcome, check.references) == (Outcome.FAILED, ("org/root-3",))


def test_a_claimed_base_is_compared_in_full_however_far_and_in_whatever_case(bank: Bank, tmp_path: Path) -> None:
    compared = {one.reference for one in report_of(bank, tmp_path, "").comparisons}
    far = next(reference.id for reference in bank.references if reference.id not in compared)
    report = report_of(bank, tmp_path, "{kind: claimed-base-supported}", claim=far.upper())
    assert len(report.comparisons) == SHORTLIST + 1
    assert (only(report).outcome, only(report).references) == (Outcome.FAILED, (far,))
    assert only(report).message.endswith("(unrelated)")
