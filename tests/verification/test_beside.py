"""References at hand in a report: found by digest, and nobody gains by claiming that one was named."""

from __future__ import annotations

from pathlib import Path

import pytest

from provcheck.report_file import read_report
from provcheck.store import save_measurement
from provcheck.types import Outcome, Report
from tests.evidence import Evidence
from tests.synthetic import make_blocks, make_measurement
from tests.verification.conftest import failures, lines

BASE = make_measurement("base", make_blocks(50))


def with_first(report: Report, **changes: object) -> Report:
    first, *others = report.comparisons
    return report.model_copy(update={"comparisons": (first.model_copy(update=changes), *others)})


@pytest.fixture
def base(evidence: Evidence) -> str:
    """The evidence again, with a reference at hand."""
    file = evidence.folder / "base.safetensors"
    save_measurement(BASE, file)
    assert evidence.audit("--reference", str(file)) == 0
    return str(file)


def test_a_reference_that_was_never_named_is_found_out(evidence: Evidence) -> None:
    evidence.forge(lambda report: with_first(report, named=1))
    assert "distances" in failures(evidence)


def test_it_is_found_by_its_weights_under_any_file_name(evidence: Evidence, base: str) -> None:
    moved = Path(base).rename(evidence.folder / "elsewhere.safetensors")
    assert failures(evidence, references=[str(moved)]) == set()
    assert lines(evidence, references=[str(moved)])["command"].outcome is Outcome.PASSED


def test_without_it_nothing_is_judged_again(evidence: Evidence, base: str) -> None:
    found = lines(evidence)
    assert found["reference-1"].outcome is found["verdict"].outcome is Outcome.SKIPPED
    assert "name it with --reference" in found["reference-1"].message


def test_another_model_does_not_stand_in_for_it(evidence: Evidence, base: str) -> None:
    other = evidence.folder / "other.safetensors"
    save_measurement(make_measurement("base", make_blocks(51), weights="others"), other)
    assert "reference-1" in failures(evidence, references=[str(other)])


def test_a_comparison_that_was_taken_out_is_missed(evidence: Evidence, base: str) -> None:
    """Without its comparison the report does not say what the reference in its command is."""

    def hide(report: Report) -> Report:
        return report.model_copy(update={"comparisons": tuple(one for one in report.comparisons if not one.at_hand)})

    evidence.forge(hide)
    assert not [one for one in read_report(evidence.report).comparisons if one.at_hand]
    assert failures(evidence, references=[base])
