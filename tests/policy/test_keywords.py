"""-k: what is chosen, and where an expression is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provcheck.errors import UsageError
from provcheck.policy import collect, name_of
from provcheck.policy.keywords import MAX_DEPTH, MAX_LENGTH, parse_keywords

NAMES = ["no-llama", "not-related-to"]


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("llama", True),
        ("LLaMA", True),
        ("related", True),
        ("nothing", False),
        ("not llama", False),
        ("not nothing", True),
        ("not not llama", True),
        ("llama and related", True),
        ("llama and nothing", False),
        ("llama or nothing", True),
        ("nothing or nothing and llama", False),
        ("llama or nothing and nothing", True),
        ("(llama or nothing) and nothing", False),
        ("not (llama and nothing)", True),
        ("not nothing and llama", True),
        ("not-related-to", True),
        ("not(nothing)", True),
        ("((llama))", True),
        ("And", False),
        ("", True),
        ("  ", True),
    ],
)
def test_an_expression(text: str, holds: bool) -> None:
    assert parse_keywords(text)(NAMES) is holds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("and", "column 1: expected a word, `not` or `(`, found `and`"),
        ("a or", "column 5: expected a word, `not` or `(`, found its end"),
        ("a b", "column 3: expected `and` or `or`, found `b`"),
        ("(a or b", "column 8: expected `)`, found its end"),
        ("a)", "column 2: expected `and` or `or`, found `)`"),
        ("not", "column 4: expected a word"),
        ("()", "column 2: expected a word"),
        ("a == b", "column 3: unexpected character '='"),
        ("a; import os", "column 2: unexpected character ';'"),
        ("__import__('os')", "column 11: expected `and` or `or`, found `(`"),
        ("(" * (MAX_DEPTH + 2) + "a", "nested too deeply"),
        ("not " * (MAX_DEPTH + 2) + "a", "nested too deeply"),
        ("a" * (MAX_LENGTH + 1), "longer than"),
    ],
)
def test_a_fault_has_its_column(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_keywords(text)
    assert message in caught.value.message
    assert "for example" in caught.value.hint


WORDS = ("coverage", "base", "related", "license", "zzz")
words = st.sampled_from(WORDS)
expressions = st.recursive(
    words,
    lambda inner: st.one_of(
        inner.map("not {}".format),
        inner.map("({})".format),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(" ".join),
    ),
    max_leaves=6,
)


@given(expressions)
def test_an_expression_and_its_negation_share_the_checks_among_them(text: str) -> None:
    chosen, others = collect("release-gate", text), collect("release-gate", f"not ({text})")
    every = [name_of(rule) for rule in collect("release-gate").rules]
    assert set(chosen.deselected) == {name_of(rule) for rule in others.rules}
    assert set(others.deselected) == {name_of(rule) for rule in chosen.rules}
    assert sorted([*chosen.deselected, *others.deselected]) == sorted(every)


@given(expressions, st.sets(words))
def test_it_means_what_python_means(text: str, names: set[str]) -> None:
    known = {word: word in names for word in WORDS}
    meant = eval(text, {}, known)  # noqa: S307
    assert parse_keywords(text)(sorted(names)) is meant


@given(st.text(max_size=40))
def test_any_text_is_understood_or_a_usage_error(text: str) -> None:
    try:
        assert parse_keywords(text)(NAMES) in (True, False)
    except UsageError as error:
        assert error.message.startswith("-k: ")


def test_checks_are_chosen_by_id_and_by_kind(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    rules = "{kind: not-related-to, id: no-llama}, {kind: safetensors-only}"
    file.write_text(f"name: mine\nchecks: [{rules}]\n", "utf-8")
    for text in ("llama", "related"):
        collected = collect(str(file), text)
        assert [name_of(rule) for rule in collected.rules] == ["no-llama"]
        assert collected.deselected == ("safetensors-only",)
