"""Completions in OpenAI's form with `echo` and `logprobs`, as vLLM, Together, llama-cpp-python and others give them.

The answer repeats the prompt, and one generated token stands behind it: a server that is asked for none may write on
without end. Together puts the prompt's tokens into a list of its own, `prompt`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from provcheck.endpoints.client import Client, Refused
from provcheck.endpoints.scored import Generated, Scored, count, entry, number

NAME = "completions with echo and logprobs"


def ask(client: Client, text: str) -> Scored:
    """What the server tells of a text. Raises Unanswered."""
    body = {"model": client.address.model, "prompt": text, "echo": True, "logprobs": 1, "max_tokens": 1}
    answer = client.ask(f"{client.address.base}/completions", {**body, "temperature": 1, "top_p": 1, "seed": 0})
    return read(answer)


def read(answer: Any) -> Scored:
    """What an answer says. Raises Refused."""
    choice, stated = entry(answer, "choices", 0), count(answer, "usage", "prompt_tokens")
    apart = _lists(entry(answer, "prompt", 0, "logprobs"))
    told = _lists(entry(choice, "logprobs"))
    if apart:
        return Scored(*apart, stated=stated, generated=_first(told))
    if told is None:
        raise Refused("the server told no log-probabilities")
    tokens, nats = told
    if len(tokens) != len(nats):
        raise Refused(f"the server told {len(nats)} log-probabilities of {len(tokens)} tokens")
    written = count(answer, "usage", "completion_tokens")
    inside = len(tokens) - min(1 if written is None else written, len(tokens))
    if inside == 0:
        raise Refused("the server told log-probabilities of the token that it wrote only, not of the prompt's")
    return Scored(tokens[:inside], nats[:inside], stated, _first((tokens[inside:], nats[inside:])))


def _lists(found: Any) -> tuple[Sequence[object], Sequence[object]] | None:
    tokens, nats = entry(found, "tokens"), entry(found, "token_logprobs")
    return (tokens, nats) if isinstance(tokens, list) and isinstance(nats, list) else None


def _first(lists: tuple[Sequence[object], Sequence[object]] | None) -> Generated | None:
    if not lists or not lists[0] or not lists[1]:
        return None
    text, nats = lists[0][0], number(lists[1][0])
    return Generated(text, nats) if isinstance(text, str) and nats is not None else None
