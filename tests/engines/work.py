"""Work for the engines to do, in processes of their own: it says how it went in a folder."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

from provcheck.engines import Task
from provcheck.errors import BrokenModel
from provcheck.observer import Observer


def work(request: bytes, observe: Observer) -> bytes:
    """What the request asks for; every attempt leaves a file."""
    asked = json.loads(request)
    folder, id = Path(asked["folder"]), asked["id"]
    attempts = len(list(folder.glob(f"{id}-*")))
    (folder / f"{id}-{attempts}-{os.getpid()}").touch()
    if attempts < asked.get("dies", 0):
        os.kill(os.getpid(), signal.SIGKILL)
    if asked.get("fails") == "broken":
        raise BrokenModel(f"{id} is broken", "get it again")
    if asked.get("fails") == "bug":
        raise RuntimeError("a bug")
    time.sleep(asked.get("seconds", 0))
    observe.note("done")
    return f"{id}, {os.environ.get('OMP_NUM_THREADS')} threads".encode()


def task(folder: Path, id: str, **asked: object) -> Task:
    request = {"folder": str(folder), "id": id, **asked}
    return Task(id, f"{__name__}:work", json.dumps(request).encode())


def attempts(folder: Path, id: str) -> int:
    return len(list(folder.glob(f"{id}-*")))


def processes(folder: Path) -> set[int]:
    """The ids of those that worked."""
    return {int(path.name.rpartition("-")[2]) for path in folder.iterdir()}
