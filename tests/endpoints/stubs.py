"""Servers that answer as vLLM, Together, SGLang, llama-cpp-python, llama.cpp and Ollama do, over a model here.

What they tell is computed here, one text at a time, without a line of provcheck. Those of which an answer was recorded
have its very fields (`test_recorded.py`), the others those of the documents.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.targets.serving import running

Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Model:
    """A model as a server runs it. `bos`: whether it puts the tokenizer's own special tokens before a prompt."""

    folder: Path
    dtype: torch.dtype = torch.float32
    bos: bool = True

    def __post_init__(self) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(self.folder)
        self.network = AutoModelForCausalLM.from_pretrained(self.folder, dtype=self.dtype).eval()

    def score(self, text: str) -> tuple[list[int], list[float | None], int, float]:
        """Tokens and their log-probabilities, and the likeliest next token with its own."""
        ids = self.tokenizer(text, add_special_tokens=self.bos)["input_ids"]
        table = self.table(ids)
        values = [table[place, token].item() for place, token in enumerate(ids[1:])]
        best = int(table[-1].argmax())
        return ids, [None, *values], best, table[-1, best].item()

    def table(self, ids: list[int]) -> torch.Tensor:
        """Log-probabilities of every token behind each of these."""
        with torch.inference_mode():
            logits: torch.Tensor = self.network(torch.tensor([ids])).logits[0]
        return logits.float().log_softmax(-1)

    def text(self, token: int) -> str:
        """One token on its own, as servers show it."""
        return str(self.tokenizer.decode([token]))

    def whole(self, token: int) -> str:
        """One token on its own without pieces of characters, as llama.cpp shows it."""
        return self.text(token).replace("\ufffd", "")

    def words(self, ids: list[int]) -> list[str]:
        """What each token adds to the text, as vLLM shows it: a character stands at the last of its pieces."""
        words, seen = [], ""
        for end in range(1, len(ids) + 1):
            text = str(self.tokenizer.decode(ids[:end]))
            whole = not text.endswith("\ufffd")
            words.append(text[len(seen) :] if whole else "")
            seen = text if whole else seen
        return words


Speak = Callable[[Model, str, dict[str, Any]], tuple[int, Any]]


def vllm(model: Model, path: str, asked: dict[str, Any]) -> tuple[int, Any]:
    """vLLM's completions: `echo` repeats the prompt in text and logprobs; `prompt_logprobs` stands in the choice.

    Beside a token's own number stand those of the likeliest, as many as were asked for; `echo` with `logprobs` is
    answered as if `prompt_logprobs` were asked for too.
    """
    if path != "/v1/completions":
        return 404, {"detail": "Not Found"}
    ids, values, best, nats = model.score(asked["prompt"])
    words, table = model.words([*ids, best]), model.table(ids)
    told: list[float | None] = [*values, nats]
    begin = 0 if asked.get("echo") else len(ids)
    logprobs = None
    if asked.get("logprobs") is not None:
        logprobs = {
            "text_offset": [sum(map(len, words[begin:place])) for place in range(begin, len(words))],
            "token_logprobs": told[begin:],
            "tokens": words[begin:],
            "top_logprobs": [
                None if place == 0 else {words[place]: told[place]} | {model.text(token): one}
                for place in range(begin, len(words))
                for token, one in [_likeliest(table, place)]
            ],
        }
    most = asked.get("prompt_logprobs", asked["logprobs"] if asked.get("echo") else None)
    choice = {
        "index": 0, "text": (asked["prompt"] if asked.get("echo") else "") + words[-1], "logprobs": logprobs,
        "finish_reason": "length", "stop_reason": None, "token_ids": None,
        "prompt_logprobs": None if most is None else _alternatives(model, ids, words, told, most),
        "prompt_token_ids": None, "routed_experts": None,
    }  # fmt: skip
    usage = {**_usage(len(ids)), "prompt_tokens_details": None, "completion_tokens_details": None}
    return 200, {
        "id": "cmpl-1", "object": "text_completion", "created": 1, "model": asked["model"], "choices": [choice],
        "service_tier": None, "system_fingerprint": "vllm", "usage": usage, "kv_transfer_params": None,
        "ec_transfer_params": None, "metrics": None,
    }  # fmt: skip


def _alternatives(
    model: Model, ids: list[int], words: list[str], told: list[float | None], most: int
) -> list[dict[str, Any] | None]:
    """For each token of a prompt its own entry, and that of the likeliest where `most` is not 0."""
    found: list[dict[str, Any] | None] = [None]
    table = model.table(ids)
    for place in range(1, len(ids)):
        likely, one = _likeliest(table, place)
        other = {str(likely): _entry(one, model.text(likely))} if most else {}
        found.append(other | {str(ids[place]): _entry(told[place], words[place])})
    return found


def _likeliest(table: torch.Tensor, place: int) -> tuple[int, float]:
    """The token that is most probable at a place of the text, with its log-probability."""
    value, token = table[max(0, place - 1)].max(-1)
    return int(token), value.item()


def _entry(nats: float | None, word: str) -> dict[str, Any]:
    return {"logprob": nats, "rank": 1, "decoded_token": word}


def _usage(prompt: int) -> dict[str, Any]:
    return {"prompt_tokens": prompt, "completion_tokens": 1, "total_tokens": prompt + 1}


def vllm_without_echo(model: Model, path: str, asked: dict[str, Any]) -> tuple[int, Any]:
    """One that knows `prompt_logprobs` only."""
    if asked.get("echo"):
        return 400, {"error": {"message": "echo is not supported", "type": "BadRequestError", "code": 400}}
    return vllm(model, path, asked)


def together(model: Model, path: str, asked: dict[str, Any]) -> tuple[int, Any]:
    """Together's: the prompt's tokens in a list of their own."""
    ids, values, best, nats = model.score(asked["prompt"])
    words = [model.text(token) for token in ids]
    own = {"token_ids": [best], "tokens": [model.text(best)], "token_logprobs": [nats]}
    return 200, {
        "id": "1", "object": "text.completion", "model": asked["model"], "usage": _usage(len(ids)),
        "prompt": [{"text": asked["prompt"], "logprobs": {"tokens": words, "token_logprobs": values}}],
        "choices": [{"index": 0, "text": model.text(best), "finish_reason": "length", "logprobs": own}],
    }  # fmt: skip


def sglang(model: Model, path: str, asked: dict[str, Any]) -> tuple[int, Any]:
    """SGLang's native call; its completions tell no log-probabilities of the prompt here."""
    if path != "/generate":
        return 400, {"object": "error", "message": "echo with logprobs is not supported", "code": 400}
    ids, values, best, nats = model.score(asked["text"])
    told = [[one, token, model.text(token)] for one, token in zip(values, ids, strict=True)]
    return 200, {
        "text": model.text(best),
        "meta_info": {
            "id": "1", "finish_reason": {"type": "length", "length": 1}, "prompt_tokens": len(ids),
            "completion_tokens": 1, "input_token_logprobs": told[asked["logprob_start_len"] :],
            "output_token_logprobs": [[nats, best, model.text(best)]],
        },
    }  # fmt: skip


def llama_cpp_python(model: Model, path: str, asked: dict[str, Any]) -> tuple[int, Any]:
    """llama-cpp-python's server: the token that begins a text is left out and the next one's number withheld.

    Where no token begins it, each number belongs to the token behind, so one is missing in the end. Fields that it does
    not know are ignored.
    """
    if path != "/v1/completions":
        return 404, {"error": {"message": "Not Found", "type": "http_error", "param": None, "code": None}}
    ids, values, best, nats = model.score(asked["prompt"])
    begins = ids[0] == model.tokenizer.bos_token_id
    told = [*values[1:], nats] if begins else model.table(ids)[range(len(ids)), ids].tolist()
    shown = [*ids, best][1 if begins else 0 :][: len(told)]
    first = 0 if asked.get("echo") else len(told) - 1
    words = [model.whole(token) for token in shown]
    tops: list[dict[str, float | None] | None] = [{word: one} for word, one in zip(words, told, strict=True)]
    if asked.get("echo"):
        told[0], tops[0] = None, None
    logprobs = {
        "text_offset": [sum(map(len, words[:place])) for place in range(first, len(words))],
        "token_logprobs": told[first:], "tokens": words[first:], "top_logprobs": tops[first:],
    }  # fmt: skip
    text = (asked["prompt"] if asked.get("echo") else "") + model.whole(best)
    choice = {"text": text, "index": 0, "logprobs": logprobs, "finish_reason": "length"}
    return 200, {
        "id": "cmpl-1", "object": "text_completion", "created": 1, "model": asked["model"], "choices": [choice],
        "usage": _usage(len(ids)),
    }  # fmt: skip


def llama_cpp(model: Model, path: str, asked: dict[str, Any]) -> tuple[int, Any]:
    """llama.cpp's own server: what it generated, and no more; nothing of a token that is no whole character."""
    if path != "/v1/completions":
        return 404, {"error": {"code": 404, "message": "File Not Found", "type": "not_found_error"}}
    ids, _, best, nats = model.score(asked["prompt"])
    word = model.text(best)
    one = {"id": best, "token": word, "bytes": list(word.encode()), "logprob": nats}
    told = None if "\ufffd" in word else {"content": [{**one, "top_logprobs": [one]}]}
    choice = {"text": word, "index": 0, "logprobs": told, "finish_reason": "length"}
    return 200, {
        "choices": [choice], "created": 1, "model": "tiny.gguf", "system_fingerprint": "b0-unknown",
        "object": "text_completion", "usage": {**_usage(len(ids)), "prompt_tokens_details": {"cached_tokens": 0}},
        "id": "chatcmpl-1", "timings": {"predicted_n": 1, "predicted_ms": 0.5},
    }  # fmt: skip


def ollama(model: Model, path: str, asked: dict[str, Any]) -> tuple[int, Any]:
    """Ollama's completions: no log-probabilities at all."""
    if path != "/v1/completions":
        return 404, {"error": {"message": "not found", "type": "api_error"}}
    best = model.score(asked["prompt"])[2]
    return 200, {"choices": [{"text": model.text(best), "index": 0, "finish_reason": "length"}]}


@dataclass
class Stub:
    """A running server: what it was asked, and with which headers."""

    address: str
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    @property
    def endpoint(self) -> str:
        """As a user would write it."""
        return f"{self.address}/v1#tiny"


@contextmanager
def serving(model: Model, speak: Speak, spoil: Callable[[int, Answer], Answer] | None = None) -> Iterator[Stub]:
    """A server that speaks so; `spoil` gets the number of each request, from 1, and its answer, and may change it."""
    stub = Stub("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            stub.asked.append((self.path, asked))
            stub.headers.append(dict(self.headers))
            status, content = speak(model, self.path, asked)
            answer: Answer = status, {"content-type": "application/json"}, json.dumps(content).encode()
            status, headers, body = spoil(len(stub.asked), answer) if spoil else answer
            self.send_response(status)
            for name, value in ({"content-length": str(len(body))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(ConnectionError):  # a client that waits no longer
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            return

    with running(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as address:
        stub.address = address
        yield stub
