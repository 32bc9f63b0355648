"""Front matter of model cards, friendly and hostile."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provcheck.targets.cards import Card, read_card


def card(tmp_path: Path, text: str | bytes) -> Card:
    path = tmp_path / "README.md"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_card(path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("---\nlicense: mit\nbase_model: org/a\n---\ntext", Card("mit", ("org/a",))),
        ("---\r\nlicense: mit\r\n---\r\n", Card("mit")),
        ("\ufeff---\nlicense: mit\n---\n", Card("mit")),
        ("---\nbase_model:\n- org/a\n- org/b\n- org/a\n---\n", Card(None, ("org/a", "org/b"))),
        ("---\nbase_model: /home/me/models/base\n---\n", Card(None, ("base",))),
        ("---\nbase_model: [~/base/, 'C:\\me\\base']\n---\n", Card(None, ("base",))),
        ("---\nlicense: [mit, apache-2.0]\n---\n", Card("mit, apache-2.0")),
        ("---\nlicense: other\nlicense_name: llama3\n---\n", Card("llama3")),
        ("---\nlicense: other\n---\n", Card("other")),
        ("---\nlicense: null\nbase_model:\n---\n", Card()),
        ("---\nlicense: {a: b}\nbase_model: [[org/a], {b: c}, org/d]\n---\n", Card(None, ("org/d",))),
        ("# no front matter\n---\nlicense: mit\n---\n", Card()),
        ("---\nlicense: mit\nnever closed", Card()),
        ("---\n- a list\n---\n", Card()),
        ("---\nlicense: [mit\n---\n", Card()),
        ("---\nlicense: !!python/object/apply:os.system [id]\n---\n", Card("id")),
        ('---\nlicense: "\\UFFFFFFFF"\n---\n', Card()),
        ("---\na: " + "[" * 5000 + "\n---\n", Card()),
        ("---\na: &a [*a]\nlicense: mit\n---\n", Card()),
        ("", Card()),
    ],
)
def test_front_matter(tmp_path: Path, text: str, expected: Card) -> None:
    assert card(tmp_path, text) == expected


def test_no_card(tmp_path: Path) -> None:
    assert read_card(tmp_path / "README.md") == Card()


def test_values_are_bounded_and_printable(tmp_path: Path) -> None:
    bases = "\n".join(f"- org/{number}" for number in range(500))
    found = card(tmp_path, f'---\nlicense: "a\\u202eb\\x1b[31m\\n{"c" * 9000}"\nbase_model:\n{bases}\n---\n')
    assert found.license is not None
    assert found.license.startswith("ab[31mc")
    assert len(found.license) == 200
    assert len(found.base_model) == 20


def test_nested_merge_keys_do_not_explode(tmp_path: Path) -> None:
    lines = ["a0: &a0 {x: y}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 12)]
    started = time.monotonic()
    assert card(tmp_path, "---\n" + "\n".join([*lines, "license: mit"]) + "\n---\n") == Card("mit")
    assert time.monotonic() - started < 5


def test_a_giant_card_is_read_only_in_part(tmp_path: Path) -> None:
    assert card(tmp_path, "---\n" + "a: b\n" * 100_000 + "license: mit\n---\n") == Card()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(alphabet=st.sampled_from(list("ab:-[]{}&*!|>'\"\n #%@`,?<\\\t\x85\u2028"))))
def test_random_front_matter_never_raises(tmp_path: Path, text: str) -> None:
    card(tmp_path, f"---\nlicense: {text}\n---\n")
