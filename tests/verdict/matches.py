"""Matches of weights for the synthetic bank, by documented lineage; no weights lie behind them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from provcheck.bank import Bank
from provcheck.bank.manifest import BankSignal
from provcheck.signals.weights import Weights
from provcheck.signals.weights.values import INTRINSIC_COUNTS, WeightsValues
from provcheck.types import Comparison, Floats, NotMeasured, Relation, SignalValues
from provcheck.verdict.training import Pairs, documented_pairs

MATCHES = ("weights.kin_match", "weights.anchored_match", "weights.coordinate_match", "weights.intrinsic_match")
Three = tuple[float, float, float]
"""Anchored, coordinate and intrinsic match."""

COPY: Three = (1.0, 1.0, 1.0)
TUNED: Three = (0.8, 0.9, 0.7)
ROTATED: Three = (0.8, 0.02, 0.7)
SEED: Three = (0.03, 0.7, 0.01)
"""Of one initialisation, trained apart."""
STRANGER: Three = (0.02, 0.03, 0.01)


def with_weights(bank: Bank) -> Bank:
    """The bank as if it had been measured by weights, too; its pairs are those of `pairs_with_matches`."""
    signal = Weights()
    facts = BankSignal(version=signal.version, material="0" * 64, context={})
    manifest = bank.manifest.model_copy(update={"signals": {**bank.manifest.signals, "weights": facts}})
    return replace(bank, manifest=manifest)


def pairs_with_matches(bank: Bank, *, initialised_alike: float = 0.3) -> Pairs:
    """The documented pairs with matches beside their other features.

    A tenth of the related pairs is rotated; a share of the roots of one recipe, with their kin, began alike.
    """
    pairs = documented_pairs(bank)
    stream = np.random.default_rng(11)
    count = len(pairs.relations)
    matches = np.abs(stream.normal(0.02, 0.03, (count, 3))) / (1, 1, INTRINSIC_COUNTS)
    recipe = np.array([relation is Relation.SAME_RECIPE for relation in pairs.relations])
    alike = recipe & (stream.random(count) < initialised_alike)
    matches[alike, 1] = stream.uniform(0.4, 0.9, alike.sum())
    matches[pairs.related] = stream.uniform((0.4, 0.4, 0.15), (1.0, 1.0, 0.9), (pairs.related.sum(), 3))
    matches[[relation is Relation.IDENTICAL for relation in pairs.relations]] = 0.99
    matches[pairs.related & (stream.random(count) < 0.1), 1] = 0.02
    kin = (matches[:, [0, 2]] * (1, INTRINSIC_COUNTS)).max(axis=1, keepdims=True).clip(0, 1)
    return Pairs((*pairs.names, *MATCHES), np.hstack([pairs.features, kin, matches]), pairs.relations, pairs.models)


def without_signal(pairs: Pairs, signal: str, rows: Iterable[int]) -> Pairs:
    """The pairs as if one signal had not measured these models of the bank."""
    features: Floats = pairs.features.copy()
    touched = np.asarray(np.isin(pairs.models, list(rows)).any(axis=1))
    own = np.array([name.startswith(f"{signal}.") for name in pairs.names])
    features[touched[:, None] & own] = np.nan
    return replace(pairs, features=features)


def weights_values(match: Three) -> WeightsValues:
    """Values with these matches."""
    named = dict(zip(("anchored_match", "coordinate_match", "intrinsic_match"), match, strict=True))
    others = {"matched": 100, "neurons": 200, "blocks": ()}
    return WeightsValues.model_validate({**dict.fromkeys(WeightsValues.model_fields), **others, **named})


def matched(comparison: Comparison, match: Three) -> Comparison:
    """The comparison with these matches."""
    return with_values(comparison, {"weights": weights_values(match)})


def without_values(comparison: Comparison, *signals: str) -> Comparison:
    """The comparison as if these signals had not been measured."""
    return with_values(comparison, dict.fromkeys(signals, NotMeasured(not_measured="nobody could")))


def with_values(comparison: Comparison, values: Mapping[str, SignalValues | NotMeasured]) -> Comparison:
    """The comparison with other values of some signals."""
    return comparison.model_copy(update={"signals": {**comparison.signals, **values}})
