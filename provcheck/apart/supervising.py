"""The process that measures, seen from outside: started, listened to, and ended."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, cast

from provcheck import errors
from provcheck.apart.bounds import GIB, HOUR, bounds_for, environment_in
from provcheck.apart.network import BEHIND_BUBBLEWRAP, Barrier, bubblewrap_command, find_barrier
from provcheck.apart.requests import Request
from provcheck.checkpoint import Checkpoint, FileCheckpoint
from provcheck.errors import BrokenModel, ProvcheckError, TooLarge
from provcheck.io.text import plain
from provcheck.measurement import MeasureOptions
from provcheck.measurement.settling import settle
from provcheck.observer import Observer
from provcheck.signals import Signal
from provcheck.sketches import Sketched
from provcheck.store import load_measurement
from provcheck.targets import Target
from provcheck.targets.local import LocalTarget
from provcheck.types import ProbeSet

MAX_LINE = 100_000
MAX_SAID = 2_000
"""Characters of a message from the process, which may be a stranger's."""

EXITED_BY_SIGNAL = 128
"""What a shell, and bubblewrap, add to the number of a signal that ended a program."""

LIFT = "--no-isolate lifts the limit, for a model that you trust"


class WorkerBug(RuntimeError):
    """The process ended by an error that is provcheck's fault."""


def can_isolate(target: Target) -> bool:
    """Whether this platform can, and the target is one whose files are all at hand.

    Parts of files on the Hub are fetched while they are read, which takes a network; no model is run then.
    """
    posix = importlib.util.find_spec("resource") is not None
    return posix and isinstance(target, LocalTarget) and target.files.partial is None


def sketch_apart(
    target: Target,
    probes: ProbeSet,
    how: MeasureOptions,
    observe: Observer,
    checkpoint: Checkpoint,
    signals: Sequence[Signal],
) -> Iterator[Sketched]:
    """`provcheck.sketches.sketch_each` in a process of its own, for a target that `can_isolate` allows.

    Raises ProvcheckError, also where the process ends badly.
    """
    with TemporaryDirectory(prefix="provcheck-") as folder:
        request = _request(cast(LocalTarget, target), probes, how, checkpoint, signals, Path(folder).resolve())
        with _started(request) as process:
            yield from _results(process, request, observe)
            ended = process.wait()
    if ended:
        raise _explained(ended, request)


def _request(
    target: LocalTarget,
    probes: ProbeSet,
    how: MeasureOptions,
    checkpoint: Checkpoint,
    signals: Sequence[Signal],
    folder: Path,
) -> Request:
    files = target.files
    adapter = files.adapter_folder and str(Path(files.adapter_folder).resolve())
    weights = sum(file.bytes for model in (files.subject, files.subject.base) if model for file in model.weights)
    return Request(
        files.subject,
        str(Path(files.folder).resolve()),
        adapter,
        files.allow_pickle,
        files.trust_remote_code,
        probes,
        how,
        tuple(signal.name for signal in signals),
        bounds_for(weights, how.memory_bytes, settle(how.device, how.dtype).device),
        folder,
        checkpoint.made() if isinstance(checkpoint, FileCheckpoint) else None,
    )


@contextlib.contextmanager
def _started(request: Request) -> Iterator[subprocess.Popen[bytes]]:
    """The process; it is ended whatever happens here, with all that it started."""
    behind = find_barrier() is Barrier.BUBBLEWRAP
    folders = [folder for folder in (request.model_folder, request.adapter_folder) if folder]
    readable = [*folders, *(path for folder in folders for path in _linked(Path(folder)))]
    writable = [str(folder) for folder in (request.folder, request.checkpoint) if folder]
    before, after = (bubblewrap_command(readable, writable), [BEHIND_BUBBLEWRAP]) if behind else ([], [])
    process = subprocess.Popen(  # noqa: S603
        [*before, sys.executable, "-P", "-m", "provcheck.apart.worker", *after],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=request.folder,
        env=environment_in(str(request.folder)),
        start_new_session=True,  # Ctrl-C comes to this process alone, which ends the other in good order
    )
    try:
        # a broken pipe: it ended already, which is explained later
        with contextlib.suppress(BrokenPipeError), cast(IO[bytes], process.stdin) as stdin:
            stdin.write(request.written())
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        cast(IO[bytes], process.stdout).close()


def _linked(folder: Path) -> list[str]:
    """Where the links in a folder lead, as those of the Hub's cache do."""
    return [str(path.resolve()) for path in folder.iterdir() if path.is_symlink()]


def _results(process: subprocess.Popen[bytes], request: Request, observe: Observer) -> Iterator[Sketched]:
    stdout = cast(IO[bytes], process.stdout)
    for line in iter(lambda: stdout.readline(MAX_LINE), b""):
        try:
            event, *values = json.loads(line)
        except (ValueError, TypeError):
            raise _nonsense(request) from None
        if event == "done":
            yield _sketched(values[0], request)
        else:
            _tell(event, values, request, observe)


def _sketched(name: str, request: Request) -> Sketched:
    """What was measured by a signal, read back from a file that nothing can run in."""
    if name not in request.signals:
        raise _nonsense(request)
    found = load_measurement(request.folder / f"{name}.safetensors")
    return Sketched(name, found.run, found.signals[name])


def _tell(event: str, values: Sequence[Any], request: Request, observe: Observer) -> None:
    """Pass progress on. Raises what the process ran into."""
    match event, *values:
        case "start", str(stage), int(total):
            observe.start(_said(stage), total)
        case "advance", int(steps):
            observe.advance(steps)
        case ("finish",):
            observe.finish()
        case "note", str(message):
            observe.note(_said(message))
        case "network", bool(reached):
            if reached:
                observe.note("the process that measures could reach the network: this system cannot take it away")
        case "error", str(name), str(message), str(hint):
            raise _error(name, _said(message), _said(hint))
        case ("out of memory",):
            raise _too_large(request)
        case "bug", str(name):
            raise WorkerBug(f"{_said(name)}, in the process that measures; its lines are above")
        case _:
            raise _nonsense(request)


def _nonsense(request: Request) -> BrokenModel:
    return BrokenModel(f"the process that measured '{request.subject.id}' said nonsense")


def _error(name: str, message: str, hint: str) -> ProvcheckError:
    kind = getattr(errors, name, None)
    known = kind if isinstance(kind, type) and issubclass(kind, ProvcheckError) else BrokenModel
    return known(message, hint)


def _said(text: str) -> str:
    return plain(text)[:MAX_SAID]


def _explained(ended: int, request: Request) -> Exception:
    """Why the process ended before it was done."""
    number = -ended if ended < 0 else ended - EXITED_BY_SIGNAL
    name = signal.Signals(number).name if number in signal.Signals._value2member_map_ else ""
    model, bounds = request.subject.id, request.bounds
    if name == "SIGXCPU":
        hours = bounds.cpu_seconds / HOUR
        return TooLarge(f"measuring '{model}' took more than {hours:.1f} hours of processor time", LIFT)
    if name == "SIGKILL":
        return TooLarge(
            f"the system ended the process that measured '{model}', most likely because memory ran out",
            "measure on a machine with more memory, or with a smaller --memory",
        )
    if name:
        return BrokenModel(
            f"the process that measured '{model}' crashed ({name})",
            "its files are broken, or made to crash what reads them; get them again from where they come from",
        )
    return WorkerBug(f"the process that measures ended with {ended}; its lines are above")


def _too_large(request: Request) -> TooLarge:
    room = request.bounds.address_space
    limit = f" than the {room / GIB:.0f} GiB of address space that it gets" if room else " than there is"
    return TooLarge(f"measuring '{request.subject.id}' needs more memory{limit}", LIFT)
