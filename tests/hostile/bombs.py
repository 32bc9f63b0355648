"""Files that are small or sparse, and would fill the memory or never end: `python -m tests.hostile.bombs FOLDER SET`.

Runs in a process of its own, whose address space is limited; prints one line of JSON for each bomb.
"""

from __future__ import annotations

import json
import os
import resource
import struct
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from provcheck.bank import load_bank
from provcheck.bank.manifest import MAX_BUILD_BYTES, MAX_MANIFEST_BYTES, read_build_manifest
from provcheck.errors import ProvcheckError
from provcheck.policy import collect
from provcheck.policy.loading import MAX_BYTES as MAX_POLICY_BYTES
from provcheck.probes import load_probes
from provcheck.report_file import read_report
from provcheck.store import load_measurement
from provcheck.targets import find_target
from tests.synthetic import make_bank
from tests.targets.builders import model_files, pack, write

LIMIT_BYTES = 3_000_000_000
TERABYTE = 2**40

Bomb = Callable[[Path], object]


def sparse(path: Path, head: bytes = b"", size: int = TERABYTE) -> Path:
    """A file that claims that size and takes up no space."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head)
    os.truncate(path, size)
    return path


def placed(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def pipe(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(path)
    return path


def with_file(kind: str, home: Path, name: str, make: Callable[[Path], Path]) -> object:
    """Read a whole model, bank or folder of probes in which one file was made anew."""
    if kind == "model":
        folder = write(home / "m", model_files())
    elif kind == "bank":
        folder = make_bank(home / "b").folder
    else:
        folder = placed(home / "p" / "texts.jsonl", b'{"id":"a","domain":"d","text":"t"}\n').parent
    (folder / name).unlink(missing_ok=True)
    make(folder / name)
    readers: dict[str, Callable[[str], object]] = {"model": find_target, "bank": load_bank, "probes": load_probes}
    return readers[kind](str(folder))


def measurement(path: Path) -> object:
    return load_measurement(path)


def report(path: Path) -> object:
    return read_report(path)


def policy(path: Path) -> object:
    return collect(str(path))


def manifest(path: Path) -> object:
    return read_build_manifest(path)


HEADER = b'{"__metadata__":{"provcheck_schema":"3"},"loglik":{"dtype":"F64","shape":[%d],"data_offsets":[0,%d]}}'
HUGE_TENSOR = pack(HEADER % (2**36, 2**39))
LAUGHS = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n" % (c, c, *[c - 1] * 9) for c in range(ord("b"), ord("k"))
)
MERGES = b"a: &a {x: 1}\n" + b"".join(
    b"%c: &%c {<<: [*%c,*%c,*%c,*%c,*%c,*%c]}\n" % (c, c, *[c - 1] * 6) for c in range(ord("b"), ord("n"))
)
NESTED = {b"[": b"[" * 200_000, b"- ": b"- " * 100_000, b"{a: ": b"{a: " * 50_000, b"? ": b"? " * 100_000}

REPLACE = {"normalizer": {"type": "Replace", "pattern": {"Regex": "."}, "content": "x" * 2000}}
TEMPLATE = {
    "post_processor": {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "x", "type_id": 0}}] * 2000 + [{"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [],
        "special_tokens": {"x": {"id": "x", "ids": [0] * 1000, "tokens": ["x"] * 1000}},
    }
}

FAST: dict[str, Bomb] = {
    "sparse manifest": lambda h: with_file("bank", h, "manifest.json", sparse),
    "pipe as manifest": lambda h: with_file("bank", h, "manifest.json", pipe),
    "sparse arrays": lambda h: with_file("bank", h, "able.safetensors", sparse),
    "pipe as arrays": lambda h: with_file("bank", h, "able.safetensors", pipe),
    "device as arrays": lambda h: with_file("bank", h, "able.safetensors", lambda p: linked(p, "/dev/zero")),
    "nested manifest": lambda h: with_file("bank", h, "manifest.json", lambda p: placed(p, b"[" * 10_000_000)),
    "empty lists": lambda h: with_file("bank", h, "manifest.json", lambda p: placed(p, b"[" + b"[]," * 10_000_000)),
    "sparse measurement": lambda h: measurement(sparse(h / "m.safetensors", HUGE_TENSOR, len(HUGE_TENSOR) + 2**39)),
    "measurement that is a pipe": lambda h: measurement(pipe(h / "m.safetensors")),
    "measurement of a huge header": lambda h: measurement(sparse(h / "m.safetensors", b"\xff" * 7 + b"\x7f")),
    "sparse probes": lambda h: with_file("probes", h, "questions.jsonl", sparse),
    "pipe as probes": lambda h: with_file("probes", h, "questions.jsonl", pipe),
    "one long line": lambda h: with_file("probes", h, "questions.jsonl", lambda p: placed(p, b"[" * 50_000_000)),
    "sparse report": lambda h: report(sparse(h / "report.json")),
    "device as report": lambda h: report(Path("/dev/zero")),
    "report of empty lists": lambda h: report(placed(h / "report.json", b"[" + b"[]," * 6_000_000)),
    "sparse policy": lambda h: policy(sparse(h / "p.yaml")),
    "policy of laughs": lambda h: policy(placed(h / "p.yaml", LAUGHS)),
    "policy of merges": lambda h: policy(placed(h / "p.yaml", MERGES)),
    "sparse list of models": lambda h: manifest(sparse(h / "b.yaml")),
    "list of laughs": lambda h: manifest(placed(h / "b.yaml", LAUGHS)),
    "list of merges": lambda h: manifest(placed(h / "b.yaml", MERGES)),
    **{
        f"{what} nested by {mark!r}": lambda h, read=read, content=content: read(placed(h / "n.yaml", content))  # type: ignore[misc]
        for mark, content in NESTED.items()
        for what, read in (("policy", policy), ("list", manifest))
    },
    "sparse config": lambda h: with_file("model", h, "config.json", sparse),
    "sparse card": lambda h: with_file("model", h, "README.md", sparse),
    "sparse tokenizer": lambda h: with_file("model", h, "tokenizer.json", sparse),
    "config of empty lists": lambda h: with_file(
        "model", h, "config.json", lambda p: placed(p, b"[" + b"[]," * 6_000_000)
    ),
    "weights of a huge header": lambda h: with_file(
        "model", h, "model.safetensors", lambda p: sparse(p, (2**40).to_bytes(8, "little") + b"{")
    ),
    "weights whose shape overflows": lambda h: with_file(
        "model",
        h,
        "model.safetensors",
        lambda p: placed(p, pack({"a": {"dtype": "F32", "shape": [10**9] * 100_000, "data_offsets": [0, 4]}}, b"1234")),
    ),
}

GGUF = b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + struct.pack("<Q1sIIQ", 1, b"k", 9, 0, 2**40)
"""One key whose value is an array of a million million bytes."""

FAST |= {
    "GGUF of a huge array": lambda h: find_target(str(sparse(h / "m" / "m.gguf", GGUF).parent)),
    "GGUF of many keys": lambda h: find_target(
        str(sparse(h / "m" / "m.gguf", b"GGUF" + struct.pack("<IQQ", 3, 0, 2**40)).parent)
    ),
    "GGUF of many tensors": lambda h: find_target(
        str(sparse(h / "m" / "m.gguf", b"GGUF" + struct.pack("<IQQ", 3, 2**40, 0)).parent)
    ),
}

FAST |= {
    "every character becomes many": lambda h: with_file("model", h, "tokenizer.json", lambda p: tokenizer(p, REPLACE)),
    "every text gets many tokens": lambda h: with_file("model", h, "tokenizer.json", lambda p: tokenizer(p, TEMPLATE)),
}

SLOW: dict[str, Bomb] = {
    "the largest list": lambda h: manifest(placed(h / "b.yaml", b"[" + b"[]," * (MAX_BUILD_BYTES // 3 - 1) + b"]")),
    "the largest policy": lambda h: policy(placed(h / "p.yaml", b"[" + b"[]," * (MAX_POLICY_BYTES // 3 - 1) + b"]")),
    "the largest manifest": lambda h: with_file(
        "bank", h, "manifest.json", lambda p: placed(p, fields(MAX_MANIFEST_BYTES, 1_900_000))
    ),
    "the largest report": lambda h: report(placed(h / "report.json", fields(20_000_000, 1_200_000))),
    "the largest tokenizer": lambda h: with_file(
        "model", h, "tokenizer.json", lambda p: placed(p, b"[" + b"[]," * 4_000_000 + b"[]]")
    ),
}


def tokenizer(path: Path, parts: Mapping[str, object]) -> Path:
    return placed(path, json.dumps({"model": {"type": "BPE", "vocab": {"x": 0}, "merges": []}, **parts}).encode())


def linked(path: Path, target: str) -> Path:
    path.symlink_to(target)
    return path


def fields(size: int, count: int) -> bytes:
    """An object of that many fields that no schema knows."""
    return (b"{" + b",".join(b'"a%d":1' % number for number in range(count)) + b"}")[:size]


def main(home: Path, bombs: dict[str, Bomb]) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT_BYTES, LIMIT_BYTES))
    for number, (name, bomb) in enumerate(bombs.items()):
        started = time.perf_counter()
        (home / str(number)).mkdir()
        try:
            outcome = type(bomb(home / str(number))).__name__
        except ProvcheckError as error:
            outcome = f"ProvcheckError: {error.message[:200]}"
        except Exception as error:
            outcome = f"{type(error).__name__}: {str(error)[:200]}"
        print(json.dumps({"bomb": name, "outcome": outcome, "seconds": time.perf_counter() - started}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), {"fast": FAST, "slow": SLOW}[sys.argv[2]])
