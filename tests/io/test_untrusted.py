"""Bounded reading of foreign files, and what is said of their faults."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from provcheck.io.untrusted import first_fault, is_file, parse_json, read_bounded
from provcheck.types import Reference


def test_reads_up_to_the_limit(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"12345")
    assert read_bounded(tmp_path / "f", 5) == b"12345"
    with pytest.raises(OSError, match="larger than"):
        read_bounded(tmp_path / "f", 4)


def test_reads_only_plain_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        assert not is_file(path)
        with pytest.raises(OSError, match="not a plain file"):
            read_bounded(path, 10)


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "~nobody-here/x", ""])
def test_names_that_no_file_can_have(name: str) -> None:
    assert not is_file(name)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b"[" * 5000, "nested too deeply"),
        (b"{", "not valid JSON"),
        (b"\xff", "not valid JSON"),
        (b"9" * 5000, "not valid JSON"),
        (b"[1,1,1,1,1,1]", "more than 5 values"),
    ],
)
def test_json_that_is_refused(text: bytes, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        parse_json(text, values=5 if b"1,1" in text else 10_000)


def test_the_first_fault_is_short_whatever_the_document() -> None:
    documents: list[object] = [{"id": 1}, {"x" * 5000: 1, "\u202e": 2}, {f"a{n}": n for n in range(20_000)}, []]
    for document in documents:
        with pytest.raises(ValidationError) as caught:
            Reference.model_validate(document)
        said = first_fault(caught.value)
        assert 0 < len(said) <= 200
        assert said.isprintable()
