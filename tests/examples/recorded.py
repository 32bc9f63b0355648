"""A target: a service that gives log-likelihoods only, here from a file; `recorded:FILE.json` on the command line.

The file holds {"model": name, "nats": {text: log-likelihood}}.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from provcheck.checkpoint import Checkpoint
from provcheck.errors import SubjectNotFound
from provcheck.io.untrusted import parse_json, read_bounded
from provcheck.measurement import MeasureOptions
from provcheck.observer import Observer
from provcheck.targets.target import FindOptions, OpenTarget, RunsOn, Target
from provcheck.types import Capability, LogLikelihood, Subject, TokenAttributions

PREFIX, MAX_BYTES = "recorded:", 10_000_000
REASON = "a service gives log-probabilities only"


class RecordedTarget(Target):
    """Answers from a file; it states no files of the model, since there are none."""

    def __init__(self, name: str, nats: Mapping[str, float]) -> None:
        self.subject = Subject(id=name, source="endpoint", weights_digest=None, weight_format=None)
        self._nats = nats

    def lacks(self, capability: Capability) -> str | None:
        """Everything but log-probabilities."""
        return None if capability is Capability.LOG_PROBABILITIES else REASON

    def open(self, how: MeasureOptions, observe: Observer, checkpoint: Checkpoint) -> OpenTarget:
        """There is nothing to load."""
        return _Open(self._nats)

    def runs_on(self, how: MeasureOptions) -> str:
        """Elsewhere."""
        return "recorded"


class _Open:
    """An open target."""

    def __init__(self, nats: Mapping[str, float]) -> None:
        self._nats = nats

    def log_likelihoods(self, texts: Sequence[str]) -> list[LogLikelihood | str]:
        """What the file has; the rest is left out."""
        return [LogLikelihood(self._nats[text]) if text in self._nats else "not recorded" for text in texts]

    def attributions(self, questions: Sequence[tuple[str, Sequence[str]]]) -> list[list[TokenAttributions] | str]:
        """No gradients."""
        return [REASON for _ in questions]

    def tensors(self) -> NoReturn:
        """No weights."""
        raise NotImplementedError(REASON)

    def config(self) -> NoReturn:
        """No weights."""
        raise NotImplementedError(REASON)

    def token_ids(self, texts: Sequence[str]) -> NoReturn:
        """No weights."""
        raise NotImplementedError(REASON)

    def runs_on(self) -> RunsOn:
        """Unknown."""
        return RunsOn("recorded", "unknown")


def find(model: str, options: FindOptions) -> Target | None:
    """The target in a file, if the name is one of this kind. Raises SubjectNotFound."""
    if not model.startswith(PREFIX):
        return None
    try:
        found = parse_json(read_bounded(Path(model.removeprefix(PREFIX)), MAX_BYTES))
        return RecordedTarget(str(found["model"]), {str(text): float(nats) for text, nats in found["nats"].items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise SubjectNotFound(f"{json.dumps(model)} holds no recording", "Record the model again.") from None
