"""Probes as tokens: whole or left out with a reason, never cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from provcheck.errors import UnsupportedModel
from provcheck.measurement.encoding import (
    GROUP,
    LOST_CHARACTERS,
    TOO_FEW_TOKENS,
    TOO_LONG,
    EncodedOption,
    encode_questions,
    encode_texts,
)
from provcheck.types import ProbeSet
from tests.measurement.conftest import KINDS
from tests.measurement.running import asked, texts_of
from tests.tiny import UNKNOWN, TokenizerKind, tiny_tokenizer


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bos", [True, False])
def test_probes_are_tokenized_whole_with_the_tokenizers_own_special_tokens(
    kind: TokenizerKind, bos: bool, probes: ProbeSet
) -> None:
    tokenizer = tiny_tokenizer(kind, bos=bos)
    texts, _ = encode_texts(tokenizer, texts_of(probes), None)
    for text in texts:
        assert text.ids.tolist() == tokenizer(probes.texts[text.probe].text).input_ids
        assert text.special.any() == bos
    options, _ = encode_questions(tokenizer, asked(probes), None)
    for option in options:
        question = probes.questions[option.probe]
        assert option.ids.tolist() == tokenizer(f"{question.question} {question.options[option.option]}").input_ids


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_longer_than_the_context_is_left_out_and_counted(kind: TokenizerKind, probes: ProbeSet) -> None:
    tokenizer = tiny_tokenizer(kind)
    representable, _ = encode_texts(tokenizer, texts_of(probes), None)
    for limit in sorted({len(text.ids) for text in representable}):
        kept, left_out = encode_texts(tokenizer, texts_of(probes), limit)
        expected = [text.probe for text in representable if len(text.ids) <= limit]
        assert [text.probe for text in kept] == expected
        assert len(left_out) == len(probes.texts) - len(expected)
        assert sum(one.startswith(TOO_LONG) for one in left_out.values()) >= len(representable) - len(expected)


def test_one_long_option_leaves_its_question_out(probes: ProbeSet) -> None:
    tokenizer = tiny_tokenizer()
    lengths: dict[int, list[int]] = {}
    for option in encode_questions(tokenizer, asked(probes), None)[0]:
        lengths.setdefault(option.probe, []).append(len(option.ids))
    place = next(p for p, sizes in lengths.items() if min(sizes) < max(sizes))
    kept, left_out = encode_questions(tokenizer, asked(probes)[place : place + 1], max(lengths[place]) - 1)
    assert kept == []
    assert left_out == {0: f"{TOO_LONG} of 17 tokens"}


def test_unknown_characters_leave_a_probe_out(probes: ProbeSet) -> None:
    texts, left_out = encode_texts(tiny_tokenizer("wordpiece"), texts_of(probes), None)
    assert {probes.texts[text.probe].domain for text in texts} == {"english"}
    assert list(left_out.values()) == [LOST_CHARACTERS] * 4
    assert left_out.keys() == set(range(len(probes.texts))) - {text.probe for text in texts}


@pytest.mark.parametrize("unknown", [None, UNKNOWN])
def test_dropped_characters_leave_a_probe_out(unknown: str | None, probes: ProbeSet) -> None:
    """Without an unknown token, BPE drops what it does not know and says nothing."""
    questions = [("Abba?", ("aab", "bba")), ("abba?", ("aab", "bba")), ("abba?", ("abc", "bba"))]
    kept, left_out = encode_questions(_letters(unknown), questions, None)
    assert {option.probe for option in kept} == {1}
    assert left_out == {0: LOST_CHARACTERS, 2: LOST_CHARACTERS}
    texts, left_out = encode_texts(_letters(unknown), ["ab" * 49 + "cb", "ab" * 23 + "cb"], None)
    assert [text.probe for text in texts] == [0], "up to 2 % may be lost"
    assert left_out == {1: LOST_CHARACTERS}


def test_too_few_tokens_leave_a_probe_out() -> None:
    texts, left_out = encode_texts(tiny_tokenizer(bos=False), ["T", "No."], None)
    assert [text.probe for text in texts] == [1]
    assert left_out == {0: TOO_FEW_TOKENS}
    assert not encode_texts(tiny_tokenizer(bos=True), ["T"], None)[1]


def test_a_question_that_one_token_swallows_is_left_out() -> None:
    tokenizer = _wrap(Tokenizer(models.WordLevel({"a b": 0, "a c": 1}, unk_token="?")))  # noqa: S106
    kept, left_out = encode_questions(tokenizer, [("a", ("b", "c"))], None)
    assert kept == []
    assert left_out == {0: TOO_FEW_TOKENS}


def test_a_token_that_reaches_past_the_question_belongs_to_the_option() -> None:
    tokens = [(0, 0), (0, 3), (3, 5), (4, 6), (6, 9)]
    special = np.array([True, False, False, False, False])
    option = EncodedOption(np.arange(5), np.array(tokens), special, 0, 0, question_end=5)
    assert option.in_question.tolist() == [False, True, True, False, False]
    assert option.in_option.tolist() == [False, False, False, True, True]


def test_a_first_token_has_no_prediction() -> None:
    option = EncodedOption(np.arange(2), np.array([(0, 4), (4, 6)]), np.zeros(2, dtype=bool), 0, 0, question_end=2)
    assert option.in_option.tolist() == [False, True]


@given(st.text(min_size=1, max_size=40).filter(str.strip), st.sampled_from(KINDS), st.booleans())
def test_spans_lie_in_the_text_and_hold_at_least_one_character(text: str, kind: TokenizerKind, bos: bool) -> None:
    kept, left_out = encode_texts(_TOKENIZERS[kind, bos], [text], None)
    assert len(kept) + len(left_out) == 1
    for encoded in kept:
        spans = encoded.spans[~encoded.special]
        assert (spans[:, 1] > spans[:, 0]).all()
        assert (spans[:, 0] >= 0).all()
        assert (spans[:, 1] <= len(text)).all()


@given(st.text(min_size=1, max_size=30).filter(str.strip), st.text(min_size=1, max_size=30).filter(str.strip))
def test_every_token_is_in_the_question_or_in_the_option(question: str, option: str) -> None:
    for (kind, bos), tokenizer in _TOKENIZERS.items():
        kept, _ = encode_questions(tokenizer, [(question, (option, "no"))], None)
        for encoded in kept:
            one_of_them = encoded.in_question ^ encoded.in_option
            assert one_of_them[~encoded.special].all(), (kind, bos)
            assert not one_of_them[encoded.special].any()


_TOKENIZERS = {(kind, bos): tiny_tokenizer(kind, bos=bos) for kind in KINDS for bos in (True, False)}


def _wrap(tokenizer: Tokenizer, unknown: str | None = None) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token=unknown)


def _letters(unknown: str | None) -> PreTrainedTokenizerFast:
    """A tokenizer that knows a, b, question mark and space."""
    vocabulary = {UNKNOWN: 0, "a": 1, "b": 2, "?": 3, " ": 4}
    tokenizer = Tokenizer(models.BPE(vocabulary, [], unk_token=unknown))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "isolated")
    return _wrap(tokenizer, unknown)


@pytest.mark.parametrize("place", [0, 1, 40])
def test_far_more_tokens_than_bytes_are_refused(place: int) -> None:
    """Wherever the text stands for which the tokenizer makes them."""
    tokenizer = tiny_tokenizer()
    tokenizer.backend_tokenizer.normalizer = normalizers.Replace("z", "x y" * 40)
    texts = ["No such letter."] * place + ["z" * 200] + ["No such letter."] * 30
    with pytest.raises(UnsupportedModel, match=r"makes [\d,]+ tokens of a probe of 200 bytes") as caught:
        encode_texts(tokenizer, texts, None)
    assert "tokenizer.json" in caught.value.hint


def test_texts_are_encoded_in_groups_as_they_are_alone(probes: ProbeSet) -> None:
    tokenizer = tiny_tokenizer()
    texts = [f"{number} {text}" for number in range(9) for text in texts_of(probes)]
    together, _ = encode_texts(tokenizer, texts, None)
    assert len(together) > 2 * GROUP
    for one in together:
        ((alone,), _) = encode_texts(tokenizer, [texts[one.probe]], None)
        assert (one.ids.tolist(), one.spans.tolist()) == (alone.ids.tolist(), alone.spans.tolist())


def test_no_texts() -> None:
    assert encode_texts(tiny_tokenizer(), [], None) == ([], {})


def test_a_letter_that_becomes_many_is_not_refused() -> None:
    """The longest form of a letter that there is: 3 bytes become 33."""
    tokenizer = tiny_tokenizer()
    tokenizer.backend_tokenizer.normalizer = normalizers.NFKC()
    ((text,), _) = encode_texts(tokenizer, ["\ufdfa" * 50], None)
    assert len(text.ids) > 500
