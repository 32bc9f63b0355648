"""Bounded reading of foreign files, and what is said of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from provcheck.reading import clean, first_fault, is_file, parse_json, read_bounded, read_yaml, reason, shown
from provcheck.types import Reference

TOKEN = "hf_" + "aB3" * 12


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


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: 1\nb: {c: 2,\n", "line 3: "),
        ("a: 1\na: 2\n", "line 1: the key 'a' occurs twice"),
        ("x: {k: 1, k: 2}\n", "the key 'k' occurs twice"),
        ("a: &a [1]\nb: *a\n", "line 2: aliases"),
        ("!!python/name:os.system\n", "could not determine a constructor"),
        ("[" * 5000, "nested too deeply"),
        ("\x07", "special characters"),
    ],
)
def test_yaml_that_is_refused(tmp_path: Path, text: str, fault: str) -> None:
    (tmp_path / "f.yaml").write_text(text, "utf-8")
    with pytest.raises(ValueError) as caught:
        read_yaml(tmp_path / "f.yaml", 10_000)
    assert fault in str(caught.value)


def test_yaml_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_bytes(b"\xef\xbb\xbfa: [1, x]\n")
    assert read_yaml(tmp_path / "f.yaml", 100) == {"a": [1, "x"]}


def test_the_first_fault_is_short_whatever_the_document() -> None:
    documents: list[object] = [{"id": 1}, {"x" * 5000: 1, "\u202e": 2}, {f"a{n}": n for n in range(20_000)}, []]
    for document in documents:
        with pytest.raises(ValidationError) as caught:
            Reference.model_validate(document)
        said = first_fault(caught.value)
        assert 0 < len(said) <= 200
        assert said.isprintable()


@given(st.text(st.characters(codec="utf-8")))
def test_clean_texts_can_be_printed(text: str) -> None:
    found = clean(text)
    assert found is None or (found.isprintable() and 0 < len(found) <= 200 and found == found.strip())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"GET https://me:{TOKEN}@host/x", "GET https://host/x"),
        (f"token {TOKEN}.", "token ."),
        ("org/hf_transformers@main", "org/hf_transformers@main"),
        ("mail me@host", "mail me@host"),
        (7, None),
        ("\u200b", None),
    ],
)
def test_secrets_are_taken_out(text: object, expected: str | None) -> None:
    assert clean(text) == expected


def test_reasons_name_no_path() -> None:
    assert reason(FileNotFoundError(2, "No such file", "/home/me/x")) == "No such file"
    assert reason(ValueError()) == "ValueError"


def test_a_home_is_not_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert (shown(tmp_path / "a" / "b"), shown(Path("/etc/x"))) == ("~/a/b", "/etc/x")
