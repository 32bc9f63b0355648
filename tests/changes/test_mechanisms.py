"""Every mechanism that leaves a mark is named by it, in both orders; who descends from whom is said where it shows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from provcheck.changes import Opened, Unfit, describe_changes
from provcheck.types import Changes, Floats, Ints, Mechanism, Relation
from tests.changes import models as m

RANDOM = 7


def copy(weights: m.Weights) -> Opened:
    return m.opened(weights)


def cast(weights: m.Weights) -> Opened:
    """To bfloat16: the upper half of a float32; norms are kept, as converters do."""
    return m.opened({key: _bfloat16(value) if m.is_matrix(key) else value for key, value in weights.items()})


def quantize(weights: m.Weights, bits: int = 4, group: int = 24) -> Opened:
    return m.opened(_each_matrix(weights, lambda matrix: _rounded(matrix, bits, group)))


def quantize_rows(weights: m.Weights) -> Opened:
    return m.opened(m.half(_each_matrix(weights, lambda matrix: _rounded(matrix, 8, matrix.shape[1]))))


def prune(weights: m.Weights) -> Opened:
    return m.opened(_each_matrix(weights, lambda x: np.where(np.abs(x) < np.median(np.abs(x)), 0, x)))


def lora(weights: m.Weights) -> Opened:
    random = np.random.RandomState(RANDOM)

    def adapted(matrix: Floats) -> Floats:
        rows, columns = matrix.shape
        return matrix + random.standard_normal((rows, 3)) @ random.standard_normal((3, columns)) / 40

    return m.opened(m.half(_each_matrix(weights, adapted)))


def noise(weights: m.Weights) -> Opened:
    random = np.random.RandomState(RANDOM)
    return m.opened(m.half(_each_matrix(weights, lambda x: x + 0.1 * x.std() * random.standard_normal(x.shape))))


def train(weights: m.Weights) -> Opened:
    """All weights moved, some directions much more than others, as gradients do."""
    random = np.random.RandomState(RANDOM)

    def moved(matrix: Floats) -> Floats:
        change = random.standard_normal(matrix.shape)
        u, _, v = np.linalg.svd(change, full_matrices=False)
        return np.asarray(matrix + 0.2 * matrix.std() * np.sqrt(matrix.size) * (u * _falling(len(v))) @ v)

    return m.opened(m.half({key: moved(one) if one.ndim > 1 else one + 0.01 for key, one in weights.items()}))


def drop(weights: m.Weights) -> Opened:
    return m.opened(m.with_layers(weights, [0, 2]))


def repeat(weights: m.Weights) -> Opened:
    return m.opened(m.with_layers(weights, [0, 1, 1, 2]))


def narrow(weights: m.Weights) -> Opened:
    kept = np.arange(0, m.NEURONS, 2)
    return m.opened({key: _taken(key, value, kept) for key, value in weights.items()})


def double(weights: m.Weights) -> Opened:
    twice = np.repeat(np.arange(m.NEURONS), 2)
    return m.opened({key: _taken(key, value, twice) for key, value in weights.items()})


def permute(weights: m.Weights) -> Opened:
    order = np.random.RandomState(RANDOM).permutation(m.NEURONS)
    return m.opened({key: _taken(key, value, order) for key, value in weights.items()})


def rotate(weights: m.Weights) -> Opened:
    """The stream along other axes; gains are not folded in, so the function changes, but no angle between tokens."""
    basis = np.linalg.qr(np.random.RandomState(RANDOM).standard_normal((m.WIDTH, m.WIDTH)))[0]
    found = dict(weights)
    for key, value in weights.items():
        if key.endswith((m.DOWN, m.ATTENTION[3])):
            found[key] = basis.T @ value
        elif value.ndim > 1:
            found[key] = value @ basis
    return m.opened(found)


def renumber(weights: m.Weights) -> Opened:
    order = np.random.RandomState(RANDOM).permutation(m.TOKENS)
    tokens = {f"t{old}": int(new) for new, old in enumerate(order)}
    return m.opened(weights | {m.EMBEDDING: weights[m.EMBEDDING][order]}, tokens)


def add_tokens(weights: m.Weights) -> Opened:
    rows = np.random.RandomState(RANDOM).standard_normal((9, m.WIDTH)).astype(np.float32)
    return m.opened(weights | {m.EMBEDDING: np.concatenate([weights[m.EMBEDDING], rows])})


def stranger(weights: m.Weights) -> Opened:
    return m.opened(m.llama(seed=99))


CASES: list[tuple[Callable[[m.Weights], Opened], Mechanism, bool]] = [
    (copy, Mechanism.COPY, False),
    (cast, Mechanism.CAST, True),
    (quantize, Mechanism.QUANTIZE, True),
    (quantize_rows, Mechanism.QUANTIZE, True),
    (prune, Mechanism.PRUNE, True),
    (lora, Mechanism.LORA, False),
    (noise, Mechanism.NOISE, False),
    (train, Mechanism.FURTHER_TRAINING, False),
    (drop, Mechanism.LAYER_DROP, True),
    (repeat, Mechanism.DEPTH_UPSCALING, True),
    (narrow, Mechanism.WIDTH_PRUNING, True),
    (double, Mechanism.REWRITE, True),
    (permute, Mechanism.REWRITE, False),
    (rotate, Mechanism.REWRITE, False),
    (renumber, Mechanism.REWRITE, False),
    (add_tokens, Mechanism.VOCABULARY, True),
    (stranger, Mechanism.UNCLEAR, False),
]
"""What is done, what it is called, and whether it leaves a mark on the child alone."""

IDS = [one.__name__ for one, _, _ in CASES]


@pytest.mark.parametrize(("made", "mechanism", "marked"), CASES, ids=IDS)
def test_it_is_named_in_both_orders(made: Callable[[m.Weights], Opened], mechanism: Mechanism, marked: bool) -> None:
    parent = m.llama()
    child, base = made(parent), m.opened(parent)
    found, turned = describe_changes(child, base), describe_changes(base, child)
    assert (found.mechanism, turned.mechanism) == (mechanism, mechanism), (found.reasons, turned.reasons)
    children = ("first", "second") if marked else (None, None)
    assert (found.descent.child, turned.descent.child) == children
    assert all(one.endswith(".") for one in (*found.reasons, found.descent.reason))


def test_the_rank_of_an_adapter_and_the_grid_are_stated() -> None:
    base = m.opened(m.llama())
    adapted = describe_changes(lora(m.llama()), base)
    assert {one.rank for one in adapted.tensors if one.rank is not None} == {3}
    assert "rank, 3 of up to 48" in adapted.reasons[0]
    rounded = describe_changes(quantize(m.llama()), base)
    assert (rounded.first.grid_bits, rounded.first.grid_group, rounded.second.grid_bits) == (4, 24, None)


def test_the_map_of_blocks() -> None:
    found = describe_changes(m.opened(m.with_layers(m.llama(), [2, 0, 0])), m.opened(m.llama()))
    assert [pair.partner for pair in found.blocks] == [2, 0, 0]
    assert (found.first.repeated_blocks, found.second.repeated_blocks) == (1, 0)
    strange = describe_changes(stranger({}), m.opened(m.llama()))
    assert [pair.partner for pair in strange.blocks] == [None] * m.BLOCKS


@pytest.mark.parametrize("relation", [Relation.UNRELATED, Relation.SAME_RECIPE, Relation.INCONCLUSIVE])
def test_nothing_is_named_unless_a_judge_calls_them_related(relation: Relation) -> None:
    base = m.opened(m.llama())
    found = describe_changes(train(m.llama()), base, relation)
    assert found.mechanism is Mechanism.UNCLEAR and "does not call" in found.reasons[0]
    assert found.descent.child is None
    assert describe_changes(train(m.llama()), base, Relation.DERIVED).mechanism is Mechanism.FURTHER_TRAINING
    assert describe_changes(copy(m.llama()), base, relation).mechanism is Mechanism.COPY


@pytest.mark.parametrize("layers", [[0, 1, 2], [0, 2], [0, 1, 1, 2]])
def test_models_that_are_alike_only_from_afar_are_not_made_from_one_another(layers: list[int]) -> None:
    """As two that began with the same random weights and were trained apart: the blocks still find each other."""
    random = np.random.RandomState(RANDOM)
    far = _each_matrix(m.llama(), lambda x: x + 1.1 * x.std() * random.standard_normal(x.shape))
    found = describe_changes(m.opened(m.half(m.with_layers(far, layers))), m.opened(m.llama()))
    assert [pair.partner for pair in found.blocks] == layers
    assert found.mechanism is Mechanism.UNCLEAR and found.descent.child is None, found.reasons


def test_weights_that_are_not_finite_are_said_to_be() -> None:
    broken = m.llama()
    broken[m.name(1, m.UP)][3, 4] = np.nan
    with pytest.raises(Unfit, match=r"layers\.1\.mlp\.up_proj\.weight' holds numbers that are not finite"):
        describe_changes(m.opened(broken), m.opened(m.llama()))


def test_architectures_whose_neurons_are_not_known_are_still_compared() -> None:
    """Names alone give blocks; what needs neurons or tokens is left out."""
    one, two = (Opened(m.InMemory(weights), {"model_type": "unheard-of"}) for weights in (m.llama(), m.llama()))
    found: Changes = describe_changes(one, two)
    assert found.mechanism is Mechanism.COPY
    assert found.arrangement is None and found.vocabulary is None


def _each_matrix(weights: m.Weights, change: Callable[[Floats], Floats]) -> m.Weights:
    return {key: change(value) if m.is_matrix(key) else value for key, value in weights.items()}


def _rounded(matrix: Floats, bits: int, group: int) -> Floats:
    groups = matrix.reshape(-1, group)
    scale = np.abs(groups).max(axis=1, keepdims=True) / (2 ** (bits - 1) - 1)
    return np.asarray(np.round(groups / scale) * scale, dtype=np.float32).reshape(matrix.shape)


def _bfloat16(values: Floats) -> Floats:
    return np.asarray(torch.from_numpy(values).bfloat16().float().numpy())


def _falling(count: int) -> Floats:
    falling = 1 / np.arange(1, count + 1)
    return np.asarray(falling / np.linalg.norm(falling))


def _taken(key: str, value: Floats, order: Ints) -> Floats:
    """The neurons of `order`."""
    if key.endswith((m.UP, m.GATE)):
        return np.asarray(value[order])
    return np.asarray(value[:, order]) if key.endswith(m.DOWN) else value
