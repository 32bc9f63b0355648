"""The arrays of a bank as bytes."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save

from provcheck.bank.arrays import all_finite, read_arrays


def test_reads_what_safetensors_reads(tmp_path: Path) -> None:
    stream = np.random.default_rng(0)
    made = {
        "halves": stream.standard_normal((3, 4, 5)).astype(np.float16),
        "floats": stream.standard_normal((3, 7)).astype(np.float32),
        "doubles": stream.standard_normal(6),
        "none": np.zeros((0, 4), dtype=np.float32),
    }
    path = tmp_path / "bank.safetensors"
    path.write_bytes(save(made, metadata={"a": "b"}))
    read = read_arrays(path, hashlib.sha256(path.read_bytes()).hexdigest())
    assert read is not None
    for name, array in load_file(path).items():
        np.testing.assert_array_equal(read[name], array)
        assert read[name].dtype == array.dtype
        with pytest.raises(ValueError, match="read-only"):
            read[name][...] = 1
    assert set(read) == set(made)


def test_another_digest_gives_nothing(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(save({"a": np.zeros(2)}))
    assert read_arrays(tmp_path / "b", "0" * 64) is None


@given(st.lists(st.integers(0, 2**16 - 1), min_size=1, max_size=50))
def test_the_bits_of_halves_tell_whether_all_are_finite(bits: list[int]) -> None:
    halves = np.frombuffer(struct.pack(f"<{len(bits)}H", *bits), dtype=np.float16)
    assert all_finite(halves) == bool(np.isfinite(halves).all())


def test_every_half_alone() -> None:
    halves = np.arange(2**16, dtype=np.uint16).view(np.float16)
    assert [all_finite(halves[n : n + 1]) for n in range(2**16)] == np.isfinite(halves).tolist()
