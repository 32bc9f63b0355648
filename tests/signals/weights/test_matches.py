"""What the matches say of random models: about 1 for rewrites of one model, about 0 for independent ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from provcheck.signals.weights import block_matches, compare_sketches, distances
from provcheck.signals.weights.matching import match_blocks
from provcheck.signals.weights.mlps import Neurons
from provcheck.signals.weights.neurons import FEATURES, fingerprint
from provcheck.signals.weights.sketching import ROWS, chosen_blocks, is_sound, sketch
from provcheck.signals.weights.stored import Unfit
from provcheck.signals.weights.values import ANCHORED, FINGERPRINT, PLACES

from .models import (
    ANCHORS,
    Plain,
    changed,
    doubled,
    heads_reordered,
    only_blocks,
    random_model,
    reordered,
    rescaled,
    rotated,
    sketched,
)

MODEL = random_model(0)
INDEPENDENT = 0.12
"""Random models of 120 neurons reach no more; larger ones less."""


def all_at_once(model: Plain) -> Plain:
    return rescaled(rotated(reordered(heads_reordered(doubled(model)))))


@pytest.mark.parametrize("rewrite", [reordered, rotated, rescaled, doubled, heads_reordered, all_at_once])
@pytest.mark.parametrize("gated", [True, False])
def test_a_rewrite_matches_whatever_was_rewritten(rewrite: Callable[[Plain], Plain], gated: bool) -> None:
    model = random_model(5, gated=gated)
    found = compare_sketches(sketched(model), sketched(rewrite(model)))
    assert found.anchored_match is not None and found.anchored_match > 0.97
    assert found.intrinsic_match is not None and found.intrinsic_match > (
        0.97 if rewrite not in (doubled, all_at_once) else 0.9
    )


def test_loud_neurons_behind_shut_gates_hide_nothing() -> None:
    """They would fill the sketch, and keep the function to the last bit."""
    decoys = random_model(77, neurons=300)
    both = zip(MODEL.inner, decoys.inner, strict=True)
    hidden = [
        Neurons(
            np.concatenate([own.read, 9 * other.read]),
            np.concatenate([own.gate, 1e-3 * other.gate]),
            np.concatenate([own.write, 9 * other.write]),
        )
        for own, other in both
        if own.gate is not None and other.gate is not None
    ]
    found = compare_sketches(sketched(MODEL), sketched(replace(MODEL, inner=tuple(hidden))))
    assert found.anchored_match == found.intrinsic_match == pytest.approx(1)


def test_rotation_destroys_the_match_in_coordinates_alone() -> None:
    turned = compare_sketches(sketched(MODEL), sketched(rotated(MODEL)))
    moved = compare_sketches(sketched(MODEL), sketched(reordered(MODEL)))
    assert turned.coordinate_match is not None and turned.coordinate_match < 0.2
    assert moved.coordinate_match is not None and moved.coordinate_match > 0.99


def test_independent_models_do_not_match() -> None:
    models = [sketched(random_model(seed)) for seed in range(8)]
    for one, two in combinations(models, 2):
        found = compare_sketches(one, two)
        assert all(abs(match or 0) < INDEPENDENT for match in (found.anchored_match, found.coordinate_match))
        assert abs(found.intrinsic_match or 0) < 2 * INDEPENDENT


@pytest.mark.parametrize(("size", "least"), [(0.1, 0.95), (0.5, 0.6), (1.0, 0.25)])
def test_the_match_falls_with_the_change(size: float, least: float) -> None:
    found = compare_sketches(sketched(MODEL), sketched(changed(MODEL, size)))
    larger = compare_sketches(sketched(MODEL), sketched(changed(MODEL, 2 * size)))
    assert found.anchored_match is not None and found.anchored_match > least
    assert larger.anchored_match is not None and larger.anchored_match < found.anchored_match


@pytest.mark.parametrize("kept", [[0], [2], [0, 2], [0, 1, 1, 2], [2, 1, 0]])
def test_dropped_repeated_and_reordered_blocks_do_not_matter(kept: list[int]) -> None:
    found = block_matches(sketched(only_blocks(MODEL, kept)), sketched(MODEL))
    assert [int(np.argmax(row)) for row in found] == kept
    assert all(max(row) > 0.95 for row in found)


def test_another_width_leaves_anchors_and_attention() -> None:
    found = compare_sketches(sketched(MODEL), sketched(random_model(1, width=32)))
    assert found.coordinate_match is None
    assert found.anchored_match is not None and found.intrinsic_match is not None


def test_without_anchors_the_match_is_none_and_the_others_remain() -> None:
    few = [[word % 20] for word in range(len(ANCHORS))]
    found = compare_sketches(sketched(MODEL, few), sketched(MODEL, few))
    assert found.anchored_match is None
    assert found.coordinate_match == pytest.approx(1) and found.intrinsic_match == pytest.approx(1)


def test_without_heads_there_is_no_intrinsic_match() -> None:
    bare = Plain(MODEL.inner, (None,) * MODEL.blocks, MODEL.embedding, MODEL.head)
    found = compare_sketches(sketched(bare), sketched(MODEL))
    assert found.intrinsic_match is None and found.anchored_match == pytest.approx(1)


def test_copies_of_a_neuron_count_once_and_silent_ones_not_at_all() -> None:
    silent = doubled(MODEL)
    for neurons in silent.inner:
        neurons.write[-4:] = 0  # two neurons and their copies
    found = sketched(silent)
    assert (found.kinds[ANCHORED].counts == 38).all()


@pytest.mark.parametrize("empty", [0, 30], ids=["full", "with empty places"])
def test_matches_are_those_of_a_literal_loop(empty: int) -> None:
    one, two = sketched(MODEL).kinds[ANCHORED], sketched(changed(random_model(0, blocks=2), 0.8)).kinds[ANCHORED]
    two = replace(two, counts=two.counts - np.array([0, empty]))
    fast, counts = match_blocks(one, two)
    for i in range(3):
        for j in range(2):
            a, b = one.read[i][: one.counts[i]], two.read[j][: two.counts[j]]
            alike = a @ b.T
            total, matched = 0.0, 0
            for place in range(len(a)):
                other = int(alike[place].argmax())
                if int(alike[:, other].argmax()) == place:
                    share = float((np.unpackbits(one.write[i][place]) == np.unpackbits(two.write[j][other])).mean())
                    total, matched = total + np.cos(np.pi * (1 - share)), matched + 1
            assert fast[i, j] == pytest.approx(total / min(len(a), len(b)), abs=1e-6)
            assert counts[i, j] == matched


@pytest.mark.parametrize("blocks", [1, 2, 5, 8, 9, 80])
def test_every_sketch_has_the_same_size_and_is_sound(blocks: int) -> None:
    arrays, facts = sketch(random_model(3, blocks=blocks), ANCHORS)  # type: ignore[arg-type]
    assert is_sound(arrays, facts)
    assert {name: len(array) for name, array in arrays.items() if len(array) != ROWS} == {FINGERPRINT: FEATURES}
    assert sum(array.nbytes for array in arrays.values()) < 100_000
    numbers = chosen_blocks(blocks)
    assert len(numbers) == min(8, blocks) and numbers[0] == 0 and numbers[-1] == blocks - 1
    assert set(arrays[PLACES][:, 0]) - {-1} == set(numbers)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda arrays, facts: arrays[PLACES].__setitem__((0, 1), 40),
        lambda arrays, facts: arrays[PLACES].__setitem__((0, 0), 1),
        lambda arrays, facts: arrays[PLACES].__setitem__((1, 0), -1),
        lambda arrays, facts: arrays[PLACES].__setitem__((5, 2), 7),
        lambda arrays, facts: facts.__setitem__("blocks", 0.0),
        lambda arrays, facts: facts.__setitem__("blocks", float("nan")),
        lambda arrays, facts: facts.__setitem__("width", None),
        lambda arrays, facts: facts.pop("anchors"),
        lambda arrays, facts: arrays.__setitem__(ANCHORED, arrays[ANCHORED][:-1]),
    ],
)
def test_a_sketch_that_no_model_gives_is_not_sound(
    spoil: Callable[[dict[str, object], dict[str, object]], None],
) -> None:
    arrays, facts = sketch(MODEL, ANCHORS)  # type: ignore[arg-type]
    spoil(arrays, facts)  # type: ignore[arg-type]
    assert not is_sound(arrays, facts)


def test_fingerprints_estimate_the_sum_over_all_pairs_of_neurons() -> None:
    random = np.random.RandomState(0)
    read, write = random.standard_normal((2, 50, 16)).astype(np.float32)
    read, write = (one / np.linalg.norm(one, axis=1, keepdims=True) for one in (read, write))
    first, second = (read[:30], write[:30]), (read[10:], write[10:])
    exact = ((first[0] @ second[0].T) ** 2 * (first[1] @ second[1].T)).sum()
    assert exact > 15
    assert fingerprint(*first) @ fingerprint(*second) / FEATURES == pytest.approx(exact, abs=2.5)


def test_the_distance_of_fingerprints_orders_models_by_how_far_they_changed() -> None:
    models = [MODEL, all_at_once(MODEL), changed(MODEL, 0.2), changed(MODEL, 0.6), random_model(9)]
    rows = np.stack([sketch(one, ANCHORS)[0][FINGERPRINT] for one in models])  # type: ignore[arg-type]
    found = distances(rows[:1], rows)[0]
    assert list(np.argsort(found)) == [0, 1, 2, 3, 4] and found[1] < 0.02 and found[4] > 0.9
    assert np.isnan(distances(rows[:1], np.zeros_like(rows[:1]))).all()


@pytest.mark.parametrize("number", [np.nan, np.inf, 1e30])
def test_numbers_that_no_model_has_are_refused(number: float) -> None:
    model = random_model(3)
    model.inner[1].write[2, 3] = number
    model.inner[1].read[2, 3] = number
    with pytest.raises(Unfit, match="the weights hold NaN"):
        sketched(model)
    model = random_model(3)
    model.head[5] = number
    with pytest.raises(Unfit, match="an embedding holds NaN"):
        sketched(model)


def test_a_block_that_does_nothing_hides_nothing() -> None:
    """Put in front of the others, to shift their numbers or to leave the reader without a neuron."""
    model = random_model(1)
    silent = Neurons(*(np.zeros_like(model.inner[0].read) for _ in range(3)))
    deeper = replace(model, inner=(silent, *model.inner), heads=(model.heads[0], *model.heads))
    arrays, facts = sketch(deeper, ANCHORS)  # type: ignore[arg-type]
    assert is_sound(arrays, facts) and np.isfinite(arrays[FINGERPRINT]).all()
    found = compare_sketches(sketched(deeper), sketched(model))
    assert found.anchored_match == pytest.approx(1, abs=1e-6)


def test_a_model_whose_blocks_all_do_nothing_has_no_sketch() -> None:
    model = random_model(1)
    silent = tuple(Neurons(*(np.zeros_like(one.read) for _ in range(3))) for one in model.inner)
    with pytest.raises(Unfit, match="no neuron"):
        sketch(replace(model, inner=silent), ANCHORS)  # type: ignore[arg-type]
