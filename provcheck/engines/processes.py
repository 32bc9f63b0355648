"""Tasks side by side on this machine, each worker a process of its own that takes one task after another."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, cast

from provcheck.engines import EngineOptions
from provcheck.engines.tasks import Done, Fault, Task
from provcheck.engines.working import read_done, written_task
from provcheck.observer import Observer
from provcheck.wording import plural

Said = SimpleQueue[Done | str | None]
"""What comes from the workers: what became of a task, something to tell, or None from one that has no more to do."""

MEMORY = "memory may have run out: use fewer --jobs, or a smaller --memory; or its files made a library crash"


class Processes:
    """The engine for one machine. A worker that dies is replaced, and its task tried again."""

    def __init__(self, options: EngineOptions) -> None:
        self._options = options

    def run(self, tasks: Sequence[Task], observe: Observer) -> Iterator[Done]:
        """As they are done."""
        waiting: SimpleQueue[Task] = SimpleQueue()
        for task in tasks:
            waiting.put(task)
        jobs = min(self._options.jobs, len(tasks))
        said: Said = SimpleQueue()
        workers = [Worker(self._options, environment(self._options, number)) for number in range(jobs)]
        threads = [threading.Thread(target=_serve, args=(one, waiting, said), daemon=True) for one in workers]
        observe.start("models", len(tasks))
        try:
            for thread in threads:
                thread.start()
            yield from _reported(said, jobs, len(tasks), observe)
        finally:
            for worker in workers:
                worker.end()
            for thread in threads:
                thread.join()
            observe.finish()


def environment(options: EngineOptions, number: int) -> dict[str, str]:
    """What the worker of that number finds: its share of the cores and of the GPUs, and the same packages as here."""
    paths = os.pathsep.join(str(Path(path).absolute()) for path in sys.path if path)
    threads = {"OMP_NUM_THREADS": str(options.cores_each)}
    return {**os.environ, **threads, "PYTHONPATH": paths, **_gpus(options.jobs, number)}


class Worker:
    """A process that serves, started when it is first needed; `end` ends it for good, from any thread."""

    def __init__(self, options: EngineOptions, environment: dict[str, str]) -> None:
        self._options, self._environment = options, environment
        self._process: subprocess.Popen[bytes] | None = None
        self._lock, self._ended = threading.Lock(), False

    def perform(self, task: Task, said: Said) -> Done:
        """Have the task carried out, again where the process dies over it."""
        for left in reversed(range(self._options.retries + 1)):
            done = self._attempt(task, said)
            if done is not None:
                return done
            how = self._how_it_ended()
            if left and not self._ended:
                said.put(f"{task.id}: its process ended ({how}), and is tried again")
        times = plural(self._options.retries + 1, "time")
        return Done(task, fault=Fault(f"the process that worked on it ended {times} ({how})", MEMORY))

    def end(self) -> None:
        """Kill the process; none is started any more."""
        with self._lock:
            self._ended = True
            if self._process is not None:
                _kill(self._process)

    def close(self) -> None:
        """Close the pipes of a process that has ended, where nobody reads from them any more."""
        if self._process is not None:
            _close(self._process)

    def _attempt(self, task: Task, said: Said) -> Done | None:
        """None where the process died."""
        process = self._running()
        if process is None:
            return None
        with contextlib.suppress(BrokenPipeError):
            stdin = cast(IO[bytes], process.stdin)
            stdin.write(written_task(task))
            stdin.flush()
        for line in cast(IO[bytes], process.stdout):
            with contextlib.suppress(ValueError):  # cut off
                event, *values = json.loads(line)
                if event == "done":
                    return read_done(task, *values)
                said.put(f"{task.id}: {values[0]}")
        return None

    def _running(self) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._ended:
                return None
            if self._process is not None and self._process.poll() is not None:
                _close(self._process)
                self._process = None
            if self._process is None:
                self._process = _started(self._environment)
            return self._process

    def _how_it_ended(self) -> str:
        code = self._process.wait() if self._process else 0
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _serve(worker: Worker, waiting: SimpleQueue[Task], said: Said) -> None:
    """Take tasks as long as there are any."""
    with contextlib.suppress(Empty):
        while True:
            said.put(worker.perform(waiting.get_nowait(), said))
    worker.end()
    worker.close()
    said.put(None)


def _reported(said: Said, jobs: int, total: int, observe: Observer) -> Iterator[Done]:
    """What is done, with the progress, until no worker has anything left to do."""
    number = 0
    while jobs:
        match said.get():
            case None:
                jobs -= 1
            case str(note):
                observe.note(note)
            case done:
                number += 1
                observe.advance()
                observe.note(f"[{number}/{total}] {done.task.id}")
                yield done


def _started(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "provcheck.engines.working"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        start_new_session=True,  # Ctrl-C comes to this process alone
    )


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _close(process: subprocess.Popen[bytes]) -> None:
    """Close its pipes."""
    with contextlib.suppress(BrokenPipeError):  # what it did not read
        cast(IO[bytes], process.stdin).close()
    cast(IO[bytes], process.stdout).close()


def _gpus(jobs: int, number: int) -> dict[str, str]:
    """The GPUs shared out; with more jobs than GPUs, several share one."""
    visible = _visible_gpus() if jobs > 1 else []
    if not visible:
        return {}
    share = visible[number * len(visible) // jobs : (number + 1) * len(visible) // jobs]
    return {"CUDA_VISIBLE_DEVICES": ",".join(share or [visible[number % len(visible)]])}


def _visible_gpus() -> list[str]:
    """As CUDA_VISIBLE_DEVICES names them."""
    from provcheck.measurement.settling import may_have_gpu

    stated = os.environ.get("CUDA_VISIBLE_DEVICES")
    if stated is not None:
        return [one for one in stated.split(",") if one]
    if not may_have_gpu():
        return []
    from provcheck.measurement.devices import count_gpus

    return [str(number) for number in range(count_gpus())]
