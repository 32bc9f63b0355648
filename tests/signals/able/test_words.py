"""What spreading the attributions of tokens over words must keep."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provcheck.measurement.encoding import EncodedOption
from provcheck.signals.able.views import word_of_character, words_of
from provcheck.types import Floats


@st.composite
def spread_cases(draw: st.DrawFn) -> tuple[str, EncodedOption, Floats]:
    question = draw(st.text(alphabet="ab \n\u3000é", min_size=1, max_size=30).filter(str.strip))
    starts = draw(st.lists(st.integers(0, len(question) + 3), min_size=1, max_size=12))
    spans = np.array([(start, start + draw(st.integers(1, 5))) for start in starts])
    special = np.array(draw(st.lists(st.booleans(), min_size=len(starts), max_size=len(starts))))
    values = draw(st.lists(st.floats(-1e3, 1e3), min_size=len(starts), max_size=len(starts)))
    option = EncodedOption(np.arange(len(starts)), spans, special, 0, 0, question_end=len(question))
    return question, option, np.array(values)


@given(spread_cases())
def test_spreading_keeps_the_sum_and_follows_the_characters(spread: tuple[str, EncodedOption, Floats]) -> None:
    question, option, tokens = spread
    word, inside = word_of_character(question), option.in_question
    (words,) = words_of(question, [(option.spans[inside], tokens[inside])])
    expected = np.zeros(len(question.split()))
    for token, (start, end), counts in zip(tokens, option.spans, option.in_question, strict=True):
        for character in range(start, end) if counts else ():
            expected[word[character]] += token / (end - start)
    np.testing.assert_allclose(words, expected, atol=1e-9)
    assert words.sum() == pytest.approx(tokens[option.in_question].sum(), abs=1e-9)


@given(st.text(alphabet="ab \t\n\u00a0\u3000é", min_size=1).filter(str.strip))
def test_words_are_what_split_gives_and_no_character_is_lost(text: str) -> None:
    word = word_of_character(text)
    assert len(word) == len(text)
    pieces = ["".join(c for c, w in zip(text, word, strict=True) if w == k) for k in range(word[-1] + 1)]
    assert "".join(pieces) == text
    assert [piece.strip() for piece in pieces] == text.split()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("ab c", [0, 0, 0, 1]), (" a  b ", [0, 0, 0, 0, 1, 1]), ("a\n\tb", [0, 0, 0, 1]), ("a", [0])],
)
def test_whitespace_joins_the_word_before_it(text: str, expected: list[int]) -> None:
    assert word_of_character(text).tolist() == expected
