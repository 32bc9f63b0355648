"""One number in one place: what the judge said follows from report.json and the judge's file, to the last bit."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provcheck import AuditOptions, audit, save_measurement
from provcheck.bank import Bank, load_bank
from provcheck.bank.saving import add_file
from provcheck.comparison import compare
from provcheck.rendering.json_report import JsonReport
from provcheck.signals import TABLE, features_of, read_report
from provcheck.signals.likelihood.kl_scale import SMALLEST
from provcheck.signals.likelihood.values import LOGLIK, LikelihoodValues, likelihood_of
from provcheck.types import Comparison, Floats, Measurement, Relation, Report
from provcheck.verdict.nulls import holm, share_as_high
from provcheck.verdict.panels import FILE, Calibrations, load_calibrations
from provcheck.verdict.training import documented_pairs
from tests.synthetic import array_of, row_of, stacked, with_arrays
from tests.verdict.zoo import child_of, make_zoo, root_measurement, wave, with_stacked

SUBJECTS = {
    "kin": child_of(root_measurement(3), "me/kin", 0.2, seed=77),
    "stranger": root_measurement(60),
    "wild": with_arrays(
        root_measurement(61), "likelihood", **{LOGLIK: array_of(root_measurement(61), LOGLIK) + wave(5, 500)}
    ),
}


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory, calibrations: Calibrations) -> Bank:
    """The synthetic bank with its judge."""
    made = make_zoo(tmp_path_factory.mktemp("banks") / "zoo")
    add_file(made, FILE, calibrations.save())
    return load_bank(str(made.folder))


@pytest.fixture(scope="module", params=SUBJECTS)
def found(request: pytest.FixtureRequest, bank: Bank, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """A report that was written, and is all that is left of an audit."""
    folder = tmp_path_factory.mktemp("audits")
    save_measurement(SUBJECTS[request.param], folder / "subject.safetensors")
    report = audit(str(folder / "subject.safetensors"), AuditOptions(bank=str(bank.folder)))
    (folder / "report.json").write_text(JsonReport().render(report), "utf-8")
    again = read_report(json.loads((folder / "report.json").read_text("utf-8")))
    assert again == report
    return again


# The judge from the report alone


def test_scores_and_probabilities_follow_from_the_report(bank: Bank, found: Report) -> None:
    judge = load_calibrations(bank.folder / FILE).largest
    [stated] = found.judge.panels
    assert (stated.features, stated.signals) == (judge.facts.features, ("able", "likelihood"))
    assert {one.judged_by for one in found.comparisons} == {stated.signals}
    for comparison in found.comparisons:
        features = features_of(comparison)
        score, related = judge.related.score(features), judge.related.probability(features)
        identical, same_recipe = (judge.machines[name].probability(features) for name in ("identical", "same_recipe"))
        assert comparison.score == score
        assert comparison.probabilities == {
            Relation.IDENTICAL: related * identical,
            Relation.DERIVED: related * (1 - identical),
            Relation.SAME_RECIPE: (1 - related) * same_recipe,
            Relation.UNRELATED: (1 - related) * (1 - same_recipe),
        }
        assert comparison.related_probability == pytest.approx(related)


def test_relations_follow_from_scores_and_thresholds_of_the_report(bank: Bank, found: Report) -> None:
    judge, [stated] = load_calibrations(bank.folder / FILE).largest, found.judge.panels
    margin = 0.1 * (judge.high - judge.low)
    for comparison in found.comparisons:
        values = np.array([features_of(comparison)[name] for name in stated.features])
        assert relation_by_hand(found, comparison, values, judge.high + margin)


def relation_by_hand(report: Report, comparison: Comparison, values: Floats, farthest: Floats) -> bool:
    """Whether the relation is what thresholds, probabilities and range say; all values here are distances."""
    assert comparison.score is not None and comparison.probabilities is not None
    [judge] = report.judge.panels
    if (values > farthest).any():
        return comparison.relation is Relation.INCONCLUSIVE
    if comparison.score > judge.accuse_above:
        group = (Relation.IDENTICAL, Relation.DERIVED)
    elif comparison.score <= judge.acquit_up_to:
        group = (Relation.SAME_RECIPE, Relation.UNRELATED)
    else:
        return comparison.relation is Relation.INCONCLUSIVE
    return comparison.relation is max(group, key=comparison.probabilities.__getitem__)


def test_p_values_follow_from_the_scores_of_the_report(bank: Bank, found: Report) -> None:
    null = load_calibrations(bank.folder / FILE).largest.null_scores
    shares = [share_as_high(null, comparison.score or 0.0) for comparison in found.comparisons]
    expected = holm(np.array(shares), found.bank.references)
    assert [comparison.p_value for comparison in found.comparisons] == expected


def test_the_verdict_repeats_a_comparison(found: Report) -> None:
    comparison = next(one for one in found.comparisons if one.reference == found.verdict.reference)
    assert found.verdict.relation is comparison.relation
    assert found.verdict.p_value == comparison.p_value
    assert found.verdict.probability == (comparison.probabilities or {}).get(comparison.relation)


def test_the_report_shows_all_three_kinds_of_relation(bank: Bank) -> None:
    """Else the tests above would show little."""
    relations = {name: audited(subject, bank) for name, subject in SUBJECTS.items()}
    assert any(relation.related for relation in relations["kin"])
    assert any(relation.independent for relation in relations["stranger"])
    assert not any(relation.related for relation in relations["stranger"])
    assert relations["wild"] == {Relation.INCONCLUSIVE}


def audited(subject: Measurement, bank: Bank) -> set[Relation]:
    from provcheck.verdict import choose_judge

    return {one.relation for one in choose_judge(bank, 0.01).judge(compare(subject, bank), TABLE)}


# One floor


def literal_winsorised(one: Floats, two: Floats, mean_bytes: float) -> float:
    floor = -8 * math.log(2) * mean_bytes
    differences = [max(float(a), floor) - max(float(b), floor) for a, b in zip(one, two, strict=True)]
    mean = math.fsum(differences) / len(differences)
    centred = [value - mean for value in differences]
    limit = 3 * float(np.median([abs(value) for value in centred]))
    square = math.fsum(min(abs(value), limit) ** 2 for value in centred) / len(centred)
    return square / (2 * mean_bytes * math.log(2))


@given(seed=st.integers(0, 1000), depth=st.sampled_from([0.0, 50.0, 1000.0]))
def test_the_judge_reads_the_divergence_that_is_reported(zoo: Bank, seed: int, depth: float) -> None:
    """Also where the subject has texts far below the floor."""
    loglik = array_of(root_measurement(60), LOGLIK) + wave(seed, 5)
    loglik[np.random.default_rng(seed).integers(40, size=4)] -= depth
    subject = with_arrays(root_measurement(60), "likelihood", **{LOGLIK: loglik})
    mean_bytes = zoo.manifest.signals["likelihood"].context["mean_text_bytes"]
    assert isinstance(mean_bytes, float)
    for comparison in compare(subject, zoo)[:10]:
        reported = likelihood_of(comparison)
        assert reported is not None
        nats = stacked(zoo, LOGLIK)[zoo.rows[comparison.reference]].astype(np.float64)
        expected = literal_winsorised(loglik, nats, mean_bytes)
        assert reported.winsorised_bits_per_byte == pytest.approx(expected, rel=1e-9)
        features = features_of(comparison)
        for name, value in (
            ("likelihood.log_winsorised_kl", reported.winsorised_bits_per_byte),
            ("likelihood.log_kl", reported.bits_per_byte),
        ):
            assert features[name] == np.log(max(value, SMALLEST))


def test_the_judge_is_fitted_on_the_divergence_that_is_reported(zoo: Bank) -> None:
    """On the pairs of a bank whose models have texts far below the floor."""
    loglik = stacked(zoo, LOGLIK).copy()
    loglik[::3, :2] -= 5000
    low = with_stacked(zoo, {LOGLIK: loglik})
    pairs = documented_pairs(low)
    fitted = dict(zip(map(tuple, pairs.models.tolist()), pairs.columns(["likelihood.log_winsorised_kl"]), strict=True))
    for row in (0, 3, 20):
        for comparison in compare(row_of(low, row), low):
            other, reported = low.rows[comparison.reference], comparison.signals["likelihood"]
            assert isinstance(reported, LikelihoodValues)
            if (row, other) in fitted:
                expected = np.log(max(reported.winsorised_bits_per_byte, SMALLEST))
                assert fitted[row, other][0] == pytest.approx(expected, rel=1e-12)
    lower = with_stacked(zoo, {LOGLIK: np.where(loglik < -500, loglik - 5000, loglik)})
    assert np.allclose(documented_pairs(lower).features, pairs.features), "how far below the floor is of no account"
