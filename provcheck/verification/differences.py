"""How two reports differ, and how far numbers may lie apart.

EXACT: the same measurement gives the same numbers; linear algebra of another machine may round its last digits.

DISTANCE: cosine distance by which another device, dtype or batch size may move an ABLE distance.

KL: 0.005 bits/byte, and a quarter of the standard error on top, because rounding noise in the log-likelihoods moves a
large divergence more than a small one: with d the difference to the reference and e the noise, the divergence moves by
KL(e) + 2 Cov(d, e) in its unit, and the second term grows with the spread of d, as the standard error does. What is
accepted stays well below what the choice of the texts leaves open.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from provcheck.types import Comparison, Distance

EXACT = 1e-6
DISTANCE = 0.005
KL_BITS_PER_BYTE, KL_OF_STANDARD_ERROR = 0.005, 0.25
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
    kl_limit = KL_BITS_PER_BYTE + KL_OF_STANDARD_ERROR * (old.kl.se or 0.0)
    for name, one, other, limit in (
        ("ABLE paper distance", _cosine(old.able.paper), _cosine(new.able.paper), DISTANCE),
        ("ABLE contrast distance", _cosine(old.able.contrast), _cosine(new.able.contrast), DISTANCE),
        ("KL in bits/byte", old.kl.bits_per_byte, new.kl.bits_per_byte, kl_limit),
    ):
        if _moved(one, other, limit):
            yield f"{name} to {old.reference}: {_shown(one)} became {_shown(other)}"


def largest_shift(pairs: Sequence[tuple[Comparison, Comparison]]) -> tuple[float, float]:
    """The largest change of an ABLE distance, and of a KL divergence as a share of what is accepted."""
    able = [
        abs(one.cosine_distance - other.cosine_distance)
        for old, new in pairs
        for one, other in ((old.able.paper, new.able.paper), (old.able.contrast, new.able.contrast))
        if one and other
    ]
    kl = [
        abs(old.kl.bits_per_byte - new.kl.bits_per_byte) / (KL_BITS_PER_BYTE + KL_OF_STANDARD_ERROR * (old.kl.se or 0))
        for old, new in pairs
        if old.kl.bits_per_byte is not None and new.kl.bits_per_byte is not None
    ]
    return max(able, default=0.0), max(kl, default=0.0)


def _cosine(distance: Distance | None) -> float | None:
    return distance.cosine_distance if distance else None


def _moved(old: float | None, new: float | None, limit: float) -> bool:
    if old is None or new is None:
        return old is not new
    return abs(old - new) > limit


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
