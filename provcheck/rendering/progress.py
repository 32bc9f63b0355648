"""Progress in the terminal: a bar where it can move, a line for each stage where it cannot."""

from __future__ import annotations

import time
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from provcheck.io.text import plain

EVERY_SECONDS = 30
"""Between two lines where no bar can move."""


class ProgressBar:
    """An observer that shows the running stage; the bar vanishes when the stage is over.

    Where no bar can move, a stage gets a line, and another one every half minute, so that a job that logs what it
    prints is not taken for hanging. `quiet`: not even these.
    """

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        self._console, self._quiet = console, quiet
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._stage, self._total, self._done, self._said = "", 0, 0, 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.finish()

    def start(self, stage: str, total: int) -> None:
        """Show the stage."""
        self.finish()
        self._stage, self._total, self._done = plain(stage), total, 0
        if not self._console.is_terminal:
            self._say(f"{self._stage} ({total})")
            return
        self._bar = _bar(self._console)
        self._task = self._bar.add_task(plain(stage), total=total)
        self._bar.start()

    def advance(self, n: int = 1) -> None:
        """Move the bar, or say how far the stage is if nothing was said for a while."""
        self._done += n
        if self._bar is not None:
            self._bar.advance(self._task, n)
        elif time.monotonic() - self._said >= EVERY_SECONDS:
            self._say(f"{self._stage}: {self._done} of {self._total}")

    def finish(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _say(self, line: str) -> None:
        self._said = time.monotonic()
        if not self._quiet:
            self._console.print(Text(line), soft_wrap=True)

    def note(self, message: str) -> None:
        """A line above the bar."""
        self._console.print(Text(f"note: {plain(message)}"), soft_wrap=True)


def _bar(console: Console) -> Progress:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console, transient=True)
