"""The whole flow without models: measurement files against synthetic banks."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from provcheck import AuditOptions, audit, compare_models, data, load_measurement, save_measurement
from provcheck.bank import Bank
from provcheck.comparison import SHORTLIST
from provcheck.errors import IncompatibleError
from provcheck.source import ModelOptions
from provcheck.types import ExitCode, Measurement, Outcome, Relation, Report
from tests.synthetic import blocks_at, make_bank, make_blocks, make_measurement, make_probes, roots


@pytest.fixture
def bank(tmp_path: Path) -> Bank:
    return make_bank(tmp_path / "bank")


def report_on(measurement: Measurement, bank: Bank, **options: str) -> Report:
    path = bank.folder.parent / "subject.safetensors"
    save_measurement(measurement, path)
    return audit(str(path), AuditOptions(bank=str(bank.folder), **options))  # type: ignore[arg-type]


def test_a_report_holds_everything(bank: Bank) -> None:
    measurement = make_measurement("me/mine", blocks_at(make_blocks(3), 0.3))
    report = report_on(measurement, bank)
    assert (report.verdict.relation, report.verdict.reference) == (Relation.DERIVED, "org/root-3")
    assert report.comparisons[0].reference == report.lineage.nearest_on_tree == "org/root-3"
    assert (report.subject, report.measurement) == (measurement.subject, measurement.facts)
    assert (report.bank.digest, report.bank.references) == (bank.manifest.digest, 5)
    assert {c.outcome for c in report.checks} == {Outcome.PASSED, Outcome.SKIPPED}
    assert report.exit_code is ExitCode.OK
    assert report.limitations


def test_the_command_in_the_report_names_no_folder_of_this_machine(bank: Bank) -> None:
    report = report_on(make_measurement("me/mine", make_blocks(3)), bank, claimed_base="org/it's one")
    assert report.tool.command.startswith("provcheck audit me/mine --bank bank --probes ")
    assert report.tool.command.endswith("""--claimed-base 'org/it'"'"'s one'""")
    assert str(bank.folder.parent) not in report.model_dump_json()


def test_the_same_weight_files_are_identical(bank: Bank) -> None:
    far = make_measurement("renamed", make_blocks(44), weights="org/root-1")
    verdict = report_on(far, bank).verdict
    assert (verdict.relation, verdict.reference) == (Relation.IDENTICAL, "org/root-1")


def test_low_coverage_is_inconclusive_and_says_so(bank: Bank) -> None:
    report = report_on(make_measurement("me", blocks_at(make_blocks(3), 0.3), share=0.4), bank)
    assert report.verdict.relation is Relation.INCONCLUSIVE
    assert "Only 40 of 100 questions" in report.verdict.reasons[0]
    assert any("40" in line for line in report.limitations)
    assert any("not an acquittal" in line for line in report.limitations)
    assert report.exit_code is ExitCode.CHECK_FAILED, "the default policy asks for more coverage"


def test_a_model_without_attributions_is_inconclusive(bank: Bank) -> None:
    report = report_on(make_measurement("mute", np.zeros_like(make_blocks(0))), bank)
    assert report.verdict.relation is Relation.INCONCLUSIVE
    assert report.lineage.newick is None and report.lineage.reason


def test_a_model_without_log_likelihoods_is_still_judged(bank: Bank) -> None:
    quiet = make_measurement("quiet", blocks_at(make_blocks(3), 0.3), loglik=np.full(40, np.nan))
    report = report_on(quiet, bank)
    assert report.verdict.relation is Relation.DERIVED
    assert report.comparisons[0].kl.bits_per_byte is None and report.comparisons[0].kl.reason


def test_a_measurement_of_other_probes_is_refused(bank: Bank) -> None:
    other = make_measurement("me", make_blocks(0), probes=make_probes("others"))
    with pytest.raises(IncompatibleError, match=r"probe set others .* 'bank' on synthetic"):
        report_on(other, bank)


def test_a_measurement_of_another_shape_is_refused(bank: Bank) -> None:
    odd = make_measurement("me", make_blocks(0)[:3])
    with pytest.raises(IncompatibleError, match="have arrays of another shape"):
        report_on(odd, bank)


def test_a_false_claim_is_found_in_a_bank_that_is_too_large_to_compare_in_full(tmp_path: Path) -> None:
    """The claimed base may be the farthest of all; it is compared none the less."""
    large = make_bank(tmp_path / "large", roots(SHORTLIST + 20))
    subject = make_measurement("me", blocks_at(make_blocks(3), 0.3))
    nearest = report_on(subject, large).comparisons
    assert len(nearest) == SHORTLIST
    absent = sorted(set(roots(SHORTLIST + 20)) - {c.reference for c in nearest})[0]
    report = report_on(subject, large, claimed_base=absent)
    (claim,) = (check for check in report.checks if check.id == "claimed-base-supported")
    assert claim.outcome is Outcome.FAILED, claim.message
    assert report.verdict.reference == "org/root-3"


def test_a_bank_of_ones_own_needs_no_shipped_bank(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "banks", dict)
    assert report_on(make_measurement("me", make_blocks(3)), bank).verdict.relation is Relation.IDENTICAL


def test_the_same_audit_twice_gives_the_same_report(bank: Bank) -> None:
    measurement = make_measurement("me", blocks_at(make_blocks(3), 0.3))
    one, two = (report_on(measurement, bank).model_dump(exclude={"checks", "digest"}) for _ in range(2))
    assert one == two


def test_comparing_measurement_files_of_probes_that_are_not_named(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save_measurement(make_measurement(name, make_blocks(ord(name))), tmp_path / f"{name}.safetensors")
    first, second = (str(tmp_path / f"{name}.safetensors") for name in ("a", "b"))
    with pytest.raises(IncompatibleError, match="was measured on probe set synthetic") as caught:
        compare_models(first, second, ModelOptions())
    assert "--probes" in caught.value.hint


def test_a_home_folder_in_a_name_is_understood(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    save_measurement(make_measurement("me", make_blocks(3)), bank.folder.parent / "me.safetensors")
    monkeypatch.setitem(os.environ, "HOME", str(bank.folder.parent))
    report = audit("~/me.safetensors", AuditOptions(bank=str(bank.folder)))
    assert report.subject == load_measurement(bank.folder.parent / "me.safetensors").subject
