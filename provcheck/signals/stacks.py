"""Arrays of several models together: how they are laid out, stacked, taken apart again, and compared pair by pair."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from provcheck.io.safetensors import all_finite
from provcheck.types import Coverage, Floats, SignalFacts, SignalValues, Sketch, Stack

if TYPE_CHECKING:
    from provcheck.signals.contract import Signal


@dataclass(frozen=True)
class ArrayLayout:
    """One array of a sketch: its dimensions, how a bank keeps it, the largest absolute value that a model can give.

    `gaps`: whether it may hold NaN, for what was left out. Arrays of integers are kept as they are.
    """

    ndim: int
    kept_as: type[np.floating[Any] | np.integer[Any]]
    limit: float
    gaps: bool = False


def is_plausible(array: Floats, layout: ArrayLayout) -> bool:
    """Whether an array holds numbers that a model can give."""
    if array.dtype.kind in "iu":
        return array.dtype == layout.kept_as and _within(array, layout.limit)
    if array.dtype.kind != "f" or not issubclass(layout.kept_as, np.floating) or not (layout.gaps or all_finite(array)):
        return False
    if array.dtype == np.float16:
        return True  # half precision itself ends near the limits of the layouts kept in it
    return not bool((np.abs(array) > layout.limit).any())


def _within(integers: Floats, limit: float) -> bool:
    """Whether no absolute value is larger; without a copy, since a bank's array may take half of the memory."""
    return not integers.size or (-limit <= int(integers.min()) and int(integers.max()) <= limit)


def stack_of(signal: Signal, sketches: Sequence[Sketch], *, kept: bool = False) -> Stack:
    """Sketches of several models together; `kept`: in the precision of a bank. Raises ValueError for other shapes."""
    arrays: dict[str, Floats] = {}
    with np.errstate(over="ignore"):  # what half precision cannot hold is found by `check_stack`
        for name, layout in signal.arrays.items():
            array = np.stack([sketch.arrays[name] for sketch in sketches])
            arrays[name] = array.astype(layout.kept_as) if kept else array
    context = sketches[0].facts.context
    return Stack(context, tuple(sketch.facts.values for sketch in sketches), arrays)


def exact(stack: Stack) -> Stack:
    """The stack in single precision: half precision is for keeping, not for computing."""
    arrays = {name: _exact(array) for name, array in stack.arrays.items()}
    return Stack(stack.context, stack.values, arrays)


def with_first(sketch: Sketch, stack: Stack) -> Stack:
    """The stack with one more model, in front of all others."""
    arrays = {
        name: np.concatenate([_exact(sketch.arrays[name])[None], _exact(array)]) for name, array in stack.arrays.items()
    }
    return Stack(stack.context, (sketch.facts.values, *stack.values), arrays)


def sketch_at(signal: Signal, stack: Stack, row: int) -> Sketch:
    """One model of a stack as a sketch of its own; with only those facts that comparing reads."""
    facts = SignalFacts(
        version=signal.version,
        material=None,
        context=dict(stack.context),
        coverage=Coverage(measured=1, total=1, unit="model"),
        values=dict(stack.values[row]),
    )
    return Sketch(facts, {name: array[row] for name, array in stack.arrays.items()}, {})


def compare_all(signal: Signal, stack: Stack) -> Iterator[tuple[int, int, SignalValues]]:
    """Every two models of a stack that can be compared, the first before the second, without intervals."""
    stack = exact(stack)
    for first in range(len(stack) - 1):
        others = np.arange(first + 1, len(stack))
        found = signal.compare(sketch_at(signal, stack, first), stack.take(others), intervals=False)
        for second, values in zip(others, found, strict=True):
            if isinstance(values, SignalValues):
                yield first, int(second), values


def _exact(array: Floats) -> Floats:
    return array.astype(np.float32) if array.dtype.kind == "f" else array
