"""Tasks on the workers of a Ray cluster; Ray places them, and tries them again where a worker is lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from provcheck.engines import EngineOptions
from provcheck.engines.sizing import gpus_for
from provcheck.engines.tasks import Done, Fault, Task, perform
from provcheck.errors import UsageError
from provcheck.io.text import clean
from provcheck.observer import Observer, Silent

LOST = "look at the cluster's log: a worker ran out of memory, or was taken away; --retries says how often to try"


class RayCluster:
    """The engine for a cluster. Every worker needs the same version of provcheck, and has to reach the same models.

    A task gets one core, and where the cluster has GPUs as many whole ones as the model's weights need.
    """

    def __init__(self, options: EngineOptions) -> None:
        self._options = options

    def run(self, tasks: Sequence[Task], observe: Observer) -> Iterator[Done]:
        """As they are done. Raises UsageError where Ray is missing or the cluster cannot be reached."""
        with connected(self._options.address) as ray:
            has_gpus = ray.cluster_resources().get("GPU", 0) > 0
            remote = ray.remote(_perform)
            waiting = {}
            for task in tasks:
                gpus = gpus_for(task.weight_bytes, self._options.gpu_bytes) if has_gpus else 0
                asked = remote.options(num_cpus=1, num_gpus=gpus, max_retries=self._options.retries)
                waiting[asked.remote(task)] = task
            observe.start("models", len(tasks))
            try:
                yield from _reported(ray, waiting, observe)
            finally:
                for one in waiting:
                    ray.cancel(one, force=True)
                observe.finish()


@contextmanager
def connected(address: str | None) -> Iterator[Any]:
    """Ray, connected to that cluster, to the one that this process is connected to, or to one that is started here."""
    try:
        import ray
    except ImportError:
        raise UsageError("--engine ray needs Ray", "run `pip install provcheck[cluster]`") from None
    if ray.is_initialized():
        yield ray
        return
    try:
        quiet = {"log_to_driver": False, "logging_level": "warning"}
        ray.init(address=address, include_dashboard=False if address is None else None, **quiet)
    except (ConnectionError, RuntimeError, ValueError) as error:
        message = f"the Ray cluster cannot be reached: {clean(str(error)) or type(error).__name__}"
        raise UsageError(message, "check --address, and that its version of Ray is the one installed here") from None
    try:
        yield ray
    finally:
        ray.shutdown()


class Notes(Silent):
    """Keeps what the work has to say; the model's own progress nobody sees."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, message: str) -> None:
        """A line to be shown when the task is done."""
        self.said.append(message)


def _perform(task: Task) -> tuple[Done, list[str]]:
    """On a worker."""
    notes = Notes()
    return perform(task, notes), notes.said


def _reported(ray: Any, waiting: dict[Any, Task], observe: Observer) -> Iterator[Done]:
    total = len(waiting)
    while waiting:
        (first,), _ = ray.wait(list(waiting), num_returns=1)
        task = waiting.pop(first)
        try:
            done, said = ray.get(first)
        except ray.exceptions.RayError as error:
            done, said = Done(task, fault=Fault(f"its worker was lost: {type(error).__name__}", LOST)), []
        for message in said:
            observe.note(f"{task.id}: {message}")
        observe.advance()
        observe.note(f"[{total - len(waiting)}/{total}] {task.id}")
        yield done
