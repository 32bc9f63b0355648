"""The header validator: what is whole passes, everything else is a BrokenModel and nothing worse. Arrays as bytes."""

from __future__ import annotations

import hashlib
import json
import math
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save

from provcheck.errors import BrokenModel
from provcheck.io.safetensors import DTYPE_BITS, all_finite, read_arrays, read_header
from provcheck.targets.weight_files import count_elements
from tests.targets.builders import pack, tensors

FAST = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

ONE = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def count(tmp_path: Path, content: bytes) -> int:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    return count_elements(path)


def test_counts_elements_of_a_whole_file(tmp_path: Path) -> None:
    assert count(tmp_path, tensors(a=(2, 3), empty=(0, 5), scalar=())) == 7


def test_agrees_with_the_reference_implementation(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    path = tmp_path / "x.safetensors"
    dtypes = [torch.float32, torch.bfloat16, torch.int8, torch.bool, torch.float8_e4m3fn, torch.complex64]
    save_file({str(dtype): torch.zeros(3, 5).to(dtype) for dtype in dtypes}, path)
    assert count_elements(path) == 15 * len(dtypes)


@pytest.mark.parametrize("dtype", DTYPE_BITS)
def test_knows_every_dtype(tmp_path: Path, dtype: str) -> None:
    size = DTYPE_BITS[dtype]
    assert count(tmp_path, pack({"a": {"dtype": dtype, "shape": [8], "data_offsets": [0, size]}}, b"\0" * size)) == 8


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "ends inside its header"),
        (b"\1\0", "ends inside its header"),
        (b"\xff" * 8, "ends inside its header"),
        (tensors(a=(8,))[:-1], "reaches past the end"),
        (tensors(a=(8,)) + b"\0", "gaps or overlaps"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n", "git-lfs pointer"),
        (pack(b"[]"), "not a JSON object"),
        (pack(b' {"a": 1}'), "not a JSON object"),
        (pack(b'{"a":'), "not valid JSON"),
        (pack(b'{"a":' + b"[" * 100_000), "not valid JSON"),
        (pack(b'{"a": "\xff"}'), "not valid JSON"),
        (pack(b'{"a": ' + b"9" * 5000 + b"}"), "not valid JSON"),
        (pack({"__metadata__": {"x": 1}}), "map of strings"),
        (pack({"__metadata__": "x"}), "map of strings"),
        (pack({"a": 1}), "not described"),
        (pack({"a": {"dtype": "F32"}}), "not described"),
        (pack({"a": {**ONE, "dtype": "F33"}}, b"\0" * 8), "unknown dtype"),
        (pack({"a": {**ONE, "dtype": ["F32"]}}, b"\0" * 8), "unknown dtype"),
        (pack({"a": {**ONE, "shape": [-2]}}, b"\0" * 8), "malformed"),
        (pack({"a": {**ONE, "shape": [True, 2]}}, b"\0" * 8), "malformed"),
        (pack({"a": {**ONE, "shape": [2.0]}}, b"\0" * 8), "malformed"),
        (pack({"a": {**ONE, "data_offsets": [0, 8, 8]}}, b"\0" * 8), "malformed"),
        (pack({"a": {**ONE, "data_offsets": [8, 0]}}, b"\0" * 8), "reaches past"),
        (pack({"a": {**ONE, "shape": [3]}}, b"\0" * 8), "another size"),
        (pack({"a": {**ONE, "shape": [10**4000] * 5000}}, b"\0" * 8), "another size"),
        (pack({"a": {**ONE, "dtype": "F4", "shape": [3], "data_offsets": [0, 1]}}, b"\0"), "another size"),
        (pack({"a": ONE, "b": {**ONE, "data_offsets": [4, 12]}}, b"\0" * 12), "gaps or overlaps"),
        (pack({"a": ONE, "b": {**ONE, "data_offsets": [9, 17]}}, b"\0" * 17), "gaps or overlaps"),
        (pack(b'{"a": 1, "a": 2}'), "names an entry twice"),
        (pack({"\u202e\ud800\n" * 500: 1}), r"tensor '\\u202e\\ud800\\n"),
    ],
)
def test_says_what_is_wrong(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(BrokenModel, match=message) as caught:
        count(tmp_path, content)
    assert caught.value.message.startswith("model.safetensors: ")
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 1000
    assert caught.value.hint


def test_a_giant_claimed_header_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with path.open("wb") as file:
        file.write((2**31).to_bytes(8, "little"))
        file.truncate(2**33)  # sparse
    tracemalloc.start()
    with pytest.raises(BrokenModel, match="more than the format allows"):
        count_elements(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_a_missing_or_unreadable_file_is_a_broken_model(tmp_path: Path) -> None:
    with pytest.raises(BrokenModel, match="cannot be read"):
        count_elements(tmp_path / "none.safetensors")
    with pytest.raises(BrokenModel, match="cannot be read"):
        count_elements(tmp_path)


def accepts_or_breaks(tmp_path: Path, content: bytes) -> None:
    try:
        assert count(tmp_path, content) >= 0
    except BrokenModel as error:
        assert error.message.isprintable()


@FAST
@given(content=st.binary(max_size=400))
def test_random_bytes(tmp_path: Path, content: bytes) -> None:
    accepts_or_breaks(tmp_path, content)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(list(DTYPE_BITS)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
entries = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(list(DTYPE_BITS)) | json_values,
        "shape": st.lists(st.integers(-1, 9), max_size=3) | json_values,
        "data_offsets": st.lists(st.integers(-1, 40), min_size=2, max_size=2) | json_values,
    }
)


@FAST
@given(header=st.dictionaries(st.text(max_size=4), entries | json_values, max_size=3), data=st.binary(max_size=40))
def test_random_headers(tmp_path: Path, header: dict[str, Any], data: bytes) -> None:
    accepts_or_breaks(tmp_path, pack(json.dumps(header).encode(), data))


@FAST
@given(position=st.integers(0, 10**6), byte=st.integers(0, 255), cut=st.integers(0, 10**6))
def test_mutated_files(tmp_path: Path, position: int, byte: int, cut: int) -> None:
    content = bytearray(tensors(a=(2, 3), b=(4,)))
    content[position % len(content)] = byte
    accepts_or_breaks(tmp_path, bytes(content[: len(content) - cut % 9]))


specs = st.lists(
    st.tuples(st.sampled_from(["F32", "U8", "BF16", "F4"]), st.lists(st.integers(0, 4), max_size=3)), max_size=3
)
changes = st.sampled_from(
    [("dtype", "U8"), ("shape", [2]), ("shape", [0]), ("data_offsets", [0, 4]), ("data_offsets", [4, 8])]
)


@FAST
@given(specs=specs, change=st.none() | changes, extra=st.integers(0, 1))
def test_what_passes_here_loads_in_the_reference_implementation(
    tmp_path: Path, specs: list[tuple[str, list[int]]], change: tuple[str, Any] | None, extra: int
) -> None:
    from safetensors import safe_open

    header: dict[str, Any] = {}
    end = 0
    for number, (dtype, shape) in enumerate(specs):
        begin, end = end, end + math.prod(shape) * DTYPE_BITS[dtype] // 8
        header[f"t{number}"] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
    if change and header:
        header["t0"][change[0]] = change[1]
    try:
        count(tmp_path, pack(header, b"\0" * (end + extra)))
    except BrokenModel:
        return
    with safe_open(tmp_path / "model.safetensors", framework="np") as file:
        assert set(file.keys()) == set(header)


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


def test_a_compact_header_is_told_from_others(tmp_path: Path) -> None:
    path, content = tmp_path / "x", save({"a": np.zeros(2, dtype=np.float32)}, metadata={"ä": "b"})
    path.write_bytes(content)
    assert read_header(path).is_compact
    assert read_header(path).metadata == {"ä": "b"}
    size = int.from_bytes(content[:8], "little")
    spaced = content[8 : 8 + size].rstrip().replace(b'":', b'": ')
    for header in (spaced, content[8 : 8 + size] + b" " * 8, content[8 : 8 + size].replace(b"  ", b" \t")):
        if header != content[8 : 8 + size]:
            path.write_bytes(len(header).to_bytes(8, "little") + header + content[8 + size :])
            assert not read_header(path).is_compact
