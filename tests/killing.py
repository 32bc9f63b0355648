"""Runs provcheck in processes that are killed: `python -m tests.killing RUNS ARGUMENTS...`, RUNS as JSON.

Each run is [folder of the cache, moment]. The moment `3-` kills the process with SIGKILL just before its third file
gets its name, `3+` just after; `together` starts two processes at once; `` lets one finish. The exit codes are printed,
a line for each run; -9 is SIGKILL. All are forked from one process, so that torch is imported once.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from importlib import import_module
from pathlib import Path

PRELOADED = (
    "transformers.models.llama.modeling_llama",
    "transformers.models.auto.tokenization_auto",
    "transformers.generation",
    "provcheck.cli.app",
    "provcheck.measurement.engine",
    "provcheck.signals.able",
    "provcheck.signals.likelihood",
    "provcheck.measuring",
    "provcheck.rendering.progress",
    "provcheck.rendering.outputs",
)


def kill_at(moment: str) -> None:
    """Kill this process at that moment."""
    place, after = int(moment[:-1]), moment.endswith("+")
    move, count = Path.replace, 0

    def replace(path: Path, target: Path) -> Path:
        nonlocal count
        count += 1
        if count == place and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        moved = move(path, target)
        if count == place:
            os.kill(os.getpid(), signal.SIGKILL)
        return moved

    Path.replace = replace  # type: ignore[method-assign,assignment]


def start(cache: str, moment: str, arguments: list[str]) -> int:
    """The id of a process that runs one command of provcheck."""
    from provcheck.cli import run

    process = os.fork()
    if process:
        return process
    os.environ["PROVCHECK_CACHE"] = cache
    if moment:
        kill_at(moment)
    code = run([argument.replace("{process}", str(os.getpid())) for argument in arguments])
    sys.stdout.flush()
    os._exit(code)


def main() -> None:
    """Import what every process needs, but compute nothing: autograd that has run cannot be forked."""
    for module in PRELOADED:
        import_module(module)

    for cache, moment in json.loads(sys.argv[1]):
        moments = ["", ""] if moment == "together" else [moment]
        processes = [start(cache, one, sys.argv[2:]) for one in moments]
        codes = [os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in processes]
        print(*codes, flush=True)


if __name__ == "__main__":
    main()
