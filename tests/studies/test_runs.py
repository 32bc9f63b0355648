from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from provcheck.bank import Bank
from provcheck.studies.runs import even_part, exponent, exponents, outliers, runs_of, steady_texts
from provcheck.types import Floats
from tests.synthetic import make_blocks, make_measurement, make_reference, write_bank


def chain_bank(folder: Path) -> Bank:
    """A root, a run of four checkpoints, and a fine-tune of two that starts from the third."""
    lines = [
        ("root", None, "from-scratch", None),
        ("a-0", None, "from-scratch", 0),
        ("a-1", "a-0", "continued-pretraining", 1),
        ("a-2", "a-1", "continued-pretraining", 2),
        ("a-3", "a-2", "continued-pretraining", 3),
        ("t-5", "a-2", "fine-tune", 5),
        ("t-9", "t-5", "fine-tune", 9),
    ]
    models = [
        (
            make_reference(f"org/{id}", *([f"org/{parent}"] if parent else []), mechanism=mechanism, step=step),
            make_measurement(f"org/{id}", make_blocks(n)),
        )
        for n, (id, parent, mechanism, step) in enumerate(lines)
    ]
    return write_bank(folder, models)


def walk(count: int, *, straight: bool = False, seed: int = 0) -> Floats:
    """(count, count) squared distances along a random walk, or a straight path."""
    stream = np.random.default_rng(seed)
    steps = np.ones((count, 1)) if straight else stream.standard_normal((count, 4000))
    places = steps.cumsum(axis=0)
    return np.asarray(((places[:, None] - places[None]) ** 2).sum(axis=-1))


def test_runs_are_chains_and_a_fine_tune_is_one_of_its_own(tmp_path: Path) -> None:
    found = runs_of(chain_bank(tmp_path / "bank"))
    assert [(list(one.rows), list(one.steps), one.left) for one in found] == [
        ([1, 2, 3, 4], [0, 1, 2, 3], None),
        ([5, 6], [5, 9], 3),
    ]


def test_a_step_is_kept_and_left_out_where_there_is_none(tmp_path: Path) -> None:
    bank = chain_bank(tmp_path / "bank")
    assert [one.step for one in bank.references] == [None, 0, 1, 2, 3, 5, 9]
    assert (bank.folder / "manifest.json").read_text(encoding="utf-8").count('"step"') == 6


@pytest.mark.parametrize(("straight", "power"), [(False, 1.0), (True, 2.0)])
def test_the_exponent_of_a_random_walk_is_one_and_of_a_straight_way_two(straight: bool, power: float) -> None:
    squared, steps = walk(30, straight=straight), np.arange(30) * 25
    found = exponents(steps, squared, 25)
    assert set(found) == set(range(0, 500, 25))
    assert np.mean(list(found.values())) == pytest.approx(power, abs=0.05)


def test_a_window_with_a_gap_has_no_exponent() -> None:
    steps = np.delete(np.arange(30) * 25, 15)
    found = exponents(steps, np.delete(np.delete(walk(30), 15, 0), 15, 1), 25)
    assert set(found) == {0, 25, 50, 75, 100, 400, 425, 450, 475}


def test_an_exponent_is_the_slope_of_logarithms() -> None:
    steps = np.array([1, 2, 4, 8])
    assert exponent(steps, 3.0 * steps**0.2) == pytest.approx(0.2)


def test_only_the_checkpoint_off_the_path_is_an_outlier() -> None:
    places = np.random.default_rng(1).standard_normal((30, 200)).cumsum(axis=0)
    assert not outliers(((places[:, None] - places[None]) ** 2).sum(axis=-1)).any()
    places[12] += 10 * np.random.default_rng(2).standard_normal(200)
    assert list(np.flatnonzero(outliers(((places[:, None] - places[None]) ** 2).sum(axis=-1)))) == [12]


def test_the_even_part_is_the_end_of_equal_gaps() -> None:
    assert list(even_part(np.array([0, 1, 2, 4, 8, 25, 50, 75]))) == [5, 6, 7]
    assert list(even_part(np.array([7]))) == [0]


def test_texts_that_jump_or_are_missing_are_no_steady_ones() -> None:
    nats = np.random.default_rng(0).standard_normal((6, 100))
    nats[3, 7] += 50
    nats[2, 9] = np.nan
    kept = steady_texts(nats, [np.arange(6)])
    assert 7 not in kept and 9 not in kept and len(kept) == 96
