"""Work on many models, one task each: one after another, in processes side by side, or on a Ray cluster.

tasks        what a task is, what comes back of it, and how it is carried out, the same everywhere
serial       one after another, in this process
processes    side by side on this machine; working is the process that carries tasks out
ray_cluster  on the workers of a Ray cluster
sharding     the part of the work that one of several independent runs does

An engine says nothing about what is done: it is given tasks, and gives back what became of each as it is done, in any
order. Who asks puts them in order, so that no engine, no restart and no retry changes a byte of the result. A task that
fails takes no other along; a worker that dies is replaced, and its task tried again.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import import_module

from provcheck.engines.tasks import Done, Engine, Fault, Task
from provcheck.errors import UsageError
from provcheck.io.spelling import did_you_mean

__all__ = ["TABLE", "Done", "Engine", "EngineOptions", "Fault", "Task", "find_engine"]

TABLE = {
    "serial": "provcheck.engines.serial:Serial",
    "processes": "provcheck.engines.processes:Processes",
    "ray": "provcheck.engines.ray_cluster:RayCluster",
}
"""Engine -> module and class, imported when it is used."""

AUTO = "auto"
GPU_BYTES = 80 * 2**30


@dataclass(frozen=True)
class EngineOptions:
    """How much runs at once, and where.

    jobs: tasks at once on this machine. threads: of the processor, for a large model; the same in every engine, since
    the last bits of its numbers depend on it. retries: how often a task is tried again whose worker died. address: of a
    Ray cluster. gpu_bytes: memory of one of its GPUs.
    """

    name: str = AUTO
    jobs: int = 1
    threads: int = 4
    retries: int = 2
    address: str | None = None
    gpu_bytes: int = GPU_BYTES

    def __post_init__(self) -> None:
        """Raise UsageError for options that do not fit each other."""
        if self.name != AUTO and self.name not in TABLE:
            near = did_you_mean(self.name, (AUTO, *TABLE))
            raise UsageError(f"there is no engine {self.name!a}{near}", f"the engines are {AUTO}, {', '.join(TABLE)}")
        if self.chosen == "serial" and self.jobs > 1:
            raise UsageError("--engine serial does one model after another", "leave out --jobs, or use processes")
        if self.chosen != "ray" and self.address is not None:
            raise UsageError("--address is that of a Ray cluster", "add --engine ray")
        if self.chosen == "ray" and self.jobs > 1:
            raise UsageError("a Ray cluster has as many jobs at once as it has room for", "leave out --jobs")

    @property
    def chosen(self) -> str:
        """The engine that `auto` stands for: processes where several jobs run at once."""
        return self.name if self.name != AUTO else "processes" if self.jobs > 1 else "serial"

    @property
    def cores_each(self) -> int:
        """Processor cores for a job: those of this machine, shared out. So many batches of a small model run at once,
        each on one thread, which changes none of its numbers."""
        return max(1, cores() // self.jobs)


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def find_engine(options: EngineOptions | None = None) -> Engine:
    """The engine that was asked for. Raises UsageError where it cannot be used."""
    options = options or EngineOptions()
    module, _, kind = TABLE[options.chosen].partition(":")
    engine: Engine = getattr(import_module(module), kind)(options)
    return engine
