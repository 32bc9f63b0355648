"""The documented pairs of a bank with their features, and scores cross-validated with no random start on both sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from provcheck.bank import Bank
from provcheck.signals import all_signals, directions
from provcheck.signals.stacks import compare_all
from provcheck.types import Bools, Floats, Ints, Relation
from provcheck.verdict.svm import fit_plane

FOLDS, REPEATS, SEED = 4, 10, 20263


@dataclass(frozen=True)
class Pairs:
    """Pairs of a bank: features (P, F) by name, relation of each, and the two models (P, 2) as rows of the bank.

    NaN: one of the two models lacks the signal.
    """

    names: tuple[str, ...]
    features: Floats
    relations: tuple[Relation, ...]
    models: Ints

    @property
    def related(self) -> Bools:
        """(P,) whether a pair counts as an accusation."""
        return np.array([relation.related for relation in self.relations], dtype=bool)

    @property
    def documented(self) -> Pairs:
        """Those whose relation is documented."""
        return self.where(np.array([one is not Relation.INCONCLUSIVE for one in self.relations], dtype=bool))

    def columns(self, names: Sequence[str]) -> Floats:
        """(P, len(names)) some of the features. Raises ValueError for one that no signal has."""
        return self.features[:, [self.names.index(name) for name in names]]

    def where(self, chosen: Bools) -> Pairs:
        """The chosen pairs."""
        kept = tuple(relation for relation, keep in zip(self.relations, chosen, strict=True) if keep)
        return Pairs(self.names, self.features[chosen], kept, self.models[chosen])

    def among(self, rows: Sequence[int]) -> Pairs:
        """The pairs whose models are both among these rows."""
        return self.where(np.asarray(np.isin(self.models, np.array(rows, dtype=np.int64)).all(axis=1)))

    def measured(self, names: Sequence[str]) -> Pairs:
        """The pairs for which all these features are known."""
        return self.where(np.asarray(np.isfinite(self.columns(names)).all(axis=1)))


def documented_pairs(bank: Bank, rows: Sequence[int] | None = None) -> Pairs:
    """All pairs of a bank, or of some of its rows, whose relation is documented, with the values an audit gives.

    Two models that only a distillation connects are neither related nor independent, and no such pair.
    """
    return every_pair(bank, rows).documented


def every_pair(bank: Bank, rows: Sequence[int] | None = None) -> Pairs:
    """The same with those pairs, too, whose relation is not documented: it is inconclusive."""
    chosen = np.arange(len(bank.references)) if rows is None else np.unique(rows)
    names, features = pair_features(bank, chosen)
    first, second = np.triu_indices(len(chosen), 1)
    ids = [bank.references[row].id for row in chosen]
    relations = tuple(bank.ancestry.relation(ids[i], ids[j]) for i, j in zip(first, second, strict=True))
    models = np.column_stack([chosen[first], chosen[second]]).astype(np.int64)
    return Pairs(names, features[first, second], relations, models)


def pair_features(bank: Bank, chosen: Ints | None = None) -> tuple[tuple[str, ...], Floats]:
    """Names of all features, and (M, M, F) values above the diagonal: of each reference against those after it.

    `chosen`: rows of the bank, in its order; all by default.
    """
    chosen = np.arange(len(bank.references)) if chosen is None else chosen
    total = len(chosen)
    names: list[str] = []
    parts = []
    for signal in all_signals().values():
        if signal.name not in bank.stacks or not signal.feature_names:
            continue
        names += [f"{signal.name}.{feature}" for feature in signal.feature_names]
        stack, rows = bank.part(signal.name, chosen)
        values = np.full((total, total, len(signal.feature_names)), np.nan)
        for first, second, found in compare_all(signal, stack):
            features = signal.features(found)
            values[rows[first], rows[second]] = [features[feature] for feature in signal.feature_names]
        parts.append(values)
    return tuple(names), np.concatenate(parts, axis=2) if parts else np.empty((total, total, 0))


def out_of_fold_scores(bank: Bank, pairs: Pairs, names: tuple[str, ...], positive: Bools) -> Floats:
    """(P,) mean score of each pair over the repeats in which neither model's roots were trained on; else NaN.

    Roots are dealt into folds, those of one initialisation into the same; a pair is tested when all roots of both
    models lie in one fold, and trained on when none of them does. Pairs across folds are on neither side.
    """
    starts = [bank.ancestry.initialisations(reference.id) for reference in bank.references]
    everyone = sorted(frozenset().union(*(starts[row] for row in np.unique(pairs.models))))
    features, directed = pairs.columns(names), directions(names)
    total, count = np.zeros(len(positive)), np.zeros(len(positive))
    stream = np.random.RandomState(SEED)
    for _ in range(REPEATS):
        fold_of = dict(zip(everyone, stream.permutation(len(everyone)) % FOLDS, strict=True))
        folds = [{fold_of[start] for start in starts[i] | starts[j]} for i, j in pairs.models]
        for fold in range(FOLDS):
            tested = np.array([touched == {fold} for touched in folds])
            trained = np.array([fold not in touched for touched in folds])
            if not tested.any() or len(set(positive[trained])) < 2:
                continue
            machine = fit_plane(features[trained], positive[trained], directed)
            total[tested] += machine.scores(features[tested])
            count[tested] += 1
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
