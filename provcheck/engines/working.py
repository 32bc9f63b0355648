"""The process that carries tasks out for the engine `processes`: a line of JSON for each, and lines come back.

`note` passes on what the work has to say; `done` is what became of the task, its content in base64.
"""

from __future__ import annotations

import json
import signal
import sys
from base64 import b64decode, b64encode
from typing import Any

from provcheck.apart.network import stay_with_parent
from provcheck.apart.worker import Relay, own_channel
from provcheck.engines.tasks import Done, Fault, Task, perform
from provcheck.observer import Silent


class Notes(Silent):
    """Of the progress only what is to be read: so many stages at once would be noise."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    def note(self, message: str) -> None:
        """A line to the process that shows it."""
        self._relay.send("note", message)


def main() -> None:
    """Carry out what comes, until nothing does."""
    relay = Relay(own_channel())
    stay_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the other process's, which ends this one
    for line in sys.stdin.buffer:
        done = perform(read_task(line), Notes(relay))
        fault = done.fault and [done.fault.message, done.fault.hint, done.fault.exit_code]
        relay.send("done", b64encode(done.content).decode(), fault)


def written_task(task: Task) -> bytes:
    """The task as a line."""
    return json.dumps([task.id, task.work, b64encode(task.request).decode()]).encode() + b"\n"


def read_task(line: bytes) -> Task:
    """The task in a line."""
    id, work, request = json.loads(line)
    return Task(id, work, b64decode(request))


def read_done(task: Task, content: str, fault: list[Any] | None) -> Done:
    """What became of a task, as it came back."""
    return Done(task, b64decode(content), Fault(*fault) if fault else None)


if __name__ == "__main__":
    main()
