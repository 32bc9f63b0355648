"""Servers that answer as the documents of vLLM, Together, SGLang and llama.cpp say, over a model of this machine.

What they tell is computed here, one text at a time, without a line of provcheck.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
        with torch.inference_mode():
            table = self.network(torch.tensor([ids])).logits[0].float().log_softmax(-1)
        values = [table[place, token].item() for place, token in enumerate(ids[1:])]
        best = int(table[-1].argmax())
        return ids, [None, *values], best, table[-1, best].item()

    def text(self, token: int) -> str:
        """One token on its own, as servers show it."""
        return str(self.tokenizer.decode([token]))


Speak = Callable[[Model, str, dict[str, Any]], tuple[int, Any]]


def vllm(model: Model, path: str, asked: dict[str, Any]) -> tuple[int, Any]:
    """vLLM's completions: `echo` repeats the prompt in text and logprobs; `prompt_logprobs` stands in the choice."""
    if path != "/v1/completions":
        return 404, {"detail": "Not Found"}
    ids, values, best, nats = model.score(asked["prompt"])
    choice: dict[str, Any] = {"index": 0, "text": model.text(best), "logprobs": None, "finish_reason": "length"}
    told: list[float | None] = [nats]
    tokens, offsets = [best], [0]
    if asked.get("echo"):
        told, tokens = [*values, nats], [*ids, best]
        choice["text"] = asked["prompt"] + model.text(best)
    if asked.get("logprobs") is not None:
        words = [model.text(token) for token in tokens]
        offsets = [sum(map(len, words[:place])) for place in range(len(words))]
        tops = [None if one is None else {word: one} for one, word in zip(told, words, strict=True)]
        choice["logprobs"] = {
            "text_offset": offsets, "token_logprobs": told, "tokens": words, "top_logprobs": tops,
        }  # fmt: skip
    if asked.get("prompt_logprobs") is not None:
        choice["prompt_logprobs"] = [
            None if one is None else {str(token): {"logprob": one, "rank": 1, "decoded_token": model.text(token)}}
            for one, token in zip(values, ids, strict=True)
        ]
    usage = {"prompt_tokens": len(ids), "completion_tokens": 1, "total_tokens": len(ids) + 1}
    return 200, {
        "id": "cmpl-1",
        "object": "text_completion",
        "model": asked["model"],
        "choices": [choice],
        "usage": usage,
    }


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
    usage = {"prompt_tokens": len(ids), "completion_tokens": 1, "total_tokens": len(ids) + 1}
    return 200, {
        "id": "1", "object": "text.completion", "model": asked["model"], "usage": usage,
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


def llama_cpp(model: Model, path: str, asked: dict[str, Any]) -> tuple[int, Any]:
    """llama.cpp's own server: what it generated, and no more."""
    if path != "/v1/completions":
        return 404, {"error": {"code": 404, "message": "File Not Found", "type": "not_found_error"}}
    _, _, best, nats = model.score(asked["prompt"])
    told = {"content": [{"id": best, "token": model.text(best), "logprob": nats, "top_logprobs": []}]}
    choice = {"text": model.text(best), "index": 0, "logprobs": told, "finish_reason": "length"}
    return 200, {"choices": [choice], "usage": {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10}}


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
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            return

    with running(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as address:
        stub.address = address
        yield stub
