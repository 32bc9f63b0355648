"""An attack: a name, whether it claims to keep the function, and what it does to the copy of a model folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SEED = 0
"""Of every random choice, so that a table can be printed again."""

KEPT_NATS = 1e-2
"""A function counts as kept where no log-probability of a token moves by more."""


class DoesNotApply(Exception):
    """The attack has nothing to work on in this model; the message says what is missing."""


@dataclass(frozen=True)
class Attack:
    """`change` works in place on a model folder, and raises DoesNotApply where the model gives it no hold."""

    name: str
    what: str
    change: Callable[[Path], None]
    keeps: bool
    """Whether it claims to keep the function, to KEPT_NATS a token."""
    forges: bool = False
    """Whether it starts from a model that has nothing to do with the victim; then a verdict of kinship is the harm."""

    def build(self, model: Path, to: Path) -> Path:
        """A copy of the model folder, attacked. Raises DoesNotApply, and then leaves nothing behind."""
        shutil.copytree(model, to)
        try:
            self.change(to)
        except DoesNotApply:
            shutil.rmtree(to)
            raise
        return to
