"""References at hand in an audit: named by the user or claimed, measured, judged, named without doubt."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from provcheck import AuditOptions, audit, save_measurement
from provcheck.bank import Bank
from provcheck.errors import IncompatibleError, MeasurementFileError, UsageError
from provcheck.observer import Observer, Silent
from provcheck.signals import distance_of, features_of
from provcheck.types import Check, Measurement, Outcome, Relation, Report
from tests.cached import Notes
from tests.synthetic import blocks_at, make_bank, make_blocks, make_measurement, make_probes

BASE = make_measurement("base", make_blocks(50))
TUNED = make_measurement("me", blocks_at(make_blocks(50), 0.3))
OTHER = make_measurement("other", make_blocks(51))
MARK = "measured for this audit"


@pytest.fixture
def bank(tmp_path: Path) -> Bank:
    return make_bank(tmp_path / "bank")


def saved(folder: Path, name: str, measurement: Measurement) -> str:
    path = folder / f"{name}.safetensors"
    save_measurement(measurement, path)
    return str(path)


def report_on(
    bank: Bank,
    measurement: Measurement = TUNED,
    references: Sequence[Measurement] = (),
    observe: Observer | None = None,
    **options: Any,
) -> Report:
    """An audit of a measurement, with these references at hand; nothing asks the network."""
    folder = bank.folder.parent
    files = [saved(folder, f"reference-{place}", one) for place, one in enumerate(references)]
    settings = AuditOptions(bank=str(bank.folder), references=files, **options)
    offline = replace(settings, model=replace(settings.model, offline=True))
    return audit(saved(folder, "subject", measurement), offline, observe or Silent())


def claim_of(report: Report) -> Check:
    return next(check for check in report.checks if check.id == "claimed-base-supported")


def at_hand(report: Report) -> list[str]:
    return [one.reference for one in report.comparisons if one.at_hand]


def test_a_base_at_hand_is_found(bank: Bank) -> None:
    """Without it, the bank knows no relative."""
    assert report_on(bank).verdict.relation is Relation.UNRELATED
    report = report_on(bank, references=[BASE])
    assert (report.verdict.relation, report.verdict.reference) == (Relation.DERIVED, "base")
    assert at_hand(report) == ["base"] == [report.comparisons[0].reference]
    assert report.lineage.nearest_on_tree == "base" and "base:" in (report.lineage.newick or "")
    assert "base" in {point.id for point in report.map.points}
    assert report.bank.references == 5 and report.tool.command.endswith(" --reference base")
    assert any(MARK in line and "base" in line for line in report.limitations)


def test_a_stranger_at_hand_is_not_accused(bank: Bank) -> None:
    report = report_on(bank, references=[OTHER])
    assert (report.verdict.relation, report.verdict.reference) == (Relation.UNRELATED, "other")


def test_the_bank_says_of_its_own_what_it_says_without(bank: Bank) -> None:
    """All but the categories, which are computed for the verdict's reference only."""
    alone, wide = report_on(bank), report_on(bank, references=[BASE, OTHER])
    for one, other in zip(alone.comparisons, (one for one in wide.comparisons if not one.at_hand), strict=True):
        assert one.model_dump(exclude={"signals"}) == other.model_dump(exclude={"signals"})
        assert features_of(one) == features_of(other) and distance_of(one) == distance_of(other)
    assert (wide.judge, wide.bank) == (alone.judge, alone.bank)


def test_the_model_itself_as_its_reference_is_identical(bank: Bank) -> None:
    report = report_on(bank, TUNED, [TUNED])
    assert (report.verdict.relation, report.verdict.reference) == (Relation.IDENTICAL, "me")
    assert report.lineage.subject == "me (subject)"


def test_the_same_reference_twice_counts_once(bank: Bank) -> None:
    report = report_on(bank, references=[BASE, BASE])
    assert at_hand(report) == ["base"] and report.comparisons[0].named == 1


def test_a_copy_under_another_name_is_a_reference_of_its_own(bank: Bank) -> None:
    copy = make_measurement("copy", make_blocks(50), weights="base")
    assert sorted(at_hand(report_on(bank, references=[BASE, copy]))) == ["base", "copy"]


@pytest.mark.parametrize("namesake", ["me", "ORG/root-1"], ids=["of the model", "of a reference of the bank"])
def test_a_namesake_with_other_weights_has_another_id(namesake: str, bank: Bank) -> None:
    notes = Notes()
    stranger = make_measurement(namesake, make_blocks(50), weights="others")
    report = report_on(bank, references=[stranger], observe=notes)
    (id,) = at_hand(report)
    assert id == f"{namesake}@{(stranger.subject.weights_digest or '')[:12]}"
    assert f"another model is called {namesake} too: the reference is {id} in this audit" in notes.messages
    assert len({one.reference.lower() for one in report.comparisons}) == 6


def test_a_namesake_cannot_hide_a_copy(bank: Bank) -> None:
    """`identical-only-to-itself` asks whether the model is a copy of another; another of its name is no itself."""
    policy = bank.folder.parent / "mine.yaml"
    policy.write_text("name: mine\nchecks: [{kind: identical-only-to-itself}]\n", "utf-8")
    near = make_measurement("me", blocks_at(make_blocks(50), 0.3001), weights="others")
    report = report_on(bank, references=[near], policy=str(policy))
    assert report.verdict.relation is Relation.IDENTICAL
    assert report.checks[0].outcome is Outcome.FAILED, report.checks[0].message


def test_a_reference_that_the_bank_has_is_that_of_the_bank(bank: Bank) -> None:
    notes = Notes()
    known = make_measurement("org/root-1", make_blocks(1))
    report = report_on(bank, make_measurement("me", blocks_at(make_blocks(1), 0.3)), [known], notes)
    assert at_hand(report) == []
    assert (report.verdict.reference, report.comparisons[0].named) == ("org/root-1", 1)
    assert "the reference org/root-1 is in the bank already, with the same weight files" in notes.messages


def test_a_namesake_without_weight_files_is_refused(bank: Bank) -> None:
    unknown = replace(BASE, subject=BASE.subject.model_copy(update={"id": "org/root-1", "weights_digest": None}))
    with pytest.raises(UsageError, match="another model is called 'org/root-1' too, and nothing tells the two apart"):
        report_on(bank, references=[unknown])


def test_a_reference_that_cannot_be_read_is_an_error(bank: Bank, tmp_path: Path) -> None:
    me, broken = saved(tmp_path, "me", TUNED), Path(saved(tmp_path, "broken", BASE))
    broken.write_bytes(broken.read_bytes()[:-1])
    with pytest.raises(MeasurementFileError):
        audit(me, AuditOptions(bank=str(bank.folder), references=[str(broken)]))


def test_a_reference_of_other_probes_is_refused_by_its_name(bank: Bank) -> None:
    others = make_measurement("base", make_blocks(50), probes=make_probes("others"))
    with pytest.raises(
        IncompatibleError, match=r"the reference '.*reference-0.safetensors' cannot be .* probe set others"
    ):
        report_on(bank, references=[others])


def test_policies_match_it_by_its_id(bank: Bank) -> None:
    policy = bank.folder.parent / "mine.yaml"
    policy.write_text('name: mine\nchecks: [{kind: not-related-to, references: ["ba*"]}]\n', "utf-8")
    report = report_on(bank, references=[BASE], policy=str(policy))
    assert (report.checks[0].outcome, report.checks[0].references) == (Outcome.FAILED, ("base",))


def test_a_claim_is_checked_by_a_reference_of_that_name(bank: Bank) -> None:
    report = report_on(bank, references=[BASE], claimed_base="Base")
    assert claim_of(report).outcome is Outcome.PASSED
    assert f"({Relation.DERIVED}; {MARK})" in claim_of(report).message


def test_a_false_claim_is_a_finding_also_where_another_reference_fits(bank: Bank) -> None:
    report = report_on(bank, references=[BASE, OTHER], claimed_base="other")
    assert (report.verdict.relation, report.verdict.reference) == (Relation.DERIVED, "base")
    assert (
        "It is claimed to descend from other, and the evidence contradicts that: unrelated." in report.verdict.reasons
    )
    assert claim_of(report).outcome is Outcome.FAILED
    assert claim_of(report).message.endswith("; it is related to base (derived)")


@pytest.mark.parametrize(
    ("claim", "options", "reason"),
    [
        ("org/absent", {}, "org/absent at main is not in the local Hub cache"),
        ("absent", {}, "no folder of that name lies beside the model"),
        ("a/b/c", {}, "the name is neither a Hub id nor that of a folder beside the model"),
        ("me", {}, "it is the name of the model itself"),
        ("org/absent", {"claimed_reference": False}, "--no-claimed-reference leaves it out"),
    ],
)
def test_a_declared_base_that_cannot_be_had_is_open_and_the_users_own_claim_is_refused(
    claim: str, options: dict[str, Any], reason: str, bank: Bank
) -> None:
    """A card may say anything; but what the user asks must not be answered by silence."""
    said = f"{claim} is no reference of the bank bank, and it cannot be measured .*{re.escape(reason)}"
    with pytest.raises(UsageError, match=said) as caught:
        report_on(bank, claimed_base=claim, **options)
    assert "--claimed-base" in caught.value.hint and "--reference" in caught.value.hint
    subject = TUNED.subject.model_copy(update={"declared_base": (claim,)})
    report = report_on(bank, replace(TUNED, subject=subject), **options)
    assert claim_of(report).outcome is Outcome.INCONCLUSIVE
    assert reason in claim_of(report).message and reason in report.unavailable[claim]
    assert ("--no-claimed-reference" in report.tool.command) == (not options.get("claimed_reference", True))
    assert report.verdict.relation is Relation.UNRELATED


def test_several_named_references_are_several_hypotheses(bank: Bank) -> None:
    report = report_on(bank, references=[BASE, OTHER], claimed_base="org/root-2")
    assert {one.reference: one.named for one in report.comparisons if one.named} == {
        "base": 3,
        "other": 3,
        "org/root-2": 3,
    }
