"""Probes as token sequences with character spans.

A probe that the model cannot take whole is left out with a reason, never truncated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from provcheck.errors import UnsupportedModel
from provcheck.measurement.failures import HINT, failures_said
from provcheck.types import Bools, Ints

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MAX_LOST_SHARE = 0.02
"""A probe is left out when the tokenizer drops or replaces by <unk> more of its characters than this."""

MAX_TOKENS_PER_BYTE = 32
"""A tokenizer makes about one token of a byte at most; normalization makes 11 bytes of one at most."""

MAX_SPECIAL = 1_000
"""Tokens that a tokenizer may add to a text, on top of those of its bytes."""

GROUP = 32
"""Texts that are tokenized at once."""

TOO_LONG = "longer than the model's context"
LOST_CHARACTERS = "characters that the tokenizer cannot represent"
TOO_FEW_TOKENS = "too few tokens to score"


@dataclass(frozen=True, eq=False)
class Encoded:
    """One sequence of tokens.

    ids: (T,); spans: (T, 2) characters [start, end) of each token in the text; special: (T,) true for the tokens that
    the tokenizer adds itself; probe: index of the probe in the request; option: index of a question's option, else 0.
    """

    ids: Ints
    spans: Ints
    special: Bools
    probe: int
    option: int = 0


@dataclass(frozen=True, eq=False)
class EncodedOption(Encoded):
    """A question with one option; question_end: number of characters of the question."""

    question_end: int = 0

    @property
    def in_question(self) -> Bools:
        """(T,) tokens that lie wholly inside the question."""
        return ~self.special & (self.spans[:, 1] <= self.question_end)

    @property
    def in_option(self) -> Bools:
        """(T,) tokens that reach past the question; one at the very start has no prediction and does not count."""
        inside = ~self.special & (self.spans[:, 1] > self.question_end)
        inside[0] = False
        return inside


def encode_questions(
    tokenizer: PreTrainedTokenizerBase, questions: Sequence[tuple[str, Sequence[str]]], limit: int | None
) -> tuple[list[EncodedOption], dict[int, str]]:
    """Every option of every (question, options) that can be measured whole, within `limit` tokens.

    Also the reason for each question that is left out, by its index.
    """
    pairs = [(q, o) for q, (_, options) in enumerate(questions) for o in range(len(options))]
    texts = [f"{questions[q][0]} {questions[q][1][o]}" for q, o in pairs]
    encoded = [
        EncodedOption(ids, spans, special, q, o, question_end=len(questions[q][0]))
        for (q, o), (ids, spans, special) in zip(pairs, _tokenize(tokenizer, texts), strict=True)
    ]
    reasons: dict[int, str] = {}
    for text, option in zip(texts, encoded, strict=True):
        reason = _why_not(tokenizer, text, option, limit)
        if reason is None and not (option.in_question.any() and option.in_option.any()):
            reason = TOO_FEW_TOKENS
        if reason is not None:
            reasons.setdefault(option.probe, reason)
    return [option for option in encoded if option.probe not in reasons], reasons


def encode_texts(
    tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], limit: int | None
) -> tuple[list[Encoded], dict[int, str]]:
    """Every text that can be measured, and the reason for each that is left out, by its index."""
    kept, reasons = [], {}
    for place, (ids, spans, special) in enumerate(_tokenize(tokenizer, list(texts))):
        encoded = Encoded(ids, spans, special, place)
        reason = _why_not(tokenizer, texts[place], encoded, limit)
        if reason is None:
            kept.append(encoded)
        else:
            reasons[place] = reason
    return kept, reasons


def visible_until(text: str) -> Ints:
    """(characters + 1,) how many ASCII characters other than spaces stand before each character, and in all."""
    visible = np.array([character.isascii() and not character.isspace() for character in text], dtype=np.int64)
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(visible)])


def in_groups(texts: list[str]) -> list[list[str]]:
    """First one text, then a few at a time, so that a tokenizer that makes too many tokens is soon refused."""
    groups = [texts[:1], *(texts[start : start + GROUP] for start in range(1, len(texts), GROUP))]
    return groups if texts else []


def check_number(text: str, tokens: int) -> None:
    """Raise UnsupportedModel for more tokens than a text of that length can have."""
    size = len(text.encode("utf-8", "surrogatepass"))
    if tokens > MAX_TOKENS_PER_BYTE * size + MAX_SPECIAL:
        raise UnsupportedModel(f"the tokenizer makes {tokens:,} tokens of a probe of {size:,} bytes", HINT)


def _tokenize(tokenizer: PreTrainedTokenizerBase, texts: list[str]) -> Iterator[tuple[Ints, Ints, Bools]]:
    """ids, spans and special tokens of each text."""
    for group in in_groups(texts):
        for text, encoded in zip(group, _encode_group(tokenizer, group), strict=True):
            check_number(text, len(encoded[0]))
            yield encoded


def _encode_group(tokenizer: PreTrainedTokenizerBase, texts: list[str]) -> Iterator[tuple[Ints, Ints, Bools]]:
    with failures_said("the tokenizer fails on a probe"):
        batch = tokenizer(
            texts,
            add_special_tokens=True,
            padding=False,
            truncation=False,
            return_attention_mask=False,
            return_offsets_mapping=True,
            return_special_tokens_mask=True,
            verbose=False,
        )
    for ids, spans, special in zip(
        batch["input_ids"], batch["offset_mapping"], batch["special_tokens_mask"], strict=True
    ):
        yield np.array(ids, dtype=np.int64), _at_least_one_character(spans), np.array(special, dtype=bool)


def _at_least_one_character(spans: list[tuple[int, int]]) -> Ints:
    """Spans (T, 2); a token without characters (an inserted word mark) is put on the character where it stands."""
    array = np.array(spans, dtype=np.int64).reshape(-1, 2)
    array[:, 1] = np.maximum(array[:, 1], array[:, 0] + 1)
    return array


def _why_not(tokenizer: PreTrainedTokenizerBase, text: str, encoded: Encoded, limit: int | None) -> str | None:
    """Reason for leaving a probe out, or None."""
    if len(encoded.ids) < 2:
        return TOO_FEW_TOKENS
    if limit is not None and len(encoded.ids) > limit:
        return f"{TOO_LONG} of {limit} tokens"
    if _lost_share(tokenizer, text, encoded) > MAX_LOST_SHARE:
        return LOST_CHARACTERS
    return None


def _lost_share(tokenizer: PreTrainedTokenizerBase, text: str, encoded: Encoded) -> float:
    """Share of the visible characters that are in no token, or only in the unknown token."""
    kept = ~encoded.special
    if tokenizer.unk_token_id is not None:
        kept &= encoded.ids != tokenizer.unk_token_id
    edges = np.zeros(len(text) + 1, dtype=np.int64)
    np.add.at(edges, np.minimum(encoded.spans[kept, 0], len(text)), 1)
    np.add.at(edges, np.minimum(encoded.spans[kept, 1], len(text)), -1)
    visible = ~np.array([character.isspace() for character in text])
    return float((visible & (np.cumsum(edges[:-1]) == 0)).sum() / max(1, visible.sum()))
