"""Features of a pair, as a signal computes them in a comparison, against the same numbers computed entry by entry."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provcheck.signals import all_signals, features_of, find_signal
from provcheck.signals.able.values import CONTRAST, PAPER, AbleValues
from provcheck.signals.contract import Signal
from provcheck.signals.likelihood.divergence import MIN_TEXTS
from provcheck.signals.likelihood.kl_scale import SMALLEST
from provcheck.signals.likelihood.values import LOGLIK
from provcheck.signals.stacks import sketch_at
from provcheck.signals.weights import compare_sketches
from provcheck.types import Comparison, Floats, NotMeasured, SignalValues, Stack
from tests.signals.weights.models import random_model, sketched

BLOCKS, WIDTH, TEXTS = 5, 8, 36
MEAN_BYTES = 60.0
LOWEST = -8 * math.log(2) * MEAN_BYTES
"""nats; below it a log-likelihood counts as this."""
ABLE, LIKELIHOOD = find_signal("able"), find_signal("likelihood")

seeds = st.integers(0, 10_000)
distances = st.sampled_from([0.0, 0.01, 0.3, 1.0])


@dataclass(frozen=True)
class Models:
    """What both signals hold of the same models."""

    able: Stack
    likelihood: Stack

    def row(self, first: int = 0, second: int = 1) -> dict[str, float]:
        """All features of two of the models, as they stand in a comparison."""
        return features_of(Comparison(reference="other", signals=self.values(first, [second])[0]))

    def values(self, first: int, others: Sequence[int]) -> list[dict[str, SignalValues | NotMeasured]]:
        """What both signals say of one model against others."""
        able = compare(ABLE, self.able, first, others)
        likelihood = compare(LIKELIHOOD, self.likelihood, first, others)
        return [{"able": one, "likelihood": two} for one, two in zip(able, likelihood, strict=True)]


def compare(signal: Signal, stack: Stack, first: int, others: Sequence[int]) -> Sequence[SignalValues | NotMeasured]:
    return signal.compare(sketch_at(signal, stack, first), stack.take(list(others)), intervals=False)


def make_models(seed: int, models: int, loose: float = 1.0) -> Models:
    """Models that share a part; a few texts are very improbable, and a few were left out."""
    stream = np.random.default_rng(seed)
    shared = stream.normal(size=(BLOCKS, WIDTH))
    contrast, paper = (shared + loose * stream.normal(size=(models, BLOCKS, WIDTH)) for _ in range(2))
    loglik = -100 + 10 * stream.normal(size=TEXTS) + loose * 5 * stream.normal(size=(models, TEXTS))
    loglik[:, stream.integers(TEXTS)] -= 300
    loglik[np.arange(models), stream.integers(TEXTS, size=models)] = np.nan
    return with_arrays(contrast.astype(np.float32), paper.astype(np.float32), loglik)


def with_arrays(contrast: Floats, paper: Floats, loglik: Floats) -> Models:
    nothing: tuple[dict[str, float | None], ...] = ({},) * len(contrast)
    return Models(
        Stack({"categories": {"c": BLOCKS}}, nothing, {CONTRAST: contrast, PAPER: paper}),
        Stack({"mean_text_bytes": MEAN_BYTES}, nothing, {LOGLIK: loglik}),
    )


def literal_features(models: Models) -> dict[str, float]:
    """The features of the first two models, entry by entry."""
    contrast, paper = (
        [flat(model) for model in models.able.arrays[view].astype(float).tolist()] for view in (CONTRAST, PAPER)
    )
    return {
        "able.contrast_distance": 1 - literal_cosine(*contrast),
        "able.paper_distance": 1 - literal_cosine(*paper),
        **literal_likelihood(*models.likelihood.arrays[LOGLIK].tolist()),
    }


def literal_likelihood(first: list[float], second: list[float]) -> dict[str, float]:
    common = [text for text in range(TEXTS) if not any(math.isnan(side[text]) for side in (first, second))]
    one, two = ([max(side[text], LOWEST) for text in common] for side in (first, second))
    differences = [a - b for a, b in zip(one, two, strict=True)]
    differences = [d - statistics.fmean(differences) for d in differences]
    limit = 3 * statistics.median([abs(d) for d in differences])
    kl = statistics.fmean([d**2 for d in differences])
    winsorised = statistics.fmean([min(abs(d), limit) ** 2 for d in differences])
    unit = 2 * MEAN_BYTES * math.log(2)
    return {
        "likelihood.log_kl": math.log(max(kl / unit, SMALLEST)),
        "likelihood.log_winsorised_kl": math.log(max(winsorised / unit, SMALLEST)),
    }


def literal_cosine(first: list[float], second: list[float]) -> float:
    product = sum(a * b for a, b in zip(first, second, strict=True))
    return product / math.sqrt(sum(a * a for a in first) * sum(b * b for b in second))


def flat(blocks: list[list[float]]) -> list[float]:
    return [value for block in blocks for value in block]


def without_attributions(models: Models, row: int) -> Models:
    contrast = models.able.arrays[CONTRAST].copy()
    contrast[row] = 0
    return with_arrays(contrast, models.able.arrays[PAPER], models.likelihood.arrays[LOGLIK])


# The numbers


@given(seeds, st.sampled_from([0.05, 1.0, 3.0]))
def test_against_entry_by_entry(seed: int, loose: float) -> None:
    models = make_models(seed, 2, loose)
    assert models.row() == pytest.approx(literal_features(models), rel=1e-4, abs=1e-5)


@given(seeds, distances)
def test_swapping_the_models_changes_nothing(seed: int, loose: float) -> None:
    models = make_models(seed, 2, loose)
    assert models.row() == pytest.approx(models.row(1, 0), abs=1e-5)


@given(seeds, distances)
def test_what_has_bounds_stays_within(seed: int, loose: float) -> None:
    row = make_models(seed, 2, loose).row()
    for name in ("able.contrast_distance", "able.paper_distance"):
        assert 0 <= row[name] <= 2
    assert min(row["likelihood.log_kl"], row["likelihood.log_winsorised_kl"]) >= math.log(SMALLEST)
    assert row["likelihood.log_winsorised_kl"] <= row["likelihood.log_kl"] + 1e-9


@given(seeds)
def test_a_model_and_itself(seed: int) -> None:
    row = make_models(seed, 1).row(0, 0)
    for name in ("able.contrast_distance", "able.paper_distance"):
        assert row[name] == pytest.approx(0, abs=1e-6)
    assert row["likelihood.log_kl"] == row["likelihood.log_winsorised_kl"] == math.log(SMALLEST)


def test_many_others_give_the_values_of_each_alone() -> None:
    models = make_models(1, 6)
    together = models.values(0, range(1, 6))
    for other in range(1, 6):
        row = features_of(Comparison(reference="other", signals=together[other - 1]))
        assert row == pytest.approx(models.row(0, other), rel=1e-6)
    for signal, stack in ((ABLE, models.able), (LIKELIHOOD, models.likelihood)):
        assert len(compare(signal, stack, 0, [])) == 0


def test_what_lies_below_the_floor_counts_as_the_floor() -> None:
    """Of either side; how far below is of no account."""
    models = make_models(3, 2)
    loglik = models.likelihood.arrays[LOGLIK].copy()
    assert (loglik < LOWEST).any()
    loglik[loglik < LOWEST] -= 1000
    lower = with_arrays(models.able.arrays[CONTRAST], models.able.arrays[PAPER], loglik)
    assert lower.row() == models.row()


# What was not measured is not there


@pytest.mark.parametrize(("left", "known"), [(MIN_TEXTS, True), (MIN_TEXTS - 1, False)])
def test_too_few_common_texts_are_no_feature(left: int, known: bool) -> None:
    models = make_models(1, 2)
    loglik = models.likelihood.arrays[LOGLIK].copy()
    common = np.flatnonzero(np.isfinite(loglik).all(axis=0))
    loglik[1, common[left:]] = np.nan
    few = with_arrays(models.able.arrays[CONTRAST], models.able.arrays[PAPER], loglik)
    row = few.row()
    assert {"able.contrast_distance", "able.paper_distance"} <= row.keys()
    assert ("likelihood.log_kl" in row) == ("likelihood.log_winsorised_kl" in row) == known
    assert all(math.isfinite(value) for value in row.values())
    found = few.values(0, [1])[0]["likelihood"]
    if not known:
        assert isinstance(found, NotMeasured)
        assert found.not_measured == f"only {left} texts were measured by both models; at least {MIN_TEXTS} are needed"


def test_a_model_without_attributions_is_at_no_distance() -> None:
    """Such a row is never judged; 1 would read as a measured distance."""
    mute = without_attributions(make_models(1, 2), 1)
    for first, second in ((0, 1), (1, 0), (1, 1)):
        found = mute.values(first, [second])[0]["able"]
        assert isinstance(found, NotMeasured) and "attributions are all zero" in found.not_measured
        assert "able.contrast_distance" not in mute.row(first, second)
    assert isinstance(mute.values(0, [0])[0]["able"], AbleValues)


# The contract of every signal


def all_values() -> dict[str, SignalValues | NotMeasured]:
    one, two = (sketched(random_model(seed, blocks=2, neurons=12)) for seed in (1, 2))
    weights = compare_sketches(one, two)
    return {**make_models(5, 2).values(0, [1])[0], "weights": weights}


@pytest.mark.parametrize("name", all_signals())
def test_every_signal_gives_the_features_that_it_names(name: str) -> None:
    signal, values = find_signal(name), all_values()[name]
    assert isinstance(values, SignalValues)
    assert tuple(signal.features(values)) == signal.feature_names


def test_features_bear_the_name_of_their_signal() -> None:
    row = features_of(Comparison(reference="other", signals=all_values()))
    assert list(row) == [f"{name}.{feature}" for name, one in all_signals().items() for feature in one.feature_names]
    assert list(row) == [
        "able.contrast_distance",
        "able.paper_distance",
        "likelihood.log_kl",
        "likelihood.log_winsorised_kl",
        "weights.kin_match",
        "weights.anchored_match",
        "weights.coordinate_match",
        "weights.intrinsic_match",
    ]


@given(seeds, distances)
def test_features_follow_from_what_a_report_states(seed: int, loose: float) -> None:
    """Written as JSON and read again they are the same numbers, to the last bit."""
    for name, values in make_models(seed, 2, loose).values(0, [1])[0].items():
        signal = find_signal(name)
        assert isinstance(values, SignalValues)
        again = signal.values.model_validate_json(values.model_dump_json())
        assert signal.features(again) == signal.features(values)


def test_intervals_change_no_feature() -> None:
    models = make_models(2, 3)
    for signal, stack in ((ABLE, models.able), (LIKELIHOOD, models.likelihood)):
        sketch = sketch_at(signal, stack, 0)
        with_them, without = (signal.compare(sketch, stack, intervals=on) for on in (True, False))
        for one, two in zip(with_them, without, strict=True):
            assert isinstance(one, SignalValues) and isinstance(two, SignalValues)
            assert signal.features(one) == signal.features(two)
