"""Attributions against the literal definition, and what spreading over words must keep."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from provcheck.errors import BrokenModel
from provcheck.measurement.attribution import (
    attribute_tokens,
    attribute_words,
    spread_over_words,
    word_of_character,
)
from provcheck.measurement.batching import Run
from provcheck.measurement.encoding import EncodedOption, encode_questions
from provcheck.measurement.loading import Loaded
from provcheck.types import Floats, ProbeSet
from tests.measurement.conftest import KINDS, Case, in_memory, in_place
from tests.tiny import TokenizerKind, tiny_model


def test_the_fast_path_agrees_with_the_literal_one(case: Case) -> None:
    assert len(case.fast_words) >= 5
    fast = np.concatenate([words.ravel() for words in case.fast_words])
    slow = np.concatenate([words.ravel() for words in case.slow_words])
    assert fast @ slow >= 0.99999 * np.linalg.norm(fast) * np.linalg.norm(slow)
    np.testing.assert_allclose(fast, slow, atol=1e-3 * np.abs(slow).max())


def test_every_question_by_itself_agrees_too(case: Case) -> None:
    for fast, slow in zip(case.fast_words, case.slow_words, strict=True):
        assert (fast * slow).sum() >= 0.99999 * np.linalg.norm(fast) * np.linalg.norm(slow) > 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bos", [True, False])
def test_words_sum_to_the_tokens_inside_the_question(kind: TokenizerKind, bos: bool, probes: ProbeSet) -> None:
    loaded = in_memory("llama", kind, bos)
    options, _ = encode_questions(loaded.tokenizer, probes.questions, None)
    for option in options:
        tokens = attribute_tokens(loaded, [option])
        words = spread_over_words(tokens, option, word_of_character(probes.questions[option.probe].question))
        inside = tokens[option.in_question]
        assert words.sum() == pytest.approx(inside.sum(), abs=1e-12 * np.abs(inside).sum())


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
    word = word_of_character(question)
    words = spread_over_words(tokens, option, word)
    expected = np.zeros(len(question.split()))
    for token, (start, end), inside in zip(tokens, option.spans, option.in_question, strict=True):
        for character in range(start, end) if inside else ():
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


def test_left_out_questions_are_zero_and_keep_their_shape(loaded: Loaded, probes: ProbeSet) -> None:
    options, _ = encode_questions(loaded.tokenizer, probes.questions, limit=40)
    measured = {option.probe for option in options}
    assert 0 < len(measured) < len(probes.questions)
    words = attribute_words(loaded, probes.questions, options, Run())
    for place, (question, block) in enumerate(zip(probes.questions, words, strict=True)):
        assert block.shape == (len(question.options), len(question.question.split()))
        assert block.any(axis=1).all() == (place in measured)


def test_broken_weights_are_told(probes: ProbeSet) -> None:
    model = tiny_model()
    model.model.layers[0].mlp.down_proj.weight[0, 0] = float("nan")
    broken = in_place(model)
    options, _ = encode_questions(broken.tokenizer, probes.questions, None)
    with pytest.raises(BrokenModel, match="NaN or Inf"):
        attribute_words(broken, probes.questions, options, Run())


def test_nan_only_in_gradients_is_told(probes: ProbeSet) -> None:
    """sqrt(0) is 0, its gradient is infinite, and Inf x 0 is NaN."""

    def kink(_module: torch.nn.Module, _args: object, output: torch.Tensor) -> torch.Tensor:
        return output + (output - output.detach()).sqrt()

    model = tiny_model()
    model.model.norm.register_forward_hook(kink)
    broken = in_place(model)
    options, _ = encode_questions(broken.tokenizer, probes.questions, None)
    with pytest.raises(BrokenModel, match="gradients contain NaN or Inf"):
        attribute_words(broken, probes.questions, options, Run())
