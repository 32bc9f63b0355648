"""Published ways to tell from two models' weights whether they are kin, as baselines for provcheck's own.

Each takes two models' parts and gives a similarity, the higher the more alike; NaN where it cannot compare them. They
are written from the papers' formulas. Deviations, all for speed, for models that the papers do not cover, or in the
method's favour, are stated at each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache, lru_cache
from math import log10, nan, sqrt

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.special import chdtrc, stdtr

from provcheck.types import Floats, Ints

from .parts import LayerParts, Parts

WEIGHT_NEURONS, ACTIVATION_NEURONS = 256, 128
"""Neurons of a layer that are matched; the time for an assignment grows with their cube."""

HUREF_LAYERS, HUREF_TOKENS = 2, 256
LEAST_TOKENS = 16
"""With fewer common tokens, the methods that go by embeddings cannot compare two models."""

LOWEST_P = 1e-300


def match_of_weights(first: Parts, second: Parts) -> float:
    """MATCH of Zhu et al. (Independence Tests for Language Models, 2025) on rows of weights.

    In layer l, match the neurons of the two models by the cosines of their gate rows, and once more by those of their
    up rows (linear assignment): p_l is the one-sided p-value of Spearman's correlation of the two matchings. Fisher's
    method combines the layers of equal index. Given is log10(1 - log10 p), which orders pairs as p does.

    Deviations: rows of weights instead of activations, so that a rotation of the residual stream hides a relation; a
    block without a gate has the columns of its down projection for the up rows (the paper trains a gated block in its
    place); of a layer the 256 neurons with the largest |gate| (without a gate: |up| |down|). Other widths, or a gated
    block against one without: NaN.
    """
    return _matching(first, second, _weight_rows)


def match_of_activations(first: Parts, second: Parts) -> float:
    """MATCH as in the paper, on activations: of a neuron's gate, and of its up projection, for the same texts.

    Deviations: activations, without bias, at the last token of 256 prompts, so that tokenizers may differ; of a layer
    the 128 neurons with the largest gate activations. Without a gate, the up activations and the columns of the down
    projection are matched, which needs equal widths. A gated block against one without: NaN.
    """
    return _matching(first, second, _activations)


def huref(first: Parts, second: Parts) -> float:
    """HuRef (Zeng et al., 2023): mean Pearson correlation of invariant terms of the last two layers.

    X holds the embeddings of 256 tokens: X Wq' Wk X', X Wv' Wo' X' and X Wup' Wdown' X', each standardized, then the
    cosine of all of them together. Orthogonal maps of the residual stream and any order of neurons cancel; norms do
    not enter, so a gain moved into the maps does not.

    Deviations: the most frequent tokens that both vocabularies hold, not of each its own; no gate beside the up
    projection (the authors' code multiplies the two, which a rotation does not survive); no image.
    """
    tokens = common_tokens(first, second)[:HUREF_TOKENS]
    if len(tokens) < LEAST_TOKENS:
        return nan
    pairs = zip(_invariants(first, tokens), _invariants(second, tokens), strict=True)
    return float(np.mean([_pearson(one, other) for one, other in pairs]))


def awm(first: Parts, second: Parts) -> float:
    """AWM (Zeng et al., 2025): unbiased CKA of query and key weights after aligning the residual channels.

    The common tokens' embeddings give cosines between the channels of both models; a linear assignment of their
    absolute values gives the order, their signs the signs, of the wider model's channels. Similarity of two layers:
    mean over query and key of the CKA of W' (channels x head channels). Layers are paired by index, or by another
    assignment where their numbers differ; the mean over pairs is given. No deviation but the least number of tokens.
    """
    wide, narrow = (first, second) if first.embeddings.shape[1] >= second.embeddings.shape[1] else (second, first)
    tokens = common_tokens(wide, narrow)
    if len(tokens) < LEAST_TOKENS:
        return nan
    cosines = _unit(_embeddings(wide, tokens).T) @ _unit(_embeddings(narrow, tokens).T).T
    channels, into = linear_sum_assignment(-np.abs(cosines))
    order = channels[np.argsort(into)]
    signs = np.sign(cosines[order, np.arange(len(order))])
    ones = _attention_grams(wide)[..., order[:, None], order] * np.outer(signs, signs)
    found = _centred(ones) @ _centred(_attention_grams(narrow)).T / 2
    one, other = linear_sum_assignment(-found) if len(set(found.shape)) > 1 else (np.arange(len(found)),) * 2
    return float(found[one, other].mean())


def sampled_cosine(first: Parts, second: Parts) -> float:
    """Mean over the layers' matrices of equal name and shape of the cosine of 4,096 weights at the same random places.

    As modeldna 0.1 samples parameters (its signal F3), which it does only where all shapes agree; without a common
    matrix 0.
    """
    common = sorted(first.sampled.keys() & second.sampled.keys())
    return float(np.mean([_cosine(first.sampled[key], second.sampled[key]) for key in common])) if common else 0.0


COMPARE: dict[str, Callable[[Parts, Parts], float]] = {
    "MATCH, weights": match_of_weights,
    "MATCH, activations": match_of_activations,
    "HuRef": huref,
    "AWM": awm,
    "Sampled cosine": sampled_cosine,
}


def similarity_matrices(models: Sequence[Parts], say: Callable[[int], None]) -> dict[str, Floats]:
    """(M, M) similarities of all models by each method, half precision; `say` hears which row is done."""
    found = {name: np.full((len(models), len(models)), nan, dtype=np.float16) for name in COMPARE}
    for row, model in enumerate(models):
        for column in range(row + 1):
            for name, compare in COMPARE.items():
                found[name][row, column] = found[name][column, row] = compare(models[column], model)
        say(row)
    return found


@lru_cache(maxsize=1)
def common_tokens(first: Parts, second: Parts) -> list[str]:
    """Tokens of both vocabularies, spelled alike; the most frequent in the texts first."""
    common = first.rows.keys() & second.rows.keys()
    return sorted(common, key=lambda token: (-first.counts[token] - second.counts[token], token))


Twofold = tuple[Floats, Floats]
"""Two features (n, ...) of each neuron, to match by."""


def _matching(first: Parts, second: Parts, features: Callable[[LayerParts], Twofold]) -> float:
    """The evidence of all layers of equal index; NaN where features differ in kind or length."""
    pairs = list(zip(first.layers, second.layers, strict=False))
    taken = [(features(one), features(other)) for one, other in pairs]
    alike = all(a.shape[1] == b.shape[1] for one, other in taken for a, b in zip(one, other, strict=True))
    if not alike or any((one.gate is None) != (other.gate is None) for one, other in pairs):
        return nan
    return _evidence([_matched(one, other) for one, other in taken])


@cache
def _weight_rows(layer: LayerParts) -> Twofold:
    if layer.gate is not None:
        return _largest(layer.gate, layer.up, _lengths(layer.gate), WEIGHT_NEURONS)
    return _largest(layer.up, layer.down.T, _lengths(layer.up) * _lengths(layer.down.T), WEIGHT_NEURONS)


@cache
def _activations(layer: LayerParts) -> Twofold:
    gate = (layer.up if layer.gate is None else layer.gate) @ layer.inputs.T
    other = layer.down.T if layer.gate is None else layer.up @ layer.inputs.T
    return _largest(gate, other, _lengths(gate), ACTIVATION_NEURONS)


def _largest(gate: Floats, other: Floats, size: Floats, most: int) -> Twofold:
    """The neurons of the largest size, in their own order."""
    kept = np.sort(np.argsort(-size)[:most])
    return _unit(gate[kept]), _unit(other[kept])


def _matched(first: Twofold, second: Twofold) -> float:
    """One-sided p-value of Spearman's correlation of two matchings of n neurons: t = r sqrt((n - 2) / (1 - r^2))."""
    one, other = (
        linear_sum_assignment(-(a @ b.T))[1] if len(a) <= len(b) else linear_sum_assignment(-(b @ a.T))[1]
        for a, b in zip(first, second, strict=True)
    )
    r = float(np.corrcoef(_ranks(one), _ranks(other))[0, 1])
    return float(stdtr(len(one) - 2, -r * sqrt((len(one) - 2) / max(1 - r * r, 1e-30))))


def _ranks(values: Ints) -> Ints:
    return np.argsort(np.argsort(values))


def _evidence(p_values: Sequence[float]) -> float:
    """log10(1 - log10 p) for Fisher's combined p: chi2 = -2 sum ln p_l with two degrees of freedom for each."""
    chi2 = -2 * np.log(np.maximum(p_values, LOWEST_P)).sum()
    return log10(1 - log10(max(float(chdtrc(2 * len(p_values), chi2)), LOWEST_P)))


def _invariants(model: Parts, tokens: Sequence[str]) -> Iterator[Floats]:
    """Terms (tokens, tokens) of the last two layers, each of mean 0 and length 1."""
    x = _embeddings(model, tokens)
    for layer in model.layers[-HUREF_LAYERS:]:
        yield (x @ layer.q.T) @ (x @ layer.k.T).T
        yield (x @ layer.v.T) @ (x @ layer.o).T
        yield (x @ layer.up.T) @ (x @ layer.down).T


def _embeddings(model: Parts, tokens: Sequence[str]) -> Floats:
    return np.asarray(model.embeddings[[model.rows[token] for token in tokens]])


def _attention_grams(model: Parts) -> Floats:
    """(layers, 2, d, d): Gram matrices of the channels in the query and key weights."""
    return np.array([[one.q.T @ one.q, one.k.T @ one.k] for one in model.layers])


def _centred(grams: Floats) -> Floats:
    """(layers, 2 n n): vectors whose products are the sums of two unbiased CKAs, of grams (layers, 2, n, n).

    Without the diagonal, U-centred (Song et al., 2012), and of length 1 each.
    """
    n = grams.shape[-1]
    off = np.where(np.eye(n, dtype=bool), 0, grams).astype(np.float64)
    means = off.sum(axis=-1) / (n - 2)
    means -= means.sum(axis=-1, keepdims=True) / (2 * (n - 1))
    centred = np.where(np.eye(n, dtype=bool), 0, off - means[..., :, None] - means[..., None, :])
    return np.asarray(centred / np.linalg.norm(centred, axis=(-2, -1), keepdims=True)).reshape(len(grams), -1)


def _lengths(rows: Floats) -> Floats:
    return np.asarray(np.linalg.norm(rows, axis=1))


def _unit(rows: Floats) -> Floats:
    return np.asarray(rows / np.maximum(_lengths(rows)[:, None], 1e-30))


def _pearson(first: Floats, second: Floats) -> float:
    return _cosine((first - first.mean()).ravel(), (second - second.mean()).ravel())


def _cosine(first: Floats, second: Floats) -> float:
    return float(first @ second / max(float(np.linalg.norm(first) * np.linalg.norm(second)), 1e-30))
