"""What a target must do: say what it is and what it can give, and open itself for a measurement."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from provcheck.checkpoint import Checkpoint
from provcheck.errors import UsageError
from provcheck.io.writing import would_replace
from provcheck.measurement import MeasureOptions
from provcheck.observer import Observer
from provcheck.types import Access, Capability, Measurement, Served, Subject

DEMO = "demo"
"""The name of the model that ships, to try provcheck with."""

Stamps = frozenset[tuple[str, int, int, int]]


@dataclass(frozen=True)
class FindOptions:
    """How models are found, and what the user allows."""

    revision: str | None = None
    offline: bool = False
    allow_pickle: bool = False
    trust_remote_code: bool = False
    max_requests: int = 0
    """How many requests an endpoint may be sent; 0: none may stand here."""

    @property
    def may_keep(self) -> bool:
        """Whether parts of weight files may stay in the cache."""
        return True

    @property
    def weights_alone(self) -> bool:
        """Whether nothing but stored tensors will be asked for, so that weight files on the Hub need not come whole."""
        return False


@dataclass(frozen=True)
class RunsOn:
    """Where a model runs, in which number format, with which versions of the libraries that affect the numbers."""

    device: str
    dtype: str
    versions: dict[str, str] = field(default_factory=dict)
    unused_tensors: int | None = None
    """Stored tensors that the model does not have; None where it was not loaded."""
    served: Served | None = None
    """How an endpoint answered."""


class OpenTarget(Access, Protocol):
    """A target that is being measured."""

    def runs_on(self) -> RunsOn:
        """Where, as a report states it."""


class Target(ABC):
    """What the user named: a model in whatever form. A saved measurement has `saved`, and cannot be opened."""

    subject: Subject
    saved: Measurement | None = None

    @abstractmethod
    def lacks(self, capability: Capability) -> str | None:
        """Why it cannot give that; None when it can."""

    @abstractmethod
    def open(self, how: MeasureOptions, observe: Observer, checkpoint: Checkpoint) -> OpenTarget:
        """Open the target for measuring. Expensive work waits until it is needed. Raises SubjectError."""

    @abstractmethod
    def runs_on(self, how: MeasureOptions) -> str:
        """Device and dtype in short, before anything is loaded. Raises UsageError when they cannot be used."""

    def vocabulary(self) -> Mapping[str, int]:
        """The number of each token by its text; empty where no tokenizer lies beside the weights in one file."""
        return {}

    def runs_for(self, capability: Capability) -> bool:
        """Whether giving that takes running the model, not only reading its files."""
        return True

    def identity(self) -> list[object] | None:
        """Digests of all content that the numbers depend on; None if unknown, and then nothing may be cached."""
        return None

    def environment(self, how: MeasureOptions, *, running: bool = True) -> Mapping[str, object]:
        """What else the numbers depend on: versions, code, and device and dtype if it is run. Raises UsageError."""
        return {}

    def stamps(self) -> Stamps:
        """Changes whenever a file of the target does."""
        return frozenset()

    def paths(self) -> Sequence[Path]:
        """The files on this machine that it consists of."""
        return ()

    def check_kept(self, outputs: Iterable[Path]) -> None:
        """Refuse outputs that would take the place of a file of the target. Raises UsageError."""
        for output in outputs:
            if any(would_replace(output, path) for path in self.paths()):
                raise UsageError(
                    f"{output} is a file of '{self.subject.id}', and would be overwritten",
                    "choose another place with --out or -o",
                )
