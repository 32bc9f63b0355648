"""Finished parts of a long measurement, so that a run that was killed continues where it was."""

from __future__ import annotations

from typing import Protocol

from provcheck.types import Floats


class Journal(Protocol):
    """Keeps arrays under keys. A key is a short name of letters, digits and hyphens: `attributions-3f2a...`.

    Whoever makes a journal vouches that it belongs to one model, probe set, algorithm, device and dtype; a key tells
    apart only the stages and batches of one measurement. Neither call raises: a journal that cannot keep an array (full
    disk) lets it go, and one that cannot read it has none.
    """

    def get(self, key: str) -> Floats | None:
        """The array that was put under the key, bit for bit; None where there is none."""

    def put(self, key: str, array: Floats) -> None:
        """Keep a one-dimensional float64 array; it is whole or not there, even when the process is killed."""


class NoJournal:
    """The journal that keeps nothing."""

    def get(self, key: str) -> Floats | None:
        """Nothing is kept."""

    def put(self, key: str, array: Floats) -> None:
        """Let it go."""
