"""How two reports differ, and how far numbers may lie apart.

EXACT: tolerance for the same measurement; linear algebra on another machine may round the last digits differently.

MOVED: tolerance for numbers that another device, dtype or batch size moves, unless a signal states one
(`Signal.numbers`, `Signal.details`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import inf
from typing import Any

from provcheck.signals import NamedNumber, pairs_of
from provcheck.types import Comparison, SignalValues

EXACT = 1e-6
MOVED = 0.005
MAX_SHOWN = 60


def differences(old: Any, new: Any, tolerance: float, path: str = "") -> Iterator[str]:
    """Where two values of JSON differ: `path: old became new`. Numbers may differ by tolerance * max(1, |old|)."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys([*old, *new]):
            yield from differences(old.get(key), new.get(key), tolerance, f"{path}.{key}" if path else str(key))
    elif _is_list(old) and _is_list(new) and len(old) == len(new):
        for place, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from differences(one, other, tolerance, f"{path}[{place}]")
    elif not _equal(old, new, tolerance):
        yield f"{path}: {_shown(old)} became {_shown(new)}"


def too_far(old: Comparison, new: Comparison) -> Iterator[str]:
    """Which numbers of one comparison moved by more than another device or dtype may move them."""
    before, after = _numbers(old), _numbers(new)
    for what in dict.fromkeys([*before, *after]):
        one, other = before.get(what), after.get(what)
        if _shift(one, other) > 1:
            yield f"{what} to {old.reference}: {_shown(_value(one))} became {_shown(_value(other))}"


def largest_shift(pairs: Sequence[tuple[Comparison, Comparison]]) -> tuple[str, float]:
    """The number that moved most, and its change as a share of its tolerance."""
    shifts = [
        (f"{what} to {old.reference}", _shift(one, _numbers(new).get(what)))
        for old, new in pairs
        for what, one in _numbers(old).items()
    ]
    return max(shifts, key=lambda shift: shift[1], default=("", 0.0))


def _numbers(comparison: Comparison) -> dict[str, NamedNumber]:
    """The numbers that may move, by name."""
    return {
        one.name: one
        for signal, values in pairs_of(comparison.signals)
        if isinstance(values, SignalValues)
        for one in (*signal.numbers(values), *signal.details(values))
    }


def _shift(old: NamedNumber | None, new: NamedNumber | None) -> float:
    """The change as a share of the tolerance; infinite where only one of the two has a number."""
    one, other = _value(old), _value(new)
    if old is None or one is None or other is None:
        return 0.0 if one is other else inf
    change = abs(one - other)
    return change / old.moves_by if old.moves_by else (inf if change else 0.0)


def _value(number: NamedNumber | None) -> float | None:
    return number.value if number else None


def _equal(old: Any, new: Any, tolerance: float) -> bool:
    if _is_number(old) and _is_number(new):
        return bool(abs(old - new) <= tolerance * max(1.0, abs(old)))
    return type(old) is type(new) and bool(old == new)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _shown(value: Any) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else repr(value)
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 3]}..."
