"""A task, what comes back of it, and how it is carried out: the same in every engine."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

from provcheck.errors import ProvcheckError
from provcheck.observer import Observer
from provcheck.types import ExitCode


@dataclass(frozen=True)
class Task:
    """Work on one model.

    work: module and function, `(request: bytes, observe: Observer) -> bytes`, imported where the work is done.
    request: JSON, which says everything that the work needs.
    weight_bytes: size of the weight files, by which GPUs are asked for; None where it is not known.
    """

    id: str
    work: str
    request: bytes
    weight_bytes: int | None = None


@dataclass(frozen=True)
class Fault:
    """Why a task failed: a sentence, what to do next, and the exit code of a run of this task alone."""

    message: str
    hint: str = ""
    exit_code: int = int(ExitCode.USAGE_ERROR)

    @property
    def internal(self) -> bool:
        """Whether it is provcheck's own."""
        return self.exit_code == ExitCode.INTERNAL_ERROR


@dataclass(frozen=True)
class Done:
    """What became of a task: what it gave, or why it failed."""

    task: Task
    content: bytes = b""
    fault: Fault | None = None


class Engine(Protocol):
    """Carries tasks out."""

    def run(self, tasks: Sequence[Task], observe: Observer) -> Iterator[Done]:
        """What became of every task, as it is done; the order may be any. Closing the iterator ends what still runs.

        Raises UsageError where the engine cannot start.
        """


def perform(task: Task, observe: Observer) -> Done:
    """Carry out one task here. Never raises an Exception: a fault of ours is told as such, its traceback printed."""
    try:
        return Done(task, _function(task.work)(task.request, observe))
    except ProvcheckError as error:
        return Done(task, fault=Fault(error.message, error.hint, int(error.exit_code)))
    except Exception as error:
        traceback.print_exc()
        return Done(task, fault=internal(f"internal error: {type(error).__name__}"))


def internal(message: str) -> Fault:
    """A fault of provcheck itself."""
    return Fault(
        message, "this is a bug in provcheck; please report it with the lines above", int(ExitCode.INTERNAL_ERROR)
    )


def _function(work: str) -> Callable[[bytes, Observer], bytes]:
    module, _, name = work.partition(":")
    found: Callable[[bytes, Observer], bytes] = getattr(import_module(module), name)
    return found
