"""What the tests of the cache share: ways to change files and entries."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from provcheck.observer import Silent


class Notes(Silent):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def note(self, message: str) -> None:
        self.messages.append(message)


def change_weights(folder: Path) -> None:
    """One weight, in place: the file keeps its name, its size and its times."""
    path = folder / "model.safetensors"
    before, weights = path.stat(), load_file(path)
    first = sorted(weights)[0]
    weights[first] = weights[first] + np.eye(1, weights[first].size, dtype=np.float32).reshape(weights[first].shape)
    save_file(weights, path, {"format": "pt"})
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size


def change_json(folder: Path, name: str, **values: object) -> None:
    content = json.loads((folder / name).read_text("utf-8"))
    (folder / name).write_text(json.dumps(content | values), "utf-8")


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def entries(root: Path) -> list[Path]:
    return sorted(root.glob("measurements/*.safetensors"))


def the_entry(root: Path) -> Path:
    (entry,) = entries(root)
    return entry
