"""What is kept of foreign texts, and what is said of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provcheck.io.text import clean, reason, shown

TOKEN = "hf_" + "aB3" * 12


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
