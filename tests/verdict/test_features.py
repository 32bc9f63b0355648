"""Features of a pair against the same numbers computed entry by entry."""

from __future__ import annotations

import math
import statistics
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provcheck.bank import Bank
from provcheck.comparison.divergence import MIN_TEXTS, clip_floor
from provcheck.types import Floats
from provcheck.verdict.features import LOG_FLOOR, NAMES, Space, Vectors, pair_features

BLOCKS, WIDTH, TEXTS = 5, 8, 36
ROOTS = 4
ABLE, LOGLIK = slice(0, 6), slice(6, None)

seeds = st.integers(0, 10_000)
distances = st.sampled_from([0.0, 0.01, 0.3, 1.0])


def make_vectors(seed: int, models: int, loose: float = 1.0) -> Vectors:
    """Models that share a part; a few texts are very improbable, and a few were left out."""
    stream = np.random.default_rng(seed)
    shared = stream.normal(size=(BLOCKS, WIDTH))
    contrast, paper = (shared + loose * stream.normal(size=(models, BLOCKS, WIDTH)) for _ in range(2))
    loglik = -100 + 10 * stream.normal(size=TEXTS) + loose * 5 * stream.normal(size=(models, TEXTS))
    loglik[:, stream.integers(TEXTS)] -= 300
    loglik[np.arange(models), stream.integers(TEXTS, size=models)] = np.nan
    return Vectors(contrast.astype(np.float32), paper.astype(np.float32), loglik)


def make_space(seed: int) -> Space:
    """The space of a few roots; no bank is needed for it."""
    roots = make_vectors(seed, ROOTS)
    centred = roots.loglik_nats - np.nanmean(roots.loglik_nats, axis=1, keepdims=True)
    return Space(
        contrast_centre=roots.contrast.astype(np.float64).mean(axis=0),
        loglik_centre=np.nanmean(centred, axis=0),
        loglik_known=np.isfinite(centred).sum(axis=0).astype(float),
        floor_nats=clip_floor(roots.loglik_nats),
        mean_text_bytes=60.0,
        roots=tuple(f"root-{n}" for n in range(ROOTS)),
    )


def features_of(space: Space, vectors: Vectors, first: int = 0, second: int = 1) -> Floats:
    return np.asarray(space.features(vectors.rows([first]), vectors.rows([second]))[0])


def literal_features(space: Space, vectors: Vectors) -> list[float]:
    """The features of the first two models, entry by entry."""
    contrast = [model.astype(float).tolist() for model in vectors.contrast]
    paper = [model.astype(float).tolist() for model in vectors.paper]
    centre = space.contrast_centre.tolist()
    centred = [
        [[x - c for x, c in zip(block, middle, strict=True)] for block, middle in zip(model, centre, strict=True)]
        for model in contrast
    ]
    block_cosines = [literal_cosine(one, two) for one, two in zip(*centred, strict=True)]
    distance = 1 - literal_cosine(*map(flat, centred))
    agreement = statistics.fmean(block_cosines) / max(statistics.pstdev(block_cosines), 0.05)
    return [
        1 - literal_cosine(*map(flat, contrast)),
        1 - literal_cosine(*map(flat, paper)),
        distance,
        distance + 1.96 * literal_jackknife(*centred),
        statistics.median(block_cosines),
        min(agreement, 20.0),
        *literal_loglik(space, *vectors.loglik_nats.tolist()),
    ]


def literal_jackknife(first: list[list[float]], second: list[list[float]]) -> float:
    """sqrt((B - 1) / B sum_b (d_b - mean d)^2), d_b the distance without block b."""
    left = []
    for gone in range(BLOCKS):
        one, two = (flat([block for place, block in enumerate(side) if place != gone]) for side in (first, second))
        left.append(1 - literal_cosine(one, two))
    mean = statistics.fmean(left)
    return math.sqrt((BLOCKS - 1) / BLOCKS * sum((d - mean) ** 2 for d in left))


def literal_loglik(space: Space, first: list[float], second: list[float]) -> list[float]:
    """The last five features."""
    sides = (first, second, space.loglik_centre.tolist())
    common = [text for text in range(TEXTS) if not any(math.isnan(side[text]) for side in sides)]
    one, two = ([max(side[text], space.floor_nats) for text in common] for side in (first, second))
    differences = [a - b for a, b in zip(one, two, strict=True)]
    gap = abs(statistics.fmean(differences)) / (space.mean_text_bytes * math.log(2))
    differences = [d - statistics.fmean(differences) for d in differences]
    kl = statistics.fmean([d**2 for d in differences])
    fourth = statistics.fmean([d**4 for d in differences])
    limit = 3 * statistics.median([abs(d) for d in differences])
    winsorised = statistics.fmean([min(abs(d), limit) ** 2 for d in differences])
    unit = 2 * space.mean_text_bytes * math.log(2)
    centred = [
        [x - statistics.fmean(side) - space.loglik_centre[text] for x, text in zip(side, common, strict=True)]
        for side in (one, two)
    ]
    return [
        math.log(max(kl / unit, LOG_FLOOR)),
        math.log(max(winsorised / unit, LOG_FLOOR)),
        math.sqrt((fourth - kl**2) / len(common)) / kl,
        literal_cosine(*centred),
        gap,
    ]


def literal_cosine(first: list[float], second: list[float]) -> float:
    product = sum(a * b for a, b in zip(first, second, strict=True))
    return product / math.sqrt(sum(a * a for a in first) * sum(b * b for b in second))


def flat(blocks: list[list[float]]) -> list[float]:
    return [value for block in blocks for value in block]


@given(seeds, st.sampled_from([0.05, 1.0, 3.0]))
def test_against_entry_by_entry(seed: int, loose: float) -> None:
    space, vectors = make_space(seed), make_vectors(seed, 2, loose)
    np.testing.assert_allclose(features_of(space, vectors), literal_features(space, vectors), rtol=1e-4, atol=1e-5)


@given(seeds, distances)
def test_swapping_the_models_changes_nothing(seed: int, loose: float) -> None:
    space, vectors = make_space(seed), make_vectors(seed, 2, loose)
    np.testing.assert_allclose(features_of(space, vectors), features_of(space, vectors, 1, 0), atol=1e-5)


@given(seeds, distances)
def test_what_has_bounds_stays_within(seed: int, loose: float) -> None:
    row = dict(zip(NAMES, features_of(make_space(seed), make_vectors(seed, 2, loose)), strict=True))
    for name in ("contrast_distance", "paper_distance", "centred_distance"):
        assert 0 <= row[name] <= 2
    for name in ("centred_block_median", "loglik_cosine"):
        assert -1 - 1e-6 <= row[name] <= 1 + 1e-6
    assert row["centred_distance_high"] >= row["centred_distance"]
    assert abs(row["centred_block_agreement"]) <= 20 + 1e-3
    assert min(row["log_kl"], row["log_winsorised_kl"]) >= math.log(LOG_FLOOR)
    assert row["kl_relative_error"] >= 0 and row["loglik_gap"] >= 0


@given(seeds)
def test_a_model_and_itself(seed: int) -> None:
    row = dict(zip(NAMES, features_of(make_space(seed), make_vectors(seed, 1), 0, 0), strict=True))
    for name in ("contrast_distance", "paper_distance", "centred_distance", "loglik_gap"):
        assert row[name] == pytest.approx(0, abs=1e-6)
    for name in ("centred_block_median", "loglik_cosine"):
        assert row[name] == pytest.approx(1)
    assert row["centred_block_agreement"] == pytest.approx(20)
    assert row["log_kl"] == row["log_winsorised_kl"] == math.log(LOG_FLOOR)


def test_many_others_give_the_rows_of_each_alone() -> None:
    space, vectors = make_space(1), make_vectors(1, 6)
    together = space.features(vectors.rows([0]), vectors.rows(slice(1, 6)))
    assert together.shape == (5, len(NAMES))
    for other in range(1, 6):
        np.testing.assert_allclose(together[other - 1], features_of(space, vectors, 0, other), rtol=1e-6)
    assert space.features(vectors.rows([0]), vectors.rows([])).shape == (0, len(NAMES))


@pytest.mark.parametrize(("left", "known"), [(MIN_TEXTS, True), (MIN_TEXTS - 1, False)])
def test_too_few_common_texts_are_not_a_number(left: int, known: bool) -> None:
    space, vectors = make_space(1), make_vectors(1, 2)
    loglik = vectors.loglik_nats.copy()
    common = np.flatnonzero(np.isfinite(loglik).all(axis=0))
    loglik[1, common[left:]] = np.nan
    row = features_of(space, replace(vectors, loglik_nats=loglik))
    assert np.isfinite(row[ABLE]).all()
    assert np.isfinite(row[LOGLIK]).all() == known
    assert known or np.isnan(row[LOGLIK]).all()


def test_a_model_without_attributions_is_at_no_distance() -> None:
    """Such a row is never judged; 1 would read as a measured distance."""
    space, vectors = make_space(1), make_vectors(1, 2)
    mute = replace(vectors, contrast=vectors.contrast * np.array([1, 0], dtype=np.float32)[:, None, None])
    for first, second in ((0, 1), (1, 0)):
        assert np.isnan(features_of(space, mute, first, second)[NAMES.index("contrast_distance")])


def test_the_space_of_a_bank(zoo: Bank) -> None:
    """Means over the roots, entry by entry; a text that no root measured has no centre."""
    loglik = zoo.loglik_nats.copy()
    loglik[:, 3] = np.nan
    loglik[5, 4] = np.nan
    roots = [0, 4, 5]
    space = Space.of(replace(zoo, loglik_nats=loglik), roots)
    clipped = {row: np.maximum(loglik[row].astype(float), space.floor_nats) for row in roots}
    centred = {row: clipped[row] - np.nanmean(clipped[row]) for row in roots}
    assert np.flatnonzero(np.isnan(space.loglik_centre)).tolist() == [3]
    assert space.loglik_centre[4] == pytest.approx((centred[0][4] + centred[4][4]) / 2)
    assert space.loglik_centre[7] == pytest.approx(sum(centred[row][7] for row in roots) / 3)
    expected = sum(zoo.contrast_blocks[row].astype(float) for row in roots) / 3
    np.testing.assert_allclose(space.contrast_centre, expected)
    assert space.floor_nats == np.nanquantile(loglik[roots], 0.02)
    assert space.mean_text_bytes == zoo.manifest.mean_text_bytes
    assert space.roots == ("org/root-0", "org/root-1", "org/root-1-quantize")


def test_the_space_knows_the_roots_only(zoo: Bank) -> None:
    others = np.ones(len(zoo.references), dtype=bool)
    others[[0, 4]] = False
    loglik, contrast = zoo.loglik_nats.copy(), zoo.contrast_blocks.copy()
    loglik[others] -= 1000
    contrast[others] = 7
    there, here = Space.of(zoo, [0, 4]), Space.of(replace(zoo, loglik_nats=loglik, contrast_blocks=contrast), [0, 4])
    np.testing.assert_array_equal(there.loglik_centre, here.loglik_centre)
    np.testing.assert_array_equal(there.contrast_centre, here.contrast_centre)
    assert there.floor_nats == here.floor_nats


ROWS = (0, 4, 8, 12)
"""The first four roots of the synthetic bank."""


@pytest.mark.parametrize("gone", [[], [0], [0, 12], list(ROWS)])
def test_without_some_roots_it_is_the_space_of_the_others(zoo: Bank, gone: list[int]) -> None:
    loglik = zoo.loglik_nats.copy()
    loglik[[0, 4, 8, 12], 3] = np.nan
    loglik[12, 4] = np.nan
    bank = replace(zoo, loglik_nats=loglik)
    space = Space.of(bank, list(ROWS))
    left = space.without(Vectors.of(bank).rows(gone))
    kept = [row for row in ROWS if row not in gone]
    assert np.isnan(left.loglik_centre[3])
    if not kept:
        np.testing.assert_allclose(left.contrast_centre, 0, atol=1e-5)
        assert np.isnan(left.loglik_centre).all()
        return
    np.testing.assert_allclose(left.contrast_centre, Space.of(bank, kept).contrast_centre, atol=1e-6)
    clipped = [np.maximum(loglik[row].astype(float), space.floor_nats) for row in kept]
    rows = np.array([row - np.nanmean(row) for row in clipped])
    np.testing.assert_allclose(left.loglik_centre[4:], np.nanmean(rows[:, 4:], axis=0), atol=1e-9)


def test_a_pair_is_seen_from_the_roots_of_neither(zoo: Bank) -> None:
    """A child of root 0 against a merge of roots 0 and 1, a child of root 1, and root 5, which is not in the space."""
    vectors, space = Vectors.of(zoo), Space.of(zoo, list(ROWS))
    merge = len(zoo.references) - 1
    child, others = vectors.rows([1]), [merge, 5, 20]
    found = pair_features(zoo, space, child, zoo.kinship.roots(zoo.references[1].id), others)
    for row, other, gone in zip(found, others, ([0, 4], [0, 4], [0]), strict=True):
        alone = space.without(vectors.rows(gone)).features(child, vectors.rows([other]))[0]
        np.testing.assert_allclose(row, alone, rtol=1e-6)


def test_strangers_are_as_far_apart_inside_a_bank_as_from_outside(zoo: Bank) -> None:
    """Else a p-value that comes from pairs inside would accuse strangers from outside."""
    column = NAMES.index("centred_distance")
    rows = [row for row, reference in enumerate(zoo.references) if not reference.parents]
    inside, outside = rows[:10], rows[10:]
    vectors, space = Vectors.of(zoo), Space.of(zoo, inside)

    def mean_distance(subjects: list[int], others: list[int]) -> float:
        found = [
            pair_features(zoo, space, vectors.rows([row]), zoo.kinship.roots(zoo.references[row].id), others)
            for row in subjects
        ]
        return float(np.mean([one[:, column].mean() for one in found]))

    within = mean_distance(inside[:5], inside[5:])
    assert mean_distance(outside, inside) == pytest.approx(within, abs=0.03)
    assert mean_distance(outside[:1], outside[1:]) == pytest.approx(within, abs=0.05)
