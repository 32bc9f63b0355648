"""Panels of signals: each fitted on its own, and the largest that can judge a pair does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provcheck.bank import Bank
from provcheck.comparison import compare
from provcheck.errors import BankError
from provcheck.signals import directions, features_of, find_signal
from provcheck.signals.likelihood.values import LOGLIK
from provcheck.signals.weights.values import SHARED_START_MATCH
from provcheck.types import Comparison, Coverage, Measurement, MeasurementFacts, NotMeasured, Relation, SignalFacts
from provcheck.verdict import decide
from provcheck.verdict.fitting import READS, calibrate, fit_panel
from provcheck.verdict.judge import CalibratedJudge
from provcheck.verdict.nulls import holm, share_as_high
from provcheck.verdict.panels import FILE, Calibrations, load_calibrations, possible_panels
from tests.synthetic import array_of, with_arrays
from tests.verdict.matches import (
    COPY,
    MATCHES,
    ROTATED,
    SEED,
    STRANGER,
    TUNED,
    Three,
    matched,
    pairs_with_matches,
    with_weights,
    without_signal,
    without_values,
)
from tests.verdict.zoo import ROOTS, child_of, make_zoo, root_measurement

SIGNALS = ("able", "likelihood", "weights")
ALL = [SIGNALS, ("able", "weights"), ("able", "likelihood"), ("likelihood", "weights"), ("able",), ("weights",)]
KIN = child_of(root_measurement(3), "me/tuned", 0.2, seed=77)
LOST = child_of(root_measurement(3), "me/lost", 0.97, seed=79)
"""So heavily trained on that ABLE sees a stranger."""


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    """The synthetic bank, as if measured by all three signals."""
    return with_weights(make_zoo(tmp_path_factory.mktemp("banks") / "zoo"))


@pytest.fixture(scope="module")
def judge(bank: Bank) -> Calibrations:
    """Its judge."""
    return calibrate(bank, pairs=pairs_with_matches(bank))


def asked(judge: Calibrations, bank: Bank) -> CalibratedJudge:
    return CalibratedJudge(judge, len(bank.references), 0.01)


def compared(subject: Measurement, bank: Bank, match: Three) -> list[Comparison]:
    """Against every reference; the line of org/root-3 matches so, all others like strangers."""
    found = compare(subject, replace(bank, stacks=dict(bank.stacks)))
    return [matched(one, match if one.reference.startswith("org/root-3") else STRANGER) for one in found]


def judged(judge: Calibrations, bank: Bank, comparisons: Sequence[Comparison]) -> dict[str, Comparison]:
    return {one.reference: one for one in asked(judge, bank).judge(comparisons, SIGNALS)}


# Fitting


def test_every_set_of_signals_that_may_accuse_has_a_panel(bank: Bank, judge: Calibrations) -> None:
    assert possible_panels(SIGNALS) == ALL and possible_panels(("likelihood",)) == []
    assert [one.signals for one in judge.panels] == ALL
    assert judge.fits(bank) and judge.signals == SIGNALS and judge.largest is judge.of(SIGNALS)
    for one in judge.panels:
        for machine, names in one.facts.reads.items():
            assert set(names) <= {name for name in READS[machine] if name.partition(".")[0] in one.signals}
        assert set(one.facts.signals) == {name.partition(".")[0] for name in one.facts.features}
        assert not (one.null_scores > one.facts.accuse_above).any()


def test_no_match_accuses_that_a_shared_initialisation_may_give(judge: Calibrations) -> None:
    """Whatever pairs the bank knows: here, independent ones reach half of it."""
    panel = judge.of(("weights",))
    assert panel is not None
    assert panel.null_features["weights.kin_match"][-1] < SHARED_START_MATCH / 2
    assert panel.facts.accuse_above >= panel.related.score({"weights.kin_match": SHARED_START_MATCH}) - 1e-9


def test_a_panel_is_fitted_on_the_pairs_that_its_signals_measured(bank: Bank) -> None:
    """And on no others; one with too few of them is left out."""
    calibration = [row for row, one in enumerate(bank.references) if one.split == "calibration"]
    some = without_signal(pairs_with_matches(bank), "likelihood", [0, 1, 2])
    found = calibrate(bank, pairs=some)
    assert [one.signals for one in found.panels] == ALL
    everyone, fewer = found.of(("able", "weights")), found.of(SIGNALS)
    assert everyone and fewer
    assert everyone.facts.independent_pairs == (~some.among(calibration).related).sum() > fewer.facts.independent_pairs
    assert len(fewer.facts.roots) == ROOTS - 1 < len(everyone.facts.roots)
    few = without_signal(pairs_with_matches(bank), "weights", calibration[8:])
    assert [one.signals for one in calibrate(bank, pairs=few).panels] == [("able", "likelihood"), ("able",)]


def test_a_bank_of_weights_alone(bank: Bank) -> None:
    pairs = pairs_with_matches(bank)
    alone = replace(pairs, names=MATCHES, features=pairs.columns(MATCHES))
    found = calibrate(bank, pairs=alone)
    assert [one.signals for one in found.panels] == [("weights",)] and found.fits(bank)
    comparisons = [without_values(one, "able", "likelihood") for one in compared(KIN, bank, TUNED)]
    relations = judged(found, bank, comparisons)
    assert {name for name, one in relations.items() if one.relation.related} == line_of_root_3(bank)
    assert relations["org/root-3"].p_value is not None and relations["org/root-5"].relation.independent


def test_none_can_be_fitted(bank: Bank) -> None:
    nobody = range(len(bank.references))
    silent = without_signal(without_signal(pairs_with_matches(bank), "weights", nobody), "able", nobody)
    with pytest.raises(BankError, match="at least 8 independent roots; the bank documents 0"):
        calibrate(bank, pairs=silent)


def test_a_signal_that_says_the_wrong_thing_has_no_panel(bank: Bank, judge: Calibrations) -> None:
    """Its panels would read only what smaller ones read; those stay as they are."""
    pairs = pairs_with_matches(bank)
    columns = [place for place, name in enumerate(pairs.names) if name in MATCHES]
    features = pairs.features.copy()
    features[:, columns] *= -1
    turned = replace(pairs, features=features)
    with pytest.raises(BankError, match=r"no weight to some of able\+weights"):
        fit_panel(bank, ("able", "weights"), turned.among(range(40)))
    found = calibrate(bank, pairs=turned)
    assert [one.signals for one in found.panels] == [("able", "likelihood"), ("able",)]
    assert found.of(("able",)) is not None
    assert Calibrations(found.panels).save() == Calibrations((judge.panels[2], judge.panels[4])).save()


def test_round_trip(bank: Bank, judge: Calibrations, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(judge.save())
    again = load_calibrations(tmp_path / FILE)
    assert [one.signals for one in again.panels] == ALL and again.fits(bank)
    assert again.save() == judge.save() == calibrate(bank, pairs=pairs_with_matches(bank)).save()


# Which panel judges


@pytest.mark.parametrize("missing", [*product((False, True), repeat=3)])
def test_the_largest_panel_that_can_judge_does(bank: Bank, judge: Calibrations, missing: tuple[bool, ...]) -> None:
    kept = tuple(name for name, gone in zip(SIGNALS, missing, strict=True) if not gone)
    lost = [one for one in SIGNALS if one not in kept]
    comparisons = [without_values(one, *lost) for one in compared(KIN, bank, TUNED)]
    found = judged(judge, bank, comparisons)
    panel = judge.of(kept)
    assert {one.judged_by for one in found.values()} == {kept if panel else ()}
    if panel is None:
        assert {one.relation for one in found.values()} == {Relation.INCONCLUSIVE}
        reasons = asked(judge, bank).explain(found["org/root-3"])
        assert [line for line in reasons if "could not be compared: nobody could." in line] == [
            f"{find_signal(one).title} could not be compared: nobody could." for one in lost
        ]
        return
    assert {id for id, one in found.items() if one.relation.related} == line_of_root_3(bank)
    features = features_of(comparisons[0])
    assert found[comparisons[0].reference].score == panel.related.score(features)
    assert found[comparisons[0].reference].probabilities == panel.probabilities(features)
    said = " ".join(asked(judge, bank).explain(found["org/root-3"]))
    assert f"every one of the {panel.facts.independent_pairs} pairs" in said and "could not be compared" not in said
    assert ("ABLE contrast distance" in said) == ("able" in kept)


def test_one_kind_of_evidence_accuses_nobody(bank: Bank, judge: Calibrations) -> None:
    """The intrinsic match can be forged, and so can ABLE; both at once are harder."""
    alone, both = (0.02, 0.03, 0.5), (0.02, 0.9, 0.5)
    for subject, match, related in ((LOST, alone, False), (LOST, both, True), (KIN, alone, True)):
        found = judged(judge, bank, compared(subject, bank, match))["org/root-3"]
        assert found.relation.related == related
        assert related or found.relation is Relation.INCONCLUSIVE
    found = judged(judge, bank, compared(LOST, bank, alone))["org/root-3"]
    assert "only one kind of evidence speaks for it" in asked(judge, bank).explain(found)[0]


def test_signals_that_contradict_one_another_acquit_nobody(bank: Bank, judge: Calibrations) -> None:
    """ABLE sees a fine-tune where the neurons look like a stranger's, and all signals together would acquit."""
    lenient = {one.signals: {"acquit_up_to": one.facts.accuse_above} for one in judge.panels}
    panels = [replace(one, facts=one.facts.model_copy(update=lenient[one.signals])) for one in judge.panels]
    judge = Calibrations(tuple(panels))
    found = judged(judge, bank, compared(KIN, bank, STRANGER))
    assert found["org/root-3"].relation is Relation.INCONCLUSIVE
    assert "by ABLE and log-likelihood alone they are related" in asked(judge, bank).explain(found["org/root-3"])[0]
    assert found["org/root-5"].relation.independent


def line_of_root_3(bank: Bank) -> set[str]:
    return {one.id for one in bank.references if one.id == "org/root-3" or "org/root-3" in one.parents}


def test_a_reference_without_one_signal_is_judged_by_the_others(bank: Bank, judge: Calibrations) -> None:
    """Each by its own thresholds and null distribution; Holm's correction goes over all of them."""
    lost = {
        "org/root-3": ("likelihood",),
        "org/root-3-tune": ("weights",),
        "org/root-5": ("able",),
        "org/root-6": SIGNALS,
    }
    comparisons = [without_values(one, *lost.get(one.reference, ())) for one in compared(KIN, bank, TUNED)]
    found = judged(judge, bank, comparisons)
    assert found["org/root-3"].judged_by == ("able", "weights")
    assert found["org/root-3-tune"].judged_by == ("able", "likelihood")
    assert found["org/root-5"].judged_by == ("likelihood", "weights")
    assert (found["org/root-6"].judged_by, found["org/root-6"].relation) == ((), Relation.INCONCLUSIVE)
    assert found["org/root-3"].relation is found["org/root-3-tune"].relation is Relation.DERIVED
    assert found["org/root-5"].relation.independent
    shares = [
        share_as_high(panel.null_scores, one.score or 0.0) if (panel := judge.of(one.judged_by)) else np.nan
        for one in found.values()
    ]
    assert [one.p_value for one in found.values()] == holm(np.array(shares), len(bank.references))


def test_the_report_states_the_panels_that_judged(bank: Bank, judge: Calibrations) -> None:
    comparisons = compared(KIN, bank, TUNED)
    first = [without_values(comparisons[0], "weights"), *comparisons[1:]]
    one = asked(judge, bank)
    found = one.judge(first, SIGNALS)
    facts = one.facts(found)
    assert [panel.signals for panel in facts.panels] == [SIGNALS, ("able", "likelihood")]
    for panel in facts.panels:
        fitted = judge.of(panel.signals)
        assert fitted and panel.features == fitted.facts.features and set(panel.null) == set(fitted.related.features)
        assert f"{panel.false_accusation_upper:.2%}" in facts.name
    assert facts.name.startswith(
        "SVM calibrated on zoo: by ABLE, log-likelihood and weights it accuses only beyond all"
    )
    assert "; by ABLE and log-likelihood it accuses" in facts.name and facts.name.count("accuses") == 2
    null = facts.null_of("weights.kin_match", found[1])
    assert null and null == facts.panels[0].null["weights.kin_match"]
    assert null.nearest == judge.largest.null_features["weights.kin_match"][-1], "the largest match is the nearest"
    assert facts.null_of("weights.kin_match", found[0]) is None
    assert facts.null_of("weights.kin_match", None) is None
    nothing = one.facts(one.judge([without_values(comparisons[0], *SIGNALS)], SIGNALS))
    assert nothing.panels == () and nothing.name == "SVM calibrated on zoo: nothing that it reads was measured"


def test_a_signal_of_too_low_coverage_is_left_to_the_others(bank: Bank, judge: Calibrations) -> None:
    """Only where no panel can do without it, nothing is judged."""
    comparisons = compared(KIN, bank, TUNED)
    for coverage, kept in (
        ({"able": 0.4}, ("likelihood", "weights")),
        ({"able": 0.4, "likelihood": 0.4}, ("weights",)),
        ({"weights": 0.4}, ("able", "likelihood")),
        ({}, SIGNALS),
    ):
        found, verdict = decide(comparisons, asked(judge, bank), facts_of(coverage), bank.ancestry)
        assert {one.judged_by for one in found} == {kept}
        assert (verdict.relation, verdict.reference) == (Relation.DERIVED, "org/root-3")
    found, verdict = decide(comparisons, asked(judge, bank), facts_of({"able": 0.4, "weights": 0.3}), bank.ancestry)
    assert verdict.relation is Relation.INCONCLUSIVE and {one.judged_by for one in found} == {()}
    assert verdict.reasons[0].startswith("Only 40 of 100 probes and 100 of 100 probes and 30 of 100 probes could be")


def facts_of(shares: dict[str, float]) -> MeasurementFacts:
    """Facts of a subject that every signal measured, some in part only."""
    signals: dict[str, SignalFacts | NotMeasured] = {
        name: SignalFacts(
            version="v/1",
            material=None,
            coverage=Coverage(measured=round(100 * shares.get(name, 1.0)), total=100, unit="probe"),
        )
        for name in SIGNALS
    }
    return KIN.facts.model_copy(update={"signals": signals})


# What the matches tell


def test_relatives_that_one_signal_misses_are_found_by_the_others(bank: Bank, judge: Calibrations) -> None:
    found = judged(judge, bank, compared(LOST, bank, TUNED))
    assert found["org/root-3"].relation is Relation.DERIVED
    assert judged(judge, bank, compared(KIN, bank, ROTATED))["org/root-3"].relation is Relation.DERIVED
    without = [without_values(one, "weights") for one in compared(LOST, bank, TUNED)]
    assert judged(judge, bank, without)["org/root-3"].relation.independent


@pytest.mark.parametrize("alike", [0.3, 0.0])
@pytest.mark.parametrize("kept", [one for one in ALL if "weights" in one])
def test_models_of_one_initialisation_are_not_accused(bank: Bank, kept: tuple[str, ...], alike: float) -> None:
    """Also where the bank has no such pairs; where it has, they are of the same recipe, or left open."""
    judge = calibrate(bank, pairs=pairs_with_matches(bank, initialised_alike=alike))
    twin = root_measurement(73, family=3)
    lost = [name for name in SIGNALS if name not in kept]
    comparisons = [without_values(one, *lost) for one in compared(twin, bank, SEED)]
    relation = judged(judge, bank, comparisons)["org/root-3"].relation
    assert not relation.related
    assert not alike or relation is Relation.SAME_RECIPE


@pytest.mark.parametrize("kept", ALL)
def test_a_copy_is_identical_by_every_panel(bank: Bank, judge: Calibrations, kept: tuple[str, ...]) -> None:
    """Byte for byte the numbers of the reference, under files of another digest; it may be nearer than any pair was."""
    copy = root_measurement(3)
    other = copy.subject.model_copy(update={"weights_digest": "0" * 64})
    lost = [name for name in SIGNALS if name not in kept]
    comparisons = [without_values(one, *lost) for one in compared(replace(copy, subject=other), bank, COPY)]
    assert not any(one.same_weights for one in comparisons)
    found = judged(judge, bank, comparisons)["org/root-3"]
    assert (found.judged_by, found.relation) == (kept, Relation.IDENTICAL)


Four = tuple[float, float, float, float]
matches = st.tuples(*[st.floats(-0.2, 1.0)] * 4)


@settings(max_examples=50)
@given(match=matches, more=st.tuples(*[st.floats(0, 0.5)] * 4), nearer=st.floats(0, 0.5), panel=st.sampled_from(ALL))
def test_more_alike_is_never_less_related(
    bank: Bank, judge: Calibrations, match: Four, more: Four, nearer: float, panel: tuple[str, ...]
) -> None:
    """In no panel and in no feature."""
    fitted = judge.of(panel)
    assert fitted and all(one.is_monotone(directions(one.features)) for one in fitted.machines.values())
    here = dict(zip(MATCHES, match, strict=True)) | {"able.contrast_distance": 0.7, "likelihood.log_winsorised_kl": 0.0}
    there = {name: here[name] + more[place] for place, name in enumerate(MATCHES)}
    there |= {name: here[name] - nearer for name in ("able.contrast_distance", "likelihood.log_winsorised_kl")}
    assert fitted.related.score(there) >= fitted.related.score(here)
    assert fitted.related.probability(there) >= fitted.related.probability(here)


def test_a_louder_likelihood_accuses_nobody(bank: Bank, judge: Calibrations) -> None:
    """Closeness in log-likelihoods never makes a pair more related, whichever panel judges."""
    near = with_arrays(root_measurement(60), "likelihood", **{LOGLIK: array_of(root_measurement(3), LOGLIK)})
    assert not any(one.relation.related for one in judged(judge, bank, compared(near, bank, STRANGER)).values())
