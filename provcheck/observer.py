"""Progress of long work: the stages report to an observer, which by default does nothing."""

from __future__ import annotations

from typing import Protocol


class Observer(Protocol):
    """Receives the progress of each stage."""

    def start(self, stage: str, total: int) -> None:
        """A stage of `total` steps begins."""

    def advance(self, n: int = 1) -> None:
        """`n` more steps are done."""

    def finish(self) -> None:
        """The stage is over."""

    def note(self, message: str) -> None:
        """Tell the user something that does not stop the work."""


class Silent:
    """The observer that does nothing."""

    def start(self, stage: str, total: int) -> None:
        """Ignore it."""

    def advance(self, n: int = 1) -> None:
        """Ignore it."""

    def finish(self) -> None:
        """Ignore it."""

    def note(self, message: str) -> None:
        """Ignore it."""
