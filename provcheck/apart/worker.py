"""The process that measures: it gives up what it does not need, reads one request, and reports on standard output.

What comes and what goes back is JSON, a line an event, and measurement files, in which nothing can run.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from typing import IO, Any

from provcheck.apart.network import BEHIND_BUBBLEWRAP, leave_network, stay_with_parent


class Relay:
    """The observer of a measurement in this process: every call is a line to the other one."""

    def __init__(self, to: IO[str]) -> None:
        self._to = to

    def send(self, event: str, *values: Any) -> None:
        """One line."""
        self._to.write(json.dumps([event, *values]) + "\n")
        self._to.flush()

    def start(self, stage: str, total: int) -> None:
        """A stage begins."""
        self.send("start", stage, total)

    def advance(self, n: int = 1) -> None:
        """Steps are done."""
        self.send("advance", n)

    def finish(self) -> None:
        """The stage is over."""
        self.send("finish")

    def note(self, message: str) -> None:
        """Something that does not stop the work."""
        self.send("note", message)


def main() -> None:
    """Serve one request."""
    relay = Relay(own_channel())
    closed = BEHIND_BUBBLEWRAP in sys.argv or leave_network()
    stay_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the other process decides
    relay.send("network", not closed)
    from provcheck.errors import ProvcheckError

    try:
        _serve(sys.stdin.buffer.read(), relay)
    except ProvcheckError as error:
        relay.send("error", type(error).__name__, error.message, error.hint)
    except MemoryError:
        relay.send("out of memory")
    except Exception as error:
        traceback.print_exc()
        relay.send("bug", type(error).__name__)


def own_channel() -> IO[str]:
    """Standard output for the events alone; what a library prints goes to standard error."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return channel


def _serve(asked: bytes, relay: Relay) -> None:
    from provcheck.apart.bounds import apply
    from provcheck.apart.requests import read_request
    from provcheck.checkpoint import FileCheckpoint, NoCheckpoint
    from provcheck.signals import find_signal
    from provcheck.sketches import sketch_each
    from provcheck.store import save_measurement
    from provcheck.targets.local import LocalTarget
    from provcheck.types import Measurement

    request = read_request(asked)
    apply(request.bounds)
    target = LocalTarget(request.files)
    kept = request.checkpoint
    checkpoint = FileCheckpoint(kept, lambda: None, _cannot_keep(relay)) if kept else NoCheckpoint()
    signals = [find_signal(name) for name in request.signals]
    for one in sketch_each(target, request.probes, request.how, relay, checkpoint, signals):
        found = Measurement(target.subject, one.run, {one.signal: one.found})
        save_measurement(found, request.folder / f"{one.signal}.safetensors", raw=True)
        relay.send("done", one.signal)


def _cannot_keep(relay: Relay) -> Any:
    return lambda error: relay.note(f"an interrupted measurement would start over: {error}")


if __name__ == "__main__":
    main()
