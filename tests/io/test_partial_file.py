"""A file of which only some spans are here."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provcheck.io.partial_file import PartialFile, merge

SIZE = 1_000
CONTENT = bytes(number % 251 for number in range(SIZE))


def opened(folder: Path, size: int = SIZE) -> PartialFile:
    return PartialFile(folder / "parts" / "model.safetensors", size)


def write(file: PartialFile, *spans: tuple[int, int]) -> PartialFile:
    for begin, end in spans:
        file.write(begin, CONTENT[begin:end])
    return file


def test_what_is_missing(tmp_path: Path) -> None:
    file = opened(tmp_path)
    assert file.missing([(5, 10), (8, 20), (30, 30)]) == [(5, 20)]
    write(file, (100, 200), (300, 400), (200, 250))
    assert file.missing([(0, SIZE)]) == [(0, 100), (250, 300), (400, SIZE)]
    assert file.missing([(120, 180), (310, 400)]) == []
    assert file.missing([(240, 310)]) == [(250, 300)]
    assert file.path.read_bytes()[100:250] == CONTENT[100:250]
    assert file.path.stat().st_size == SIZE


def test_a_later_run_finds_it(tmp_path: Path) -> None:
    write(opened(tmp_path), (0, 100), (500, 600))
    again = opened(tmp_path)
    assert again.missing([(0, 100), (550, 600), (600, 601)]) == [(600, 601)]
    assert write(again, (600, 700)).missing([(0, SIZE)]) == [(100, 500), (700, SIZE)]


def test_what_was_changed_since_is_missing(tmp_path: Path) -> None:
    """A crash can lose what was written, and a disk can spoil it."""
    path = write(opened(tmp_path), (0, 100), (500, 600)).path
    with path.open("r+b") as file:
        file.seek(50)
        file.write(b"\xff")
    again = opened(tmp_path)
    assert again.missing([(0, SIZE)]) == [(0, 500), (600, SIZE)]
    write(again, (0, 100))
    assert opened(tmp_path).missing([(0, SIZE)]) == [(100, 500), (600, SIZE)]


@pytest.mark.parametrize(
    "line", [b"", b"0 100", b"0 100 zz", b"0 5000 " + b"0" * 64, b"9 3 " + b"0" * 64, b"\xff\xfe", b"0 " * 90]
)
def test_lines_that_say_nothing(line: bytes, tmp_path: Path) -> None:
    """Such as the last one of a process that was killed."""
    write(opened(tmp_path), (0, 100))
    journal = tmp_path / "parts" / "model.safetensors.spans"
    journal.write_bytes(line + b"\n" + journal.read_bytes() + line)
    assert opened(tmp_path).missing([(0, 200)]) == [(100, 200)]


@pytest.mark.parametrize("begin", [-1, SIZE, SIZE - 5])
def test_nothing_is_written_outside(begin: int, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="outside a file of 1000"):
        opened(tmp_path).write(begin, b"x" * 10)


@pytest.mark.skipif(not hasattr(os.stat_result, "st_blocks"), reason="this system does not say what a file takes")
def test_holes_take_no_space(tmp_path: Path) -> None:
    file = opened(tmp_path, 10**11)
    file.write(7 * 10**10, b"x" * 100)
    assert file.path.stat().st_size == 10**11
    assert file.path.stat().st_blocks * 512 < 10**6


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60))), st.integers(0, 5))
def test_merged_spans_cover_the_same_bytes(spans: list[tuple[int, int]], gap: int) -> None:
    found = merge(spans, gap)
    covered = {byte for begin, end in spans for byte in range(begin, end)}
    assert covered <= {byte for begin, end in found for byte in range(begin, end)}
    assert all(one[1] + gap < two[0] for one, two in itertools.pairwise(found))
    assert gap or covered == {byte for begin, end in found for byte in range(begin, end)}
