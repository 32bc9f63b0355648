"""Reports that were changed by somebody who can compute digests as well as we."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from provcheck import signals
from provcheck.bank import Bank, load_bank
from provcheck.bank.saving import add_file
from provcheck.report_file import open_report
from provcheck.signals.able.values import AbleValues
from provcheck.signals.likelihood.kl_scale import KLBackground
from provcheck.types import (
    Check,
    Comparison,
    NotMeasured,
    Outcome,
    PanelFacts,
    Parent,
    Relation,
    Report,
    SignalFacts,
    SignalValues,
)
from provcheck.verdict.fitting import calibrate
from provcheck.verdict.panels import FILE
from provcheck.verification import exit_code
from provcheck.verification.repetition import Repetition
from tests.evidence import Evidence, make_evidence
from tests.verdict.zoo import make_zoo
from tests.verification.conftest import lines, with_outcome

PANEL = PanelFacts(
    signals=("able",),
    features=("able.contrast_distance",),
    accuse_above=17.0,
    acquit_up_to=1.0,
    independent_pairs=10**6,
    related_pairs=10**5,
    false_accusation_upper=1e-6,
    null={},
)

FORGERIES: dict[str, tuple[str, Callable[[Report], dict[str, Any]]]] = {
    "relation": ("verdict", lambda r: {"verdict": r.verdict.model_copy(update={"relation": Relation.UNRELATED})}),
    "reference": ("verdict", lambda r: {"verdict": r.verdict.model_copy(update={"reference": "org/root-1"})}),
    "probability": ("verdict", lambda r: {"verdict": r.verdict.model_copy(update={"probability": 0.01})}),
    "reasons": ("sentences", lambda r: {"verdict": r.verdict.model_copy(update={"reasons": ("It is fine.",)})}),
    "parents": ("verdict", lambda r: {"verdict": r.verdict.model_copy(update={"parents": (_parent(),)})}),
    "a distance": ("distances", lambda r: {"comparisons": _first_with(r, "able", _nearer)}),
    "a comparison left out": ("distances sentences", lambda r: {"comparisons": r.comparisons[1:]}),
    "a score": ("distances", lambda r: {"comparisons": (_scored(r.comparisons[0]), *r.comparisons[1:])}),
    "agreement": ("distances", lambda r: {"comparisons": _first_with(r, "able", _unexamined)}),
    "a signal left out": ("distances", lambda r: {"comparisons": _first_with(r, "likelihood", None)}),
    "a signal not measured": ("distances sentences", lambda r: {"comparisons": _first_with(r, "likelihood", _silent)}),
    "an outcome": ("checks", lambda r: {"checks": (_failed(r.checks[0]), *r.checks[1:])}),
    "a check left out": ("checks sentences", lambda r: {"checks": r.checks[1:]}),
    "exit code": ("checks", lambda r: {"exit_code": 1}),
    "summary": ("checks", lambda r: {"summary": r.summary.model_copy(update={"passed": 9})}),
    "inconclusive": ("checks", lambda r: {"policy": r.policy.model_copy(update={"on_inconclusive": "pass"})}),
    "tree": ("tree", lambda r: {"lineage": r.lineage.model_copy(update={"nearest_on_tree": "org/root-1"})}),
    "leaf": ("tree", lambda r: {"lineage": r.lineage.model_copy(update={"subject": "org/root-1"})}),
    "length": ("tree", lambda r: {"lineage": r.lineage.model_copy(update={"newick": _longer(r.lineage.newick)})}),
    "parameters": ("statements", lambda r: {"subject": r.subject.model_copy(update={"parameters": 7_000_000_000})}),
    "one parameter": ("statements", lambda r: {"subject": r.subject.model_copy(update={"parameters": 1235})}),
    "license": ("statements", lambda r: {"subject": r.subject.model_copy(update={"license": "mit"})}),
    "limits": ("sentences", lambda r: {"limitations": ()}),
    "bank": ("statements", lambda r: {"bank": r.bank.model_copy(update={"references": 5000})}),
    "scale": ("statements", lambda r: {"background": {"likelihood": KLBackground()}}),
    "no scale": ("statements", lambda r: {"background": {}}),
    "bits": ("statements", lambda r: _measured(r, values={"bits_per_byte": 0.5})),
    "coverage": ("statements", lambda r: _measured(r, coverage={"measured": 1, "total": 2, "unit": "text"})),
    "a panel": ("statements", lambda r: {"judge": r.judge.model_copy(update={"panels": (PANEL,)})}),
    "a point of the map": ("map", lambda r: {"map": r.map.model_copy(update={"points": r.map.points[1:]})}),
    "no map": ("sentences", lambda r: {"map": r.map.model_copy(update={"reason": "It is secret."})}),
    "message": ("sentences", lambda r: {"checks": (_said(r.checks[0]), *r.checks[1:])}),
    "a license": ("distances", lambda r: {"comparisons": _first_is(r, license="mit")}),
    "a relation": ("distances", lambda r: {"comparisons": _first_is(r, relation=Relation.SAME_RECIPE)}),
    "a p-value": ("distances", lambda r: {"comparisons": _first_is(r, p_value=1e-9)}),
    "p-value": ("verdict", lambda r: {"verdict": r.verdict.model_copy(update={"p_value": 1e-9})}),
    "judged by": ("distances", lambda r: {"comparisons": _first_is(r, judged_by=("weights",))}),
    "judge": ("sentences", lambda r: {"judge": r.judge.model_copy(update={"name": "a judge that is never wrong"})}),
}
"""What follows from the numbers, by who notices it."""

FORGED_INPUTS: dict[str, tuple[str, Callable[[Report], dict[str, Any]]]] = {
    "weights": ("weights", lambda r: {"digests": r.digests.model_copy(update={"weights": "0" * 64})}),
    "no weights": ("weights", lambda r: {"digests": r.digests.model_copy(update={"weights": None})}),
    "measured": ("program", lambda r: _measured(r, version="likelihood/0")),
    "judge": ("judge", lambda r: {"digests": r.digests.model_copy(update={"judge": "0" * 64})}),
    "KL scale": ("background-likelihood", lambda r: _against(r, {"likelihood": "0" * 64})),
    "no KL scale": ("background-likelihood", lambda r: _against(r, {})),
    "scale of nothing": ("background-able", lambda r: _against(r, {**r.digests.background, "able": "0" * 64})),
    "scale of nobody": ("background", lambda r: _against(r, {**r.digests.background, "smell": "0" * 64})),
}


def forged_by(change: Callable[[Report], dict[str, Any]], report: Report) -> Report:
    """Written again with a digest that fits: only measuring and judging again tells."""
    return signals.read_report(report.model_dump() | change(report)).with_digest()


@pytest.mark.parametrize("forgery", FORGERIES)
def test_what_does_not_follow_from_the_numbers_is_noticed(forgery: str, made: Evidence) -> None:
    """The honest report is what judging again gives."""
    noticed_by, change = FORGERIES[forgery]
    honest = open_report(made.report).report
    forged = forged_by(change, honest)
    assert forged != honest
    outcomes = {check.id: check.outcome for check in Repetition(forged, honest, honest, exact=True).checks()}
    assert {id for id, outcome in outcomes.items() if outcome is Outcome.FAILED} == set(noticed_by.split())


def test_what_a_panel_states_is_what_the_calibration_holds(tmp_path: Path) -> None:
    """Its thresholds, counts, error rates and histograms, and which panels judged."""
    honest = open_report(make_evidence(tmp_path / "evidence", calibrated_zoo).report).report
    [panel] = honest.judge.panels
    bounds = {"accuse_above": 17.0, "acquit_up_to": -17.0, "false_accusation_upper": 1e-6}
    stated = {"features": ("able.smell",), "independent_pairs": 10**6, "related_pairs": 1, "null": {}}
    forged = [(panel.model_copy(update={name: value}),) for name, value in {**bounds, **stated}.items()]
    for panels in [*forged, (), (panel, PANEL)]:
        judge = honest.judge.model_copy(update={"panels": panels})
        checks = Repetition(honest.model_copy(update={"judge": judge}), honest, honest, exact=True).checks()
        assert {one.id for one in checks if one.outcome is Outcome.FAILED} == {"statements"}


def calibrated_zoo(folder: Path) -> Bank:
    """The synthetic bank with its judge."""
    made = make_zoo(folder)
    add_file(made, FILE, calibrate(made).save())
    return load_bank(str(folder))


@pytest.mark.parametrize("forgery", FORGERIES)
def test_nor_if_the_forger_says_that_it_was_measured_elsewhere(forgery: str, evidence: Evidence) -> None:
    """A wrong digest of the measurement only lets the numbers move as far as another device moves them."""
    steps, change = FORGERIES[forgery]
    noticed_by, *_ = steps.split()
    evidence.forge(lambda report: elsewhere(forged_by(change, report)))
    found = lines(evidence)
    assert found["measurement"].outcome is Outcome.SKIPPED
    expected = Outcome.SKIPPED if noticed_by in ("tree", "map") else Outcome.FAILED
    assert found[noticed_by].outcome is expected, found[noticed_by].message
    assert exit_code(list(found.values())) == (0 if expected is Outcome.SKIPPED else 1)


def test_an_honest_report_from_elsewhere_repeats(evidence: Evidence) -> None:
    evidence.forge(elsewhere)
    found = lines(evidence)
    assert with_outcome(found, Outcome.SKIPPED) == {"attestation", "probes", "run", "measurement", "signs"}
    assert exit_code(list(found.values())) == 0


@pytest.mark.parametrize("version", ["9.9", "0.0.1"])
@pytest.mark.parametrize("forgery", [name for name, (step, _) in FORGERIES.items() if step == "sentences"])
def test_sentences_of_another_version_are_not_verified(version: str, forgery: str, evidence: Evidence) -> None:
    _, change = FORGERIES[forgery]
    evidence.forge(lambda report: by_version(version, forged_by(change, report)))
    found = lines(evidence)
    assert found["sentences"].outcome is Outcome.SKIPPED and "worded them otherwise" in found["sentences"].message
    assert exit_code(list(found.values())) == 5


def test_the_same_sentences_of_another_version_are(evidence: Evidence) -> None:
    evidence.forge(lambda report: by_version("9.9", report))
    assert exit_code(list(lines(evidence).values())) == 0


@pytest.mark.parametrize(
    ("old", "new", "outcome"),
    [
        ("audit me/mine", "audit me/mine; rm -rf ~", Outcome.FAILED),
        ("audit me/mine", "audit other/model", Outcome.FAILED),
        ("audit me/mine", "audit me/mine --trust-remote-code", Outcome.FAILED),
        ("audit me/mine", "audit me/mine --claimed-base org/root-1", Outcome.FAILED),
        ("audit me/mine", "audit 'me/mine", Outcome.FAILED),
        ("audit me/mine", "audit me/mine --signals able", Outcome.FAILED),
        ("audit me/mine", "audit me/mine --signals weights", Outcome.FAILED),
        ("audit me/mine", "audit me/mine --signals able,unheard-of", Outcome.FAILED),
        ("audit me/mine", "audit me/mine --signals unheard-of", Outcome.FAILED),
        ("audit me/mine", "audit me/mine --signals", Outcome.FAILED),
        ("provcheck audit", "other audit", Outcome.FAILED),
        ("mine.yaml", "strict", Outcome.SKIPPED),
        ("audit me/mine", "audit me/mine -k license", Outcome.SKIPPED),
    ],
)
def test_the_command_is_the_one_that_repeats_it(old: str, new: str, outcome: Outcome, evidence: Evidence) -> None:
    def change(report: Report) -> Report:
        assert old in report.tool.command
        return with_command(report, report.tool.command.replace(old, new))

    evidence.forge(change)
    assert lines(evidence)["command"].outcome is outcome


def with_command(report: Report, command: str) -> Report:
    return report.model_copy(update={"tool": report.tool.model_copy(update={"command": command})})


def test_moved_points_of_the_map_are_not_verified(evidence: Evidence) -> None:
    """t-SNE may place them elsewhere on another machine, so it is no failure."""

    def change(report: Report) -> Report:
        first, *others = report.map.points
        points = (first.model_copy(update={"x": -first.x, "y": -first.y}), *others)
        return report.model_copy(update={"map": report.map.model_copy(update={"points": points})})

    evidence.forge(change)
    assert lines(evidence)["map"].outcome is Outcome.SKIPPED


def elsewhere(report: Report) -> Report:
    return report.model_copy(update={"digests": report.digests.model_copy(update={"measurement": "0" * 64})})


def by_version(version: str, report: Report) -> Report:
    return report.model_copy(update={"tool": report.tool.model_copy(update={"version": version})})


@pytest.mark.parametrize("forgery", FORGED_INPUTS)
def test_a_report_of_other_inputs_does_not_hold(forgery: str, evidence: Evidence) -> None:
    noticed_by, change = FORGED_INPUTS[forgery]
    evidence.forge(lambda report: forged_by(change, report))
    found = lines(evidence)
    assert found["report"].outcome is Outcome.PASSED
    assert found[noticed_by].outcome is not Outcome.PASSED, found[noticed_by].message
    assert exit_code(list(found.values())) != 0


def test_a_signal_called_as_a_file_is_compared_too(made: Evidence) -> None:
    """Weight files are checked elsewhere; a signal of that name is not."""
    honest = open_report(made.report).report
    facts = next(iter(honest.measurement.measured.values()))

    def named(seconds: float, bits: float) -> Report:
        signals = {"weights": facts.model_copy(update={"seconds": seconds, "values": {"bits": bits}})}
        return honest.model_copy(update={"measurement": honest.measurement.model_copy(update={"signals": signals})})

    def statements(old: Report, new: Report) -> Outcome:
        return next(one.outcome for one in Repetition(old, new, new, exact=True).checks() if one.id == "statements")

    assert statements(named(1.0, 2.0), named(9.0, 2.0)) is Outcome.PASSED, "it may take longer"
    assert statements(named(1.0, 2.0), named(1.0, 3.0)) is Outcome.FAILED


def _first_with(report: Report, name: str, change: Callable[[Any], Any] | None) -> tuple[Comparison, ...]:
    """The comparisons, of which that signal of the verdict's reference is changed, or left out."""
    place = next(n for n, one in enumerate(report.comparisons) if one.reference == report.verdict.reference)
    comparison = report.comparisons[place]
    kept = {key: found for key, found in comparison.signals.items() if key != name}
    found: dict[str, SignalValues | NotMeasured] = {name: change(comparison.signals[name])} if change else {}
    changed = comparison.model_copy(update={"signals": kept | found})
    return (*report.comparisons[:place], changed, *report.comparisons[place + 1 :])


def _nearer(values: AbleValues) -> AbleValues:
    return values.model_copy(update={"contrast": values.contrast.model_copy(update={"cosine_distance": 0.29})})


def _unexamined(values: AbleValues) -> AbleValues:
    assert values.categories
    return values.model_copy(update={"categories": values.categories[1:]})


def _silent(values: SignalValues) -> NotMeasured:
    return NotMeasured(not_measured="nobody looked")


def _scored(comparison: Comparison) -> Comparison:
    return comparison.model_copy(update={"score": 123.0})


def _measured(report: Report, **changes: Any) -> dict[str, Any]:
    """The measurement with other facts of the log-likelihoods."""
    facts = report.measurement.signals["likelihood"]
    assert isinstance(facts, SignalFacts)
    changed = SignalFacts.model_validate(facts.model_dump() | changes)
    kept = report.measurement.signals | {"likelihood": changed}
    return {"measurement": report.measurement.model_copy(update={"signals": kept})}


def _against(report: Report, digests: dict[str, str]) -> dict[str, Any]:
    """The digests of published numbers."""
    return {"digests": report.digests.model_copy(update={"background": digests})}


def _first_is(report: Report, **changes: Any) -> tuple[Comparison, ...]:
    first, *others = report.comparisons
    return (first.model_copy(update=changes), *others)


def _said(check: Check) -> Check:
    return check.model_copy(update={"message": "It is fine."})


def _failed(check: Check) -> Check:
    return check.model_copy(update={"outcome": Outcome.FAILED})


def _parent() -> Parent:
    return Parent(reference="org/root-1", weight=0.5)


def _longer(newick: str | None) -> str:
    assert newick
    return newick.replace(":0.", ":1.", 1)
