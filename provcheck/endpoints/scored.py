"""What a server told of the tokens of one text, and whether it can be believed.

The server's own words for its tokens must rebuild the text. They are compared by their ASCII characters without spaces:
servers show pieces of other characters, and spaces at the beginning of words, in ways of their own.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from provcheck.endpoints.client import Refused
from provcheck.measurement.encoding import check_number
from provcheck.types import LogLikelihood

LOWEST_NATS = -1_000.0
"""Servers write numbers below this in place of an impossible token; no model gives them."""

ABOVE_ZERO = 0.01
"""A log-probability may be above 0 by rounding."""

MAX_LEADING, MAX_TRAILING = 2, 1
"""Special tokens that a tokenizer puts before and behind a text."""

SPECIAL = "<special>"
"""In place of a token that is not told and is no part of the text."""

HIDDEN = "the server does not tell the first token's log-probability, which the bank's numbers include"
BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
ESCAPED = "bytes:"
"""How some servers begin a token that is no whole character."""


@dataclass(frozen=True)
class Generated:
    """The one token that the server added: its text and its log-probability in nats."""

    text: str
    nats: float


@dataclass(frozen=True)
class Scored:
    """What a server told of a prompt: the text and the log-probability of each token, in its own form.

    stated: how many tokens it says that the prompt has; None where it does not say.
    """

    tokens: Sequence[object]
    nats: Sequence[object]
    stated: int | None = None
    generated: Generated | None = None


def log_likelihood(text: str, scored: Scored) -> LogLikelihood:
    """The numbers of one text. Raises Refused with the reason why there are none."""
    nats, words = _numbers(scored), _texts(scored.tokens, text)
    check_number(text, len(words))
    leading, trailing = _specials(text, words)
    ends = np.cumsum([len(_visible(word)) for word in words[leading : len(words) - trailing]])
    ends = np.concatenate([np.full(leading, -1), ends, np.full(trailing, -1)]).astype(np.int64)
    if _hides_one(scored, len(words)):
        return LogLikelihood(math.nan, np.concatenate([[np.nan], nats]), np.concatenate([[-1], ends]), HIDDEN)
    return LogLikelihood(float(nats[1:].sum()), nats, ends)


def number(value: object) -> float | None:
    """A finite number, or None."""
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if plain and math.isfinite(value) else None  # type: ignore[arg-type]


def entry(found: Any, *path: str | int) -> Any:
    """What stands at a place of a JSON value; None where there is nothing of that form."""
    for key in path:
        fits = isinstance(found, dict) if isinstance(key, str) else isinstance(found, list) and len(found) > key
        if not fits:
            return None
        found = found.get(key) if isinstance(key, str) else found[key]
    return found


def count(found: Any, *path: str | int) -> int | None:
    """The same for a number of tokens."""
    value = entry(found, *path)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9 else None


def _texts(tokens: Sequence[object], text: str) -> list[str]:
    """The tokens' texts; a first one that is not told is what the others lack. Raises Refused."""
    words = [token for token in tokens if isinstance(token, str)]
    if len(words) == len(tokens) - 1 and tokens[0] is None:
        wanted, rest = _visible(text), _rebuild(words)
        words = [wanted.removesuffix(rest) or SPECIAL, *words]
    if len(words) != len(tokens):
        raise Refused("the server does not tell what its tokens are, so it is unknown what was scored")
    return words


def _numbers(scored: Scored) -> Any:
    """(T,) nats, NaN for the first. Raises Refused."""
    if len(scored.nats) != len(scored.tokens):
        raise Refused(f"the server told {len(scored.nats)} log-probabilities of {len(scored.tokens)} tokens")
    if len(scored.nats) < 2:
        raise Refused(f"the server told only {len(scored.nats)} log-probabilities of a whole text")
    values = [number(value) for value in scored.nats[1:]]
    for place, value in enumerate(values, start=2):
        if value is None:
            raise Refused("the server left out log-probabilities of tokens inside the text")
        if value > ABOVE_ZERO:
            raise Refused(f"the server told a log-probability above 0 (token {place}), which there cannot be")
        if value <= LOWEST_NATS:
            raise Refused(f"the server told a log-probability of {value:g}: it clips what it calls impossible")
    return np.array([np.nan, *(value for value in values if value is not None)])


def _specials(text: str, words: list[str]) -> tuple[int, int]:
    """How many tokens stand before and behind those that rebuild the text. Raises Refused."""
    wanted = _visible(text)
    for leading in range(MAX_LEADING + 1):
        for trailing in range(MAX_TRAILING + 1):
            if leading + trailing < len(words) and _rebuild(words[leading : len(words) - trailing]) == wanted:
                return leading, trailing
    raise Refused("the server's tokens do not make up the text that was sent, so it is unknown what was scored")


def _rebuild(words: Sequence[str]) -> str:
    return "".join(map(_visible, words))


def _visible(word: str) -> str:
    """ASCII characters other than spaces, in lower case."""
    if word.startswith(ESCAPED):
        word = word.removeprefix(ESCAPED).encode("ascii", "ignore").decode("unicode_escape", "ignore")
    if found := BYTE.fullmatch(word):
        word = chr(int(found[1], 16))
    return "".join(c for c in word if c.isascii() and not c.isspace()).lower()


def _hides_one(scored: Scored, told: int) -> bool:
    """Whether the prompt had one token more than the server tells of. Raises Refused for other numbers."""
    if scored.stated is None or scored.stated == told:
        return False
    if scored.stated == told + 1:
        return True
    raise Refused(f"the server read {scored.stated} tokens, and told of {told}")
