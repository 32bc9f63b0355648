"""One task after another, in this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from provcheck.engines import EngineOptions
from provcheck.engines.tasks import Done, Task, perform
from provcheck.observer import Observer


class Serial:
    """The engine for few models: every stage of each is shown."""

    def __init__(self, options: EngineOptions) -> None:
        pass

    def run(self, tasks: Sequence[Task], observe: Observer) -> Iterator[Done]:
        """In the order given."""
        for number, task in enumerate(tasks, 1):
            observe.note(f"[{number}/{len(tasks)}] {task.id}")
            yield perform(task, observe)
