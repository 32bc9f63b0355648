"""Which pairs the judge is trained on, and that no root is on both sides of a fold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from provcheck.bank import Bank
from provcheck.comparison import compare
from provcheck.signals import features_of
from provcheck.signals.able.values import CONTRAST
from provcheck.signals.likelihood.values import LOGLIK
from provcheck.types import Bools, Floats, NotMeasured, Relation
from provcheck.verdict import training
from provcheck.verdict.svm import LinearSVM, fit_plane
from provcheck.verdict.training import FOLDS, REPEATS, Pairs, documented_pairs, every_pair, out_of_fold_scores
from tests.synthetic import make_reference, row_of, stacked
from tests.verdict.zoo import line_of, make_zoo, root_measurement, with_stacked

NAMES = ("able.contrast_distance", "able.paper_distance", "likelihood.log_kl", "likelihood.log_winsorised_kl")
READ = (NAMES[0], NAMES[3])


@pytest.fixture(scope="module")
def pairs(zoo: Bank) -> Pairs:
    return documented_pairs(zoo)


def names(bank: Bank, pairs: Pairs) -> set[tuple[str, str]]:
    return {(bank.references[i].id, bank.references[j].id) for i, j in pairs.models}


def test_all_pairs_with_their_relations(zoo: Bank, pairs: Pairs) -> None:
    ids = [reference.id for reference in zoo.references]
    assert [tuple(pair) for pair in pairs.models] == list(combinations(range(len(ids)), 2))
    for (i, j), relation in zip(pairs.models, pairs.relations, strict=True):
        assert relation is zoo.ancestry.relation(ids[i], ids[j])
    assert set(pairs.relations) == {*Relation} - {Relation.INCONCLUSIVE}
    assert pairs.related.tolist() == [relation.related for relation in pairs.relations]


def test_their_features_are_those_of_an_audit(zoo: Bank, pairs: Pairs) -> None:
    """What the judge was fitted on is what it is asked about: one of the two as a subject from outside."""
    assert pairs.names == NAMES
    for row in (0, 7, 23, len(zoo.references) - 2):
        found = {one.reference: features_of(one) for one in compare(row_of(zoo, row), zoo)}
        for place in np.flatnonzero(pairs.models[:, 0] == row):
            expected = found[zoo.references[pairs.models[place, 1]].id]
            assert dict(zip(NAMES, pairs.features[place].tolist(), strict=True)) == pytest.approx(expected, rel=1e-6)


def test_only_the_rows_that_are_asked(zoo: Bank, pairs: Pairs) -> None:
    """Whether the others are left out afterwards or not computed at all."""
    asked = pairs.among([9, 2, 30])
    assert asked.models.tolist() == [[2, 9], [2, 30], [9, 30]]
    alone = documented_pairs(zoo, [9, 2, 30])
    assert (alone.names, alone.relations, alone.models.tolist()) == (
        asked.names,
        asked.relations,
        asked.models.tolist(),
    )
    np.testing.assert_allclose(alone.features, asked.features, rtol=1e-9)
    assert pairs.among([]).models.shape == pairs.among([4]).models.shape == (0, 2)


def test_columns_by_name(pairs: Pairs) -> None:
    np.testing.assert_array_equal(pairs.columns([NAMES[3], NAMES[0]]), pairs.features[:, [3, 0]])
    with pytest.raises(ValueError, match="not in"):
        pairs.columns(["able.nothing"])


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
    assert names(bank, documented_pairs(bank).among(range(4))) == expected


def test_pairs_that_only_a_distillation_connects_are_skipped(tmp_path: Path) -> None:
    """They are neither related nor independent; and the student is independent of all others."""
    student = make_reference("org/student", "org/root-0", family="family-1", mechanism="distillation")
    lines = [*line_of(0)[:2], *line_of(1)[:1]]
    bank = make_zoo(tmp_path / "bank", [*lines, (student, root_measurement(50))])
    found, everything = documented_pairs(bank), every_pair(bank)
    assert len(everything.models) == 6 and everything.documented.models.tolist() == found.models.tolist()
    taught = {("org/root-0", "org/student"), ("org/root-0-quantize", "org/student")}
    assert names(bank, everything) - names(bank, found) == taught
    relations = dict(zip(map(tuple, found.models.tolist()), found.relations, strict=True))
    assert relations[2, 3] is Relation.SAME_RECIPE


def test_pairs_that_could_not_be_measured_are_skipped(zoo: Bank) -> None:
    """Each where its feature is asked for, and nowhere else."""
    loglik, contrast = stacked(zoo, LOGLIK).copy(), stacked(zoo, CONTRAST).copy()
    loglik[1, 5:] = np.nan
    contrast[2] = 0
    found = documented_pairs(with_stacked(zoo, {LOGLIK: loglik, CONTRAST: contrast})).among(range(6))
    assert len(found.models) == 15
    kept = found.measured(NAMES).models
    assert set(kept.ravel().tolist()) == {0, 3, 4, 5}
    assert len(kept) == 6
    assert set(found.measured(NAMES[:1]).models.ravel().tolist()) == {0, 1, 3, 4, 5}
    assert set(found.measured(NAMES[2:]).models.ravel().tolist()) == {0, 2, 3, 4, 5}
    assert len(found.measured([]).models) == 15


def test_a_reference_that_a_signal_could_not_measure(tmp_path: Path) -> None:
    """Its other features are known; and the features of the others stay with them, whatever row each has."""
    models = [model for number in range(3) for model in line_of(number)]
    reference, measurement = models[1]
    mute = replace(measurement, signals={**measurement.signals, "able": NotMeasured(not_measured="no gradients")})
    whole = documented_pairs(make_zoo(tmp_path / "whole", models))
    found = documented_pairs(make_zoo(tmp_path / "part", [models[0], (reference, mute), *models[2:]]))
    np.testing.assert_array_equal(found.models, whole.models)
    with_it = (found.models == 1).any(axis=1)
    assert np.isnan(found.features[with_it][:, :2]).all()
    np.testing.assert_array_equal(found.features[~with_it], whole.features[~with_it])
    np.testing.assert_array_equal(found.features[:, 2:], whole.features[:, 2:])


def test_a_bank_without_a_signal_has_only_the_features_of_the_other(zoo: Bank, pairs: Pairs) -> None:
    for signal, kept in (("able", slice(0, 2)), ("likelihood", slice(2, 4))):
        bank = replace(zoo, stacks={signal: zoo.stacks[signal]})
        found = documented_pairs(bank)
        assert list(found.names) == list(NAMES[kept])
        np.testing.assert_array_equal(found.features, pairs.features[:, kept])
    nothing = documented_pairs(replace(zoo, stacks={}))
    assert not nothing.names and nothing.features.shape == (len(pairs.models), 0)


def test_no_pairs_at_all(zoo: Bank) -> None:
    bank = with_stacked(zoo, {LOGLIK: np.full_like(stacked(zoo, LOGLIK), np.nan)})
    for rows in (range(5), [0], []):
        none = documented_pairs(bank).among(rows).measured(NAMES)
        assert (none.features.shape, none.models.shape, none.relations) == ((0, len(NAMES)), (0, 2), ())
        assert (~none.related).sum() == 0


@dataclass
class Fold:
    """What one machine was trained on and asked, as places in the list of pairs."""

    trained: list[int]
    tested: list[int]


@pytest.fixture
def folds(monkeypatch: pytest.MonkeyPatch, pairs: Pairs) -> Iterator[list[Fold]]:
    """The folds, as `fit_plane` and its machines see them: pairs are found again by their features."""
    place_of = {row.tobytes(): place for place, row in enumerate(pairs.columns(READ))}
    assert len(place_of) == len(pairs.features)
    seen: list[Fold] = []

    class Spy(LinearSVM):
        def scores(self, features: Floats) -> Floats:
            seen[-1].tested = [place_of[row.tobytes()] for row in features]
            return super().scores(features)

    def spy(features: Floats, positive: Bools, directions: dict[str, int]) -> LinearSVM:
        assert directions == dict.fromkeys(READ, -1)
        seen.append(Fold([place_of[row.tobytes()] for row in features], []))
        np.testing.assert_array_equal(positive, pairs.related[seen[-1].trained])
        return Spy(**vars(fit_plane(features, positive, directions)))

    monkeypatch.setattr(training, "fit_plane", spy)
    return seen  # type: ignore[return-value]


def test_no_root_is_on_both_sides(zoo: Bank, pairs: Pairs, folds: list[Fold]) -> None:
    """Not even as a parent of a merge."""
    out_of_fold_scores(zoo, pairs, READ, pairs.related)
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
    scores = out_of_fold_scores(zoo, pairs, READ, pairs.related)
    given: dict[int, list[float]] = {}
    for fold in folds:
        features = pairs.columns(READ)
        machine = fit_plane(features[fold.trained], pairs.related[fold.trained], dict.fromkeys(READ, -1))
        for place, score in zip(fold.tested, machine.scores(features[fold.tested]), strict=True):
            given.setdefault(place, []).append(float(score))
    for place in range(len(scores)):
        assert scores[place] == pytest.approx(np.mean(given[place]) if place in given else np.nan, nan_ok=True)
    assert set(given) >= set(np.flatnonzero(pairs.related & within_one_root(zoo, pairs)).tolist())


def roots_of(bank: Bank, pairs: Pairs, places: list[int]) -> frozenset[str]:
    rows = set(pairs.models[places].ravel().tolist())
    return frozenset().union(*(bank.ancestry.roots(bank.references[row].id) for row in rows))


def within_one_root(bank: Bank, pairs: Pairs) -> Bools:
    return np.array([len(roots_of(bank, pairs, [place])) == 1 for place in range(len(pairs.models))])


def test_the_same_every_time(zoo: Bank, pairs: Pairs) -> None:
    once, again = (out_of_fold_scores(zoo, pairs, READ, pairs.related) for _ in range(2))
    np.testing.assert_array_equal(once, again)
