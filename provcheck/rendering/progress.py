"""Progress in the terminal: a bar where it can move, a line for each stage where it cannot."""

from __future__ import annotations

from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from provcheck.io.text import plain


class ProgressBar:
    """An observer that shows the running stage; the bar vanishes when the stage is over.

    `quiet`: no line for a stage where no bar can move.
    """

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        self._console, self._quiet = console, quiet
        self._bar: Progress | None = None
        self._task = TaskID(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.finish()

    def start(self, stage: str, total: int) -> None:
        """Show the stage."""
        self.finish()
        if not self._console.is_terminal:
            if not self._quiet:
                self._console.print(Text(f"{plain(stage)} ({total})"), soft_wrap=True)
            return
        self._bar = _bar(self._console)
        self._task = self._bar.add_task(plain(stage), total=total)
        self._bar.start()

    def advance(self, n: int = 1) -> None:
        """Move the bar."""
        if self._bar is not None:
            self._bar.advance(self._task, n)

    def finish(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

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
