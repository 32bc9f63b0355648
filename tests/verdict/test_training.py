"""Which pairs the judge is trained on, and that no root is on both sides of a fold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from provcheck.bank import Bank
from provcheck.types import Floats, Relation
from provcheck.verdict import training
from provcheck.verdict.features import NAMES, Space, Vectors, pair_features
from provcheck.verdict.machine import Machine
from provcheck.verdict.training import (
    FOLDS,
    RELATED_BY,
    REPEATS,
    Bools,
    Pairs,
    documented_pairs,
    fit_surface,
    out_of_fold_scores,
)
from tests.synthetic import make_reference
from tests.verdict.zoo import line_of, make_zoo, root_measurement


@pytest.fixture(scope="module")
def pairs(zoo: Bank) -> Pairs:
    return documented_pairs(zoo, space_of(zoo), range(len(zoo.references)))


def space_of(bank: Bank) -> Space:
    return Space.of(bank, [row for row, reference in enumerate(bank.references) if not reference.parents])


def names(bank: Bank, pairs: Pairs) -> set[tuple[str, str]]:
    return {(bank.references[i].id, bank.references[j].id) for i, j in pairs.models}


def test_all_pairs_with_their_relations(zoo: Bank, pairs: Pairs) -> None:
    ids = [reference.id for reference in zoo.references]
    assert [tuple(pair) for pair in pairs.models] == list(combinations(range(len(ids)), 2))
    for (i, j), relation in zip(pairs.models, pairs.relations, strict=True):
        assert relation is zoo.kinship.relation(ids[i], ids[j])
    assert set(pairs.relations) == {*Relation} - {Relation.INCONCLUSIVE}
    assert pairs.related.tolist() == [relation.related for relation in pairs.relations]


def test_their_features(zoo: Bank, pairs: Pairs) -> None:
    space, vectors = space_of(zoo), Vectors.of(zoo)
    for place in range(0, len(pairs.models), 97):
        i, j = pairs.models[place]
        own = zoo.kinship.roots(zoo.references[i].id)
        expected = pair_features(zoo, space, vectors.rows([i]), own, [j])[0]
        np.testing.assert_allclose(pairs.features[place], expected, rtol=1e-6)


def test_only_the_rows_that_are_asked(zoo: Bank) -> None:
    rows = [9, 2, 30]
    assert documented_pairs(zoo, space_of(zoo), rows).models.tolist() == [[2, 9], [2, 30], [9, 30]]


def test_a_part_of_the_pairs(pairs: Pairs) -> None:
    chosen = pairs.where(pairs.related)
    assert chosen.related.all() and len(chosen.models) == len(chosen.features) == pairs.related.sum()
    assert len(chosen.where(~chosen.related).related) == 0


def test_undocumented_pairs_are_skipped(tmp_path: Path) -> None:
    found = make_reference("org/found", mechanism="undocumented")
    child = make_reference("org/found-tune", "org/found", mechanism="fine-tune")
    roots = [model for number in range(1, 5) for model in line_of(number)[:1]]
    models = [*line_of(0)[:2], (found, root_measurement(50)), (child, root_measurement(51)), *roots]
    bank = make_zoo(tmp_path / "bank", models)
    expected = {("org/root-0", "org/root-0-quantize"), ("org/found", "org/found-tune")}
    assert names(bank, documented_pairs(bank, space_of(bank), range(4))) == expected


def test_pairs_that_could_not_be_measured_are_skipped(zoo: Bank) -> None:
    loglik, contrast = zoo.loglik_nats.copy(), zoo.contrast_blocks.copy()
    loglik[1, 5:] = np.nan
    contrast[2] = 0
    bank = replace(zoo, loglik_nats=loglik, contrast_blocks=contrast)
    kept = documented_pairs(bank, space_of(bank), range(6)).models
    assert set(kept.ravel().tolist()) == {0, 3, 4, 5}
    assert len(kept) == 6


def test_no_pairs_at_all(zoo: Bank) -> None:
    bank = replace(zoo, loglik_nats=np.full_like(zoo.loglik_nats, np.nan))
    for rows in (range(5), [0], []):
        none = documented_pairs(bank, space_of(bank), rows)
        assert (none.features.shape, none.models.shape, none.relations) == ((0, len(NAMES)), (0, 2), ())
        assert (~none.related).sum() == 0


@dataclass
class Fold:
    """What one machine was trained on and asked, as places in the list of pairs."""

    trained: list[int]
    tested: list[int]


@pytest.fixture
def folds(monkeypatch: pytest.MonkeyPatch, pairs: Pairs) -> Iterator[list[Fold]]:
    """The folds, as `fit_surface` and its machines see them: pairs are found again by their features."""
    place_of = {row.tobytes(): place for place, row in enumerate(pairs.features)}
    assert len(place_of) == len(pairs.features)
    seen: list[Fold] = []

    class Spy(Machine):
        def scores(self, features: Floats) -> Floats:
            seen[-1].tested = [place_of[row.tobytes()] for row in features]
            return super().scores(features)

    def spy(features: Floats, positive: Bools, used: tuple[str, ...]) -> Machine:
        seen.append(Fold([place_of[row.tobytes()] for row in features], []))
        np.testing.assert_array_equal(positive, pairs.related[seen[-1].trained])
        return Spy(**vars(fit_surface(features, positive, used)))

    monkeypatch.setattr(training, "fit_surface", spy)
    return seen  # type: ignore[return-value]


def test_no_root_is_on_both_sides(zoo: Bank, pairs: Pairs, folds: list[Fold]) -> None:
    """Not even as a parent of a merge."""
    out_of_fold_scores(zoo, pairs, pairs.related)
    assert len(folds) == FOLDS * REPEATS
    merged = next(row for row, reference in enumerate(zoo.references) if len(reference.parents) == 2)
    merges_tested = 0
    for fold in folds:
        trained, tested = (roots_of(zoo, pairs, side) for side in (fold.trained, fold.tested))
        assert trained and tested and not trained & tested
        if merged in pairs.models[fold.tested]:
            merges_tested += 1
            assert {"org/root-0", "org/root-1"} <= tested
    assert 0 < merges_tested < FOLDS * REPEATS


def test_the_score_is_the_mean_over_the_machines_that_did_not_know_the_pair(
    zoo: Bank, pairs: Pairs, folds: list[Fold]
) -> None:
    scores = out_of_fold_scores(zoo, pairs, pairs.related)
    given: dict[int, list[float]] = {}
    for fold in folds:
        machine = fit_surface(pairs.features[fold.trained], pairs.related[fold.trained], RELATED_BY)
        for place, score in zip(fold.tested, machine.scores(pairs.features[fold.tested]), strict=True):
            given.setdefault(place, []).append(float(score))
    for place in range(len(scores)):
        assert scores[place] == pytest.approx(np.mean(given[place]) if place in given else np.nan, nan_ok=True)
    assert set(given) >= set(np.flatnonzero(pairs.related & within_one_root(zoo, pairs)).tolist())


def roots_of(bank: Bank, pairs: Pairs, places: list[int]) -> frozenset[str]:
    rows = set(pairs.models[places].ravel().tolist())
    return frozenset().union(*(bank.kinship.roots(bank.references[row].id) for row in rows))


def within_one_root(bank: Bank, pairs: Pairs) -> Bools:
    return np.array([len(roots_of(bank, pairs, [place])) == 1 for place in range(len(pairs.models))])


def test_the_same_every_time(zoo: Bank, pairs: Pairs) -> None:
    once, again = (out_of_fold_scores(zoo, pairs, pairs.related) for _ in range(2))
    np.testing.assert_array_equal(once, again)
