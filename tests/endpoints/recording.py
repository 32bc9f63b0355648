"""What real servers answered, kept in `tests/data/servers`, so that every test run holds the readers and the stubs
against it: `python -m tests.endpoints.recording NAME ADDRESS` asks anew, of a server that runs `saved()`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provcheck.endpoints.address import read_address
from provcheck.endpoints.client import Client, Refused, Unanswered
from provcheck.endpoints.greeting import FORMS
from tests.tiny import save_tiny
from tests.tiny_gguf import SIZES

FOLDER = Path(__file__).parent.parent / "data" / "servers"
TEXT = "The harbour é pilot <b> waited"
"""With a character that is two tokens, and with what looks like a special token."""


def saved(folder: Path, *, bos: bool = True, seed: int = 0) -> Path:
    """The model that the servers ran; vLLM wants heads of 32 at least, and quantized GGUF rows of 32."""
    return save_tiny(folder, bos=bos, seed=seed, **SIZES)


@dataclass(frozen=True)
class Exchange:
    """One request, and what was answered; None where the server refused."""

    path: str
    asked: dict[str, Any]
    answer: Any


def read(name: str) -> list[Exchange]:
    """What was recorded of a server."""
    found = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    return [Exchange(**one) for one in found]


def names() -> list[str]:
    """The servers that were recorded."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


class Replay:
    """Stands where a client does, and gives the recorded answers."""

    def __init__(self, exchanges: list[Exchange]) -> None:
        self.address = read_address("http://localhost/v1#m")
        self._exchanges = exchanges

    def ask(self, url: str, body: Mapping[str, Any]) -> Any:
        """The answer to that very request."""
        path = url.removeprefix("http://localhost")
        found = next(one for one in self._exchanges if (one.path, one.asked) == (path, dict(body)))
        if found.answer is None:
            raise Refused("refused")
        return found.answer


def _asked(ask: Any) -> tuple[str, dict[str, Any]]:
    """What a form sends."""
    sent: list[tuple[str, dict[str, Any]]] = []

    class Listener(Replay):
        def ask(self, url: str, body: Mapping[str, Any]) -> Any:
            sent.append((url.removeprefix("http://localhost"), dict(body)))
            raise Refused("only listening")

    try:
        ask(Listener([]), TEXT)
    except Refused:
        return sent[0]
    raise AssertionError


def _record(name: str, address: str) -> None:
    client = Client(read_address(f"{address}/v1#m"), 20)
    found = []
    for _, ask in FORMS:
        path, body = _asked(ask)
        try:
            answer = client.ask(address + path, body)
        except Unanswered as problem:
            sys.stderr.write(f"{path}: {problem.reason}\n")
            answer = None
        found.append({"path": path, "asked": body, "answer": answer})
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    _record(sys.argv[1], sys.argv[2])
