"""vLLM's `prompt_logprobs`: for each token of the prompt but the first, a table from token to log-probability.

With 0 alternatives each table has one entry, the prompt's own token. The first is `null`, so what
the first token is has to be read off the others.
"""

from __future__ import annotations

from typing import Any

from provcheck.endpoints.client import Client, Refused
from provcheck.endpoints.scored import Generated, Scored, count, entry, number

NAME = "vLLM's prompt_logprobs"


def ask(client: Client, text: str) -> Scored:
    """What the server tells of a text. Raises Unanswered."""
    body = {"model": client.address.model, "prompt": text, "prompt_logprobs": 0, "logprobs": 1, "max_tokens": 1}
    answer = client.ask(f"{client.address.base}/completions", {**body, "temperature": 1, "top_p": 1, "seed": 0})
    return read(answer)


def read(answer: Any) -> Scored:
    """What an answer says. Raises Refused."""
    choice = entry(answer, "choices", 0)
    tables = entry(choice, "prompt_logprobs")
    if not isinstance(tables, list) or not tables:
        raise Refused("the server told no prompt_logprobs")
    told = [_own(table) for table in tables[1:]]
    tokens, nats = [None, *(token for token, _ in told)], [None, *(value for _, value in told)]
    written, value = entry(choice, "text"), number(entry(choice, "logprobs", "token_logprobs", 0))
    generated = Generated(written, value) if isinstance(written, str) and value is not None else None
    return Scored(tokens, nats, count(answer, "usage", "prompt_tokens"), generated)


def _own(table: Any) -> tuple[object, object]:
    """Text and log-probability of the prompt's own token. Raises Refused where it is not known which one that is."""
    if not isinstance(table, dict) or len(table) != 1:
        raise Refused("the server told several alternatives for a token, though it was asked for none")
    (found,) = table.values()
    return entry(found, "decoded_token"), entry(found, "logprob")
