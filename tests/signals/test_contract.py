"""What every signal of the table keeps to, whatever it measures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from provcheck.bank import Bank
from provcheck.signals import TABLE, Signal, all_signals, find_signal
from provcheck.signals.stacks import compare_all, exact, is_plausible, sketch_at, stack_of
from provcheck.types import Floats, Measurement, SignalValues
from tests.signals.weights.models import random_model
from tests.synthetic import (
    PROBES,
    blocks_at,
    make_blocks,
    make_measurement,
    make_reference,
    weighed,
    with_arrays,
    write_bank,
)


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    """Six models, one without attributions, one without log-likelihoods, one whose tokenizer tells no words apart."""
    blocks = [
        make_blocks(0),
        blocks_at(make_blocks(0), 0.2),
        make_blocks(2),
        make_blocks(3) * 0,
        *map(make_blocks, (4, 5)),
    ]
    models = [(make_reference(f"m{n}"), measured(f"m{n}", one, n)) for n, one in enumerate(blocks)]
    quiet = with_arrays(models[4][1], "likelihood", loglik=np.full(40, np.nan))
    models[4] = (models[4][0], quiet)
    folder: Path = tmp_path_factory.mktemp("banks") / "six"
    return write_bank(folder, models)


def measured(name: str, blocks: Floats, seed: int) -> Measurement:
    return weighed(make_measurement(name, blocks), random_model(seed, blocks=2, neurons=12), mute=seed == 5)


@pytest.fixture(params=TABLE)
def signal(request: pytest.FixtureRequest) -> Signal:
    return find_signal(request.param)


def test_names_and_versions_are_those_of_the_table(signal: Signal) -> None:
    assert all_signals()[signal.name].version == signal.version
    assert signal.version.startswith(f"{signal.name}/") and signal.version.partition("/")[2].isdigit()
    assert signal.title and signal.glossary and signal.columns


def test_arrays_have_names_of_their_own() -> None:
    names = [name for signal in all_signals().values() for name in signal.arrays]
    assert len(names) == len(set(names))


def test_all_distances_at_once_are_those_of_the_pairs(signal: Signal, bank: Bank) -> None:
    """Also where a model has nothing to be compared by."""
    stack = bank.stacks[signal.name]
    found = signal.all_distances(stack)
    expected = Signal.all_distances(signal, stack)
    upper = np.triu_indices(len(stack), 1)
    np.testing.assert_allclose(found[upper], expected[upper], atol=1e-6)
    assert np.isnan(expected[upper]).sum() == len(stack) - 1, "one model has none"


def test_pairs_are_what_each_is_alone(signal: Signal, bank: Bank) -> None:
    stack = bank.stacks[signal.name]
    pairs = {(first, second): values for first, second, values in compare_all(signal, stack)}
    assert len(pairs) == (15 if signal.name == "weights" else 10) and all(first < second for first, second in pairs)
    for (first, second), values in pairs.items():
        sketch = sketch_at(signal, exact(stack), first)
        (alone,) = signal.compare(sketch, stack.take([second]), intervals=False)
        assert isinstance(alone, SignalValues) and alone == values


def test_the_nearest_are_those_of_the_comparison(signal: Signal, bank: Bank) -> None:
    sketch = measured("me", blocks_at(make_blocks(2), 0.3), 2).sketches[signal.name]
    stack = bank.stacks[signal.name]
    values = signal.compare(sketch, stack)
    distances = {
        row: one.value for row, v in enumerate(values) if isinstance(v, SignalValues) and (one := signal.distance(v))
    }
    assert list(signal.nearest(sketch, stack, 3)) == sorted(distances, key=lambda row: distances[row])[:3]


def test_its_lists_begin_with_the_parent_and_are_no_longer_than_asked(signal: Signal, bank: Bank) -> None:
    stack = bank.stacks[signal.name]
    sketch = sketch_at(signal, exact(stack), 2)
    lists = signal.lists(sketch, stack, 3)
    assert lists and all(listed[0] == 2 and len(listed) <= 3 for listed in lists.values())


def test_what_a_model_cannot_give_is_noticed(signal: Signal) -> None:
    measurement = measured("me", make_blocks(1), 1)
    sketch = measurement.sketches[signal.name]
    assert signal.check(sketch) and signal.check_stack(stack_of(signal, [sketch], kept=True))
    for name, layout in signal.arrays.items():
        array = sketch.arrays[name]
        large, flat = array.copy(), array[..., 0]
        impossible: list[Any] = [flat, array.astype(np.int64), array.astype(np.uint32)]
        if array.dtype.kind == "f":
            large.flat[0] = 2 * layout.limit
            impossible.append(large)
        for bad in impossible:
            changed = with_arrays(measurement, signal.name, **{name: bad}).sketches[signal.name]
            assert not signal.check(changed)
        if array.dtype.kind != "f":
            continue
        holes = array.copy()
        holes.flat[0] = np.nan
        changed = with_arrays(measurement, signal.name, **{name: holes}).sketches[signal.name]
        assert signal.check(changed) is layout.gaps is is_plausible(holes, layout)


def test_the_context_is_that_of_the_probes(signal: Signal) -> None:
    facts = measured("me", make_blocks(0), 0).sketches[signal.name].facts
    assert dict(signal.context(PROBES)) == facts.context
    assert signal.basis(PROBES) == facts.basis
    assert (signal.material(PROBES) == PROBES.digest) is (signal.name != "weights"), "weights need no probes"
