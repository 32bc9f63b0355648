"""SGLang's own `/generate`: `return_logprob` from the first token on gives `input_token_logprobs`.

Each entry is [log-probability or null, number of the token, its text].
"""

from __future__ import annotations

from typing import Any

from provcheck.endpoints.client import Client, Refused
from provcheck.endpoints.scored import Generated, Scored, count, entry, number

NAME = "SGLang's generate"


def ask(client: Client, text: str) -> Scored:
    """What the server tells of a text. Raises Unanswered."""
    body = {"text": text, "return_logprob": True, "logprob_start_len": 0, "return_text_in_logprobs": True}
    sampling = {"max_new_tokens": 1, "temperature": 1.0, "top_p": 1.0}
    return read(client.ask(f"{client.address.root}/generate", {**body, "sampling_params": sampling}))


def read(answer: Any) -> Scored:
    """What an answer says. Raises Refused."""
    told = entry(answer, "meta_info", "input_token_logprobs")
    if not isinstance(told, list):
        raise Refused("the server told no input_token_logprobs")
    stated = count(answer, "meta_info", "prompt_tokens")
    written = entry(answer, "meta_info", "output_token_logprobs", 0)
    value, text = number(entry(written, 0)), entry(written, 2)
    generated = Generated(text, value) if isinstance(text, str) and value is not None else None
    return Scored([entry(one, 2) for one in told], [entry(one, 0) for one in told], stated, generated)
