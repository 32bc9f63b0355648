"""The whole flow without models: measurement files against synthetic banks."""

from __future__ import annotations

import dataclasses
import os
import re
from pathlib import Path

import numpy as np
import pytest

from provcheck import (
    AuditKeywords,
    AuditOptions,
    ModelOptions,
    audit,
    compare_models,
    load_bank,
    load_measurement,
    save_measurement,
)
from provcheck.bank import Bank
from provcheck.comparison import compare_two, shortlist
from provcheck.errors import BankError, IncompatibleError, MeasurementFileError
from provcheck.io import data
from provcheck.rendering.junit import JUnitReport
from provcheck.rendering.sentences import seconds
from provcheck.signals.able.values import able_of
from provcheck.signals.likelihood.values import LikelihoodValues, likelihood_of
from provcheck.signals.weights.values import weights_of
from provcheck.types import ExitCode, Measurement, NotMeasured, Outcome, Relation, Report
from tests.signals.weights.models import random_model
from tests.synthetic import (
    blocks_at,
    make_bank,
    make_blocks,
    make_complete,
    make_measurement,
    make_probes,
    make_reference,
    roots,
    weighed,
    with_facts,
    without,
    write_bank,
)
from tests.tiny import save_probes


@pytest.fixture
def bank(tmp_path: Path) -> Bank:
    return make_bank(tmp_path / "bank")


def report_on(measurement: Measurement, bank: Bank, **options: str) -> Report:
    path = bank.folder.parent / "subject.safetensors"
    save_measurement(measurement, path)
    return audit(str(path), AuditOptions(bank=str(bank.folder), **options))  # type: ignore[arg-type]


def test_a_report_holds_everything(bank: Bank) -> None:
    measurement = weighed(make_measurement("me/mine", blocks_at(make_blocks(3), 0.3)), random_model(3))
    report = report_on(measurement, bank)
    assert (report.verdict.relation, report.verdict.reference) == (Relation.DERIVED, "org/root-3")
    assert report.comparisons[0].reference == report.lineage.nearest_on_tree == "org/root-3"
    assert (report.subject, report.measurement) == (measurement.subject, measurement.facts)
    assert (report.bank.digest, report.bank.references) == (bank.manifest.digest, 5)
    assert {c.outcome for c in report.checks} == {Outcome.PASSED, Outcome.INCONCLUSIVE}
    assert report.exit_code is ExitCode.OK
    assert report.limitations
    assert report.judge.name == "margin rule (not calibrated)"
    assert report.lineage.subject == "me/mine"
    assert set(report.background) == set(report.digests.background) == {"likelihood"}
    examined = [one.reference for one in report.comparisons if (values := able_of(one)) and values.categories]
    assert examined == ["org/root-3"], "categories only for the reference that decides"


def test_the_command_in_the_report_names_no_folder_of_this_machine(tmp_path: Path) -> None:
    bank = make_bank(tmp_path / "bank", {**roots(5), "org/it's one": make_blocks(9)})
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
    assert "ABLE: only 40 of 100 questions were measured." in report.limitations
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
    why = "only 0 texts were measured by both models; at least 30 are needed"
    assert {one.signals["likelihood"] for one in report.comparisons} == {NotMeasured(not_measured=why)}


def test_a_measurement_of_other_probes_is_refused(bank: Bank) -> None:
    other = make_measurement("me", make_blocks(0), probes=make_probes("others"))
    with pytest.raises(IncompatibleError, match=r"probe set others \(\w{12}\), 'bank' on synthetic \(\w{12}\)"):
        report_on(other, bank)


def test_a_measurement_of_another_shape_is_refused(bank: Bank) -> None:
    odd = make_measurement("me", make_blocks(0)[:3])
    with pytest.raises(MeasurementFileError, match="lacks arrays that a measurement has"):
        report_on(odd, bank)
    forged = with_facts(odd, "able", context={"categories": {"c0": 3}})
    with pytest.raises(IncompatibleError, match="have arrays of another shape"):
        report_on(forged, bank)


def test_a_false_claim_is_found_in_a_bank_that_is_too_large_to_compare_in_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The claimed base may be the farthest of all; it is compared none the less."""
    monkeypatch.setattr(shortlist, "SHORTLIST", 10)
    large = make_bank(tmp_path / "large", roots(30))
    subject = make_measurement("me", blocks_at(make_blocks(3), 0.3))
    nearest = report_on(subject, large).comparisons
    assert len(nearest) == 10
    absent = sorted(set(roots(30)) - {c.reference for c in nearest})[0]
    report = report_on(subject, large, claimed_base=absent)
    (claim,) = (check for check in report.checks if check.id == "claimed-base-supported")
    assert claim.outcome is Outcome.FAILED, claim.message
    assert report.verdict.reference == "org/root-3"


def test_a_bank_of_ones_own_needs_no_shipped_bank(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "banks", dict)
    assert report_on(make_measurement("me", make_blocks(3)), bank).verdict.relation is Relation.IDENTICAL


def test_the_same_audit_twice_gives_the_same_report(bank: Bank) -> None:
    measurement = make_measurement("me", blocks_at(make_blocks(3), 0.3))
    one, two = (report_on(measurement, bank).model_dump(exclude={"checks", "durations", "digest"}) for _ in range(2))
    assert one == two


def saved(folder: Path, first: Measurement, second: Measurement) -> tuple[str, str]:
    """Files of two measurements."""
    names = str(folder / "first.safetensors"), str(folder / "second.safetensors")
    for name, measurement in zip(names, (first, second), strict=True):
        save_measurement(measurement, Path(name))
    return names


def test_measurement_files_are_compared_without_their_probes(tmp_path: Path) -> None:
    """Everything that comparing must know of the probes is in the files."""
    one, two = (make_complete(name, ord(name)) for name in "ab")
    first, second, found = compare_models(*saved(tmp_path, one, two), ModelOptions())
    assert (first.subject, second.subject) == (one.subject, two.subject)
    assert found == compare_two(one, two)
    assert able_of(found) and likelihood_of(found) and weights_of(found)


def test_measurement_files_of_other_probes_are_not_compared(tmp_path: Path) -> None:
    one, two = (make_measurement(name, make_blocks(ord(name)), probes=make_probes(f"of-{name}")) for name in "ab")
    with pytest.raises(IncompatibleError, match=r"is measured on probe set of-a \(\w{12}\), 'b' on of-b ") as caught:
        compare_models(*saved(tmp_path, one, two), ModelOptions())
    assert "--probes" in caught.value.hint


def kl(report: Report, reference: str) -> LikelihoodValues:
    found = next(likelihood_of(one) for one in report.comparisons if one.reference == reference)
    assert found is not None
    return found


def test_a_comparison_of_two_has_the_numbers_of_an_audit(bank: Bank) -> None:
    subject = make_measurement("me", blocks_at(make_blocks(3), 0.3))
    second = make_measurement("org/root-3", make_blocks(3))
    audited = kl(report_on(subject, bank), "org/root-3")
    _, _, pair = compare_models(*saved(bank.folder.parent, subject, second))
    values = likelihood_of(pair)
    assert values is not None
    for field in ("bits_per_byte", "se", "winsorised_bits_per_byte"):
        assert getattr(values, field) == pytest.approx(getattr(audited, field), rel=1e-4)


def test_two_models_are_compared_where_no_bank_ships(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "banks", dict)
    with pytest.raises(BankError):
        load_bank(data.DEFAULT_BANK)
    one, two = (make_complete(name, ord(name)) for name in "ab")
    _, _, found = compare_models(*saved(tmp_path, one, two))
    assert found == compare_two(one, two)


def test_a_subject_that_lacks_a_signal_goes_all_the_way(bank: Bank) -> None:
    report = report_on(without(make_measurement("me", blocks_at(make_blocks(3), 0.3)), "able"), bank)
    reason = NotMeasured(not_measured="it is an endpoint")
    assert report.measurement.signals["able"] == reason
    assert {one.signals["able"] for one in report.comparisons} == {reason}
    assert report.verdict.relation is Relation.INCONCLUSIVE
    assert "ABLE was not measured: it is an endpoint." in report.limitations
    assert report.lineage.newick is None and report.map.reason
    (coverage,) = (check for check in report.checks if check.id == "coverage-at-least")
    assert coverage.outcome is Outcome.INCONCLUSIVE and "ABLE (it is an endpoint)" in coverage.message
    assert report.exit_code is ExitCode.OK, "the default policy warns"
    assert all(likelihood_of(one) for one in report.comparisons)


def test_a_bank_with_a_reference_that_lacks_a_signal(tmp_path: Path) -> None:
    models = [(make_reference(id), make_measurement(id, blocks)) for id, blocks in roots(5).items()]
    models[3] = (models[3][0], without(models[3][1], "able"))
    bank = write_bank(tmp_path / "some", models)
    report = report_on(make_measurement("me", blocks_at(make_blocks(1), 0.3)), bank)
    assert (report.verdict.relation, report.verdict.reference) == (Relation.DERIVED, "org/root-1")
    last = report.comparisons[-1]
    assert last.reference == "org/root-3" and last.signals["able"] == NotMeasured(not_measured="it is an endpoint")
    assert last.relation is Relation.INCONCLUSIVE, "the evidence that accuses or acquits is not there"
    assert {point.id for point in report.map.points} == {"me", *roots(5)} - {"org/root-3"}


def test_a_subject_and_a_bank_of_the_same_other_version(tmp_path: Path) -> None:
    models = [(make_reference(id), make_measurement(id, blocks)) for id, blocks in roots(3).items()]
    models = [(one, with_facts(found, "able", version="able/9")) for one, found in models]
    subject = with_facts(make_measurement("me", make_blocks(1)), "able", version="able/9")
    report = report_on(subject, write_bank(tmp_path / "later", models))
    why = NotMeasured(not_measured="it was measured with able/9, and this version of provcheck measures with able/3")
    assert {one.signals["able"] for one in report.comparisons} == {why} == {report.measurement.signals["able"]}
    assert all(likelihood_of(one) for one in report.comparisons)
    assert report.verdict.relation is Relation.INCONCLUSIVE


def test_a_subject_that_shares_no_signal_with_the_bank_is_refused(tmp_path: Path) -> None:
    models = [(make_reference(id), make_measurement(id, blocks)) for id, blocks in roots(3).items()]
    bank = write_bank(tmp_path / "texts", [(one, without(found, "able")) for one, found in models])
    with pytest.raises(IncompatibleError, match="the subject cannot be compared with 'texts': it is an endpoint"):
        report_on(without(make_measurement("me", make_blocks(1)), "likelihood"), bank)


def test_what_cannot_be_compared_is_refused_before_the_model_is_looked_for(bank: Bank, tmp_path: Path) -> None:
    others = save_probes(tmp_path / "others", make_probes("others"))
    options = AuditOptions(bank=str(bank.folder), model=ModelOptions(probes=str(others)))
    with pytest.raises(IncompatibleError, match=r"it is measured on probe set others .* 'bank' on synthetic "):
        audit(str(tmp_path / "no-such-model"), options)


def test_a_home_folder_in_a_name_is_understood(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    save_measurement(make_measurement("me", make_blocks(3)), bank.folder.parent / "me.safetensors")
    monkeypatch.setitem(os.environ, "HOME", str(bank.folder.parent))
    report = audit("~/me.safetensors", AuditOptions(bank=str(bank.folder)))
    assert report.subject == load_measurement(bank.folder.parent / "me.safetensors").subject


def test_options_as_keywords_are_those_of_the_options(bank: Bank, tmp_path: Path) -> None:
    path = tmp_path / "subject.safetensors"
    save_measurement(make_measurement("me", blocks_at(make_blocks(3), 0.3)), str(path))
    other = tmp_path / "other.safetensors"
    save_measurement(make_measurement("me/other", blocks_at(make_blocks(2), 0.3)), other)
    long = AuditOptions(
        model=ModelOptions(signals=("able",), cache=False),
        bank=str(bank.folder),
        claimed_base="org/root-3",
        references=(str(other),),
    )
    short = audit(
        path, bank=bank.folder, signals="able", cache=False, claimed_base="org/root-3", references=[other]
    )  # paths and names, one signal or several
    expected = audit(str(path), long)
    timed = {"checks", "digest", "durations"}
    assert short.model_dump(exclude=timed) == expected.model_dump(exclude=timed)
    assert audit(path, long, references=other, claimed_base=None).claimed_base is None, "keywords take their place"


def test_a_keyword_that_there_is_not(bank: Bank) -> None:
    with pytest.raises(TypeError, match=r"audit\(\) has no option 'banks'; its options are bank, policy, "):
        audit("demo", banks=bank.folder)  # type: ignore[call-arg]


def test_the_keywords_are_the_fields_of_the_options() -> None:
    names = {field.name for kind in (AuditOptions, ModelOptions) for field in dataclasses.fields(kind)} - {"model"}
    assert set(AuditKeywords.__annotations__) == names


def test_durations_are_those_of_this_run(bank: Bank) -> None:
    """Measuring took an hour, but long ago: what came from a file or the cache took no time now."""
    measurement = with_facts(make_measurement("me", make_blocks(3)), "able", seconds=3600.0)
    report = report_on(measurement, bank)
    assert report.measurement.seconds >= 3600.0
    assert list(report.durations) == ["references at hand", "measurement", "comparison", "verdict, tree and map"]
    assert 0.0 < sum(report.durations.values()) < 600.0
    assert seconds(report) < 600.0
    suite = JUnitReport().render(report)
    assert all(float(value) < 600.0 for value in re.findall(r' time="([\d.]+)"', suite)) and ' time="' in suite
