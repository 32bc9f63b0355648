"""Whether the numbers of all texts together look like log-probabilities, or were clipped or rounded on the way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from provcheck.types import Floats, LogLikelihood

CLIPPED = "the server clips low log-probabilities, and this text has some"
ROUNDED = "the server rounds log-probabilities to {step:g} nats, which is too coarse"
MIN_REPEATS = 3
"""Tokens that share the very lowest value: three times the same by chance does not happen."""

LOW_NATS = -3.0
"""A lowest value above this is no limit: very short or very easy texts."""

STEPS = (1.0, 0.5, 0.1, 0.05, 0.01, 0.001)
COARSEST_NATS = 0.01
"""Rounding to this adds 0.003 nats of noise to a token, less than bfloat16 does."""

MIN_VALUES = 50
"""Fewer values say nothing about rounding."""


def check_all(found: Sequence[LogLikelihood | str]) -> tuple[list[LogLikelihood | str], float]:
    """The texts, with a reason in place of those that cannot be used, and the step that values are rounded to, or 0."""
    values = _values(found)
    step = rounding_step(values)
    if step > COARSEST_NATS:
        reason = ROUNDED.format(step=step)
        return [one if isinstance(one, str) else reason for one in found], step
    limit = clipped_at(values, step)
    return [CLIPPED if limit is not None and _reaches(one, limit) else one for one in found], step


def rounding_step(values: Floats) -> float:
    """The coarsest step of which all values are multiples; 0 where there is none."""
    if len(values) < MIN_VALUES:
        return 0.0
    return next((one for one in STEPS if np.allclose(values / one, np.round(values / one), rtol=0, atol=1e-6)), 0.0)


def clipped_at(values: Floats, step: float) -> float | None:
    """The lowest value, where several tokens share it; rounded values may do so without a limit, unless many do."""
    if len(values) < MIN_VALUES:
        return None
    lowest = float(values.min())
    needed = MIN_REPEATS if step == 0 else max(MIN_REPEATS, len(values) // 200)
    return lowest if lowest < LOW_NATS and int((values == lowest).sum()) >= needed else None


def _values(found: Sequence[LogLikelihood | str]) -> Floats:
    tokens = [one.tokens for one in found if isinstance(one, LogLikelihood)]
    joined = np.concatenate([*tokens, np.zeros(0)])
    return np.asarray(joined[np.isfinite(joined)])


def _reaches(one: LogLikelihood | str, limit: float) -> bool:
    return isinstance(one, LogLikelihood) and bool((one.tokens == limit).any())
