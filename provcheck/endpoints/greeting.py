"""Which form of request a server answers, and whether its numbers agree with one another.

A short text is scored, then the same text with the token behind it that the server generated. Its log-probability as a
part of the prompt must be the one that it had when it was generated: some servers are off by one token, and what they
tell of a prompt is nonsense. The tokens that both requests share must have the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from provcheck.endpoints import echo, generate, prompt_logprobs
from provcheck.endpoints.client import Client, Failing, Refused, Spent, Unanswered
from provcheck.endpoints.scored import Scored, log_likelihood
from provcheck.errors import SubjectNotFound, UnsupportedModel
from provcheck.types import LogLikelihood

Ask = Callable[[Client, str], Scored]

FORMS: Sequence[tuple[str, Ask]] = tuple((one.NAME, one.ask) for one in (echo, prompt_logprobs, generate))
"""In this order: the first that a server answers is taken."""

TEXTS = (
    "The harbour pilot waited for the tide, and the boats came home one by one in the",
    "She opened the old book in the middle and began to read aloud. It was a story about a",
    "To make bread you need flour, water, salt and a little yeast. Mix the flour and the",
)
"""None is a probe, so that a server does not see which texts matter."""

AGREE_NATS = 0.5
"""How far the two log-probabilities of one token may be apart: rounding in bfloat16 stays far below; a server that is
off by one token misses by several nats."""

CANNOT = (
    "Log-probabilities of prompts come from vLLM, SGLang, Together and llama-cpp-python; llama.cpp's own server and "
)
CANNOT += "Ollama give those of generated tokens only. Where you have the weights, audit them instead."


@dataclass(frozen=True)
class Greeted:
    """How a server wants to be asked. `specials`: special tokens before a text; `repeats`: largest difference in nats
    between two answers about the same tokens; `checked`: whether the generated token's two numbers were seen to agree.
    """

    form: str
    ask: Ask
    specials: int
    repeats: float
    checked: bool


def greet(client: Client) -> Greeted:
    """Find the form, and check the numbers. Raises SubjectNotFound or UnsupportedModel."""
    name, ask, first, scored = _find_form(client)
    repeats, checked = 0.0, False
    for text in TEXTS:
        own, told = (first, scored) if text == TEXTS[0] else _score(client, ask, text)
        longer = _longer(client, ask, text, own, told)
        if longer is None:
            continue
        repeats = max(repeats, _largest(own.tokens[1:] - longer.tokens[1 : len(own.tokens)]))
        _check(client, longer, told)
        checked = True
        break
    specials = int((first.ends[: len(first.ends) // 2] < 0).sum())
    return Greeted(name, ask, specials, repeats, checked)


def _find_form(client: Client) -> tuple[str, Ask, LogLikelihood, Scored]:
    said = []
    for name, ask in FORMS:
        try:
            return name, ask, *_score(client, ask, TEXTS[0])
        except Spent as problem:
            raise UnsupportedModel(
                f"{client.address.name}: no requests are left to find out how it is asked ({problem.reason})",
                "Allow more with --max-requests.",
            ) from None
        except (Refused, Failing) as problem:
            said.append(f"{name}: {problem.reason}")
        except Unanswered as problem:
            raise SubjectNotFound(
                f"{client.address.name}: {problem.reason}", "Check the address, or try later."
            ) from None
    raise UnsupportedModel(
        f"the endpoint {client.address.name} gives no log-probabilities of a prompt ({'; '.join(said)})", CANNOT
    )


def _score(client: Client, ask: Ask, text: str) -> tuple[LogLikelihood, Scored]:
    scored = ask(client, text)
    found = log_likelihood(text, scored)
    client.tokens += len(found.tokens) + 1
    return found, scored


def _longer(client: Client, ask: Ask, text: str, own: LogLikelihood, told: Scored) -> LogLikelihood | None:
    """The text with the generated token behind it; None where that is not the same tokens and one more."""
    if told.generated is None or not told.generated.text.strip().isascii() or not told.generated.text.strip():
        return None
    try:
        found, _ = _score(client, ask, text + told.generated.text)
    except Unanswered:
        return None
    same = len(found.ends) == len(own.ends) + 1 and (found.ends[:-1] == own.ends).all()
    return found if same else None


def _check(client: Client, longer: LogLikelihood, told: Scored) -> None:
    """Raise UnsupportedModel where the generated token's two log-probabilities differ."""
    generated = told.generated.nats if told.generated else np.nan
    apart = abs(float(longer.tokens[-1]) - generated)
    if not apart <= AGREE_NATS:
        raise UnsupportedModel(
            f"the endpoint {client.address.name} contradicts itself: it gave a token a log-probability of "
            f"{generated:.2f} when it generated it, and of {longer.tokens[-1]:.2f} as part of a prompt",
            "What it tells of prompts cannot be used. Ask who runs the server, or audit the weights instead.",
        )


def _largest(differences: np.ndarray) -> float:
    return float(np.nanmax(np.abs(differences), initial=0.0))
