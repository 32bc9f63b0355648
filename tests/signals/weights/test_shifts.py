"""The exact p-value: uniform for independent models, tiny for one origin, and never below what can be counted."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from provcheck.signals.weights import compare_sketches
from provcheck.signals.weights.shifts import exact_p_value, shifted_sums

from .models import changed, random_model, reordered, rotated, sketched


def test_sums_are_those_of_a_literal_loop() -> None:
    random = np.random.RandomState(0)
    alike, first, second = random.standard_normal((3, 4)), np.array([0, 2, 5]), np.array([1, 2, 4, 6])
    found = shifted_sums(alike, first, second, 7)
    for shift in range(7):
        pairs = [(i, j) for i in range(3) for j in range(4) if (first[i] + shift) % 7 == second[j]]
        assert found[shift] == pytest.approx(sum(alike[i, j] for i, j in pairs))


def test_the_p_value_counts_all_combinations_of_shifts_and_errs_on_the_side_of_caution() -> None:
    random = np.random.RandomState(1)
    for _ in range(30):
        blocks = [random.standard_normal(size) for size in (5, 7, 6)]
        observed = sum(block[0] for block in blocks)
        literal = np.mean([sum(one) >= observed - 1e-12 for one in product(*blocks)])
        found = exact_p_value(blocks)
        assert found is not None and literal - 1e-12 <= found <= literal + 0.03


def test_it_is_uniform_for_independent_models() -> None:
    """By Kolmogorov's distance to the uniform distribution, and without an excess of small values."""
    from scipy.stats import kstest

    models = [sketched(random_model(seed, blocks=2, neurons=30)) for seed in range(16)]
    found = [compare_sketches(a, b).exact_p_value for i, a in enumerate(models) for b in models[:i]]
    assert kstest(found, "uniform").pvalue > 0.01
    assert np.mean(np.array(found) <= 0.05) < 0.1


def test_it_finds_what_is_left_of_one_origin_and_reordering_hides_it() -> None:
    model = random_model(7, neurons=60)
    far = changed(model, 2.0)
    found = compare_sketches(sketched(model), sketched(far)).exact_p_value
    hidden = compare_sketches(sketched(model), sketched(reordered(far))).exact_p_value
    assert found is not None and found < 1e-3
    assert hidden is not None and hidden > 1e-3


def test_rotation_leaves_the_order_of_the_neurons() -> None:
    model = random_model(7, neurons=60)
    found = compare_sketches(sketched(model), sketched(rotated(model))).exact_p_value
    assert found == pytest.approx(60**-3, rel=1e-6)


def test_blocks_of_other_sizes_give_no_p_value() -> None:
    assert compare_sketches(sketched(random_model(1)), sketched(random_model(1, neurons=41))).exact_p_value is None
    assert exact_p_value([]) is None
