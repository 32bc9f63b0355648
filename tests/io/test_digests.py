"""Digests of arrays."""

from __future__ import annotations

import numpy as np

from provcheck.io.digests import arrays_digest
from provcheck.types import Floats


def test_the_digest_covers_names_shapes_and_types() -> None:
    numbers = np.arange(6, dtype=np.float32)
    different: list[dict[str, Floats]] = [
        {"a": numbers},
        {"b": numbers},
        {"a": numbers.reshape(2, 3)},
        {"a": numbers.reshape(3, 2)},
        {"a": numbers.astype(np.float64)},
        {"a": numbers[:3], "b": numbers[3:]},
    ]
    assert len({arrays_digest(arrays) for arrays in different}) == 6
    assert arrays_digest({"a": numbers, "b": numbers}) == arrays_digest({"b": numbers, "a": numbers})
    assert arrays_digest({"a": numbers.reshape(2, 3).T}) == arrays_digest({"a": numbers.reshape(2, 3).T.copy()})
