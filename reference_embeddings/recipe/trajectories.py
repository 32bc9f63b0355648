"""Training runs with checkpoints, the manifest of their bank, and the distances between their weights.

A run whose last checkpoint is there is finished; one that was killed is trained again from its start, to the same
weights. Checkpoints are in float32: the first steps move weights by less than half precision shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from pydantic import Field

from .corpus import Corpora
from .folder import Context, load_model
from .plan import Recipe, Strict, seed_of
from .training import Burst, fit, language_loss
from .tuning import PROMPT_SHARE, new_network

PLAN_FILE = Path(__file__).with_name("trajectories.yaml")
Observer = Callable[[str], None]


class Checkpoints(Strict):
    """Which steps are kept: 0, the powers of two up to `powers`, then every `every` steps."""

    powers: int
    every: int

    def steps(self, last: int) -> list[int]:
        """The steps kept of a run of `last` steps, its end among them."""
        powers = [1 << n for n in range(self.powers.bit_length())]
        even = range(self.every * (self.powers // self.every + 1), last + 1, self.every)
        return sorted({0, *(one for one in powers if one <= last), *even, last})


class Run(Strict):
    """A run from random weights."""

    seed: int
    burst: Burst | None = None


class FineTune(Strict):
    """A run that starts from a checkpoint of another."""

    parent: str = Field(alias="from")
    step: int
    corpus: str
    steps: int
    rate: float
    checkpoints: Checkpoints


class Plan(Strict):
    """The whole yaml."""

    bank: str
    architecture: str
    size: str
    corpus: str
    tokenizer: str
    steps: int
    checkpoints: Checkpoints
    runs: dict[str, Run]
    fine_tunes: dict[str, FineTune]

    @property
    def family(self) -> str:
        """Of all its models."""
        return f"{self.architecture}-{self.corpus}-{self.tokenizer}"


@dataclass(frozen=True)
class Trainer:
    """What is trained, on what, and where its checkpoints go."""

    plan: Plan
    recipe: Recipe
    corpora: Corpora
    tokenizer: Any
    out: Path
    observe: Observer

    def train_all(self) -> None:
        """Train every run, then the fine-tunes, that is not finished."""
        for name, run in self.plan.runs.items():
            self._unless_finished(name, self.plan.steps, partial(self._run, name, run))
        for name, tune in self.plan.fine_tunes.items():
            self._unless_finished(name, tune.steps, partial(self._tune, name, tune))

    def _unless_finished(self, name: str, steps: int, train: Callable[[], float]) -> None:
        if folder_of(self.out, name, steps).exists():
            self.observe(f"{name}: finished")
            return
        self.observe(f"{name}: {steps} steps, last loss {train():.3f}")

    def _run(self, name: str, run: Run) -> float:
        plan, scale = self.plan, self.corpora.scale
        context = Context(scale, self.corpora, self.out, seed_of(f"{plan.bank}/{run.seed}"))
        network = new_network(context, self.tokenizer, plan.architecture, plan.size)
        batches = self.corpora.batches(plan.corpus, self.tokenizer, context.seed)
        after = self._saver(network, name, plan.checkpoints.steps(plan.steps))
        loss = language_loss(network)
        return fit(network, batches, loss, steps=plan.steps, rate=scale.root_rate, burst=run.burst, after=after)

    def _tune(self, name: str, tune: FineTune) -> float:
        network = load_model(folder_of(self.out, tune.parent, tune.step)).network
        batches = self.corpora.batches(tune.corpus, self.tokenizer, seed_of(name))
        after = self._saver(network, name, tune.checkpoints.steps(tune.steps)[1:])
        loss = language_loss(network, PROMPT_SHARE)
        return fit(network, batches, loss, steps=tune.steps, rate=tune.rate, after=after)

    def _saver(self, network: Any, name: str, kept: list[int]) -> Callable[[int], None]:
        def save(step: int) -> None:
            if step in kept:
                write_checkpoint(network, self.tokenizer, folder_of(self.out, name, step))

        return save


def load_plan(path: Path = PLAN_FILE) -> Plan:
    """Read the yaml."""
    return Plan.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))


def folder_of(out: Path, run: str, step: int) -> Path:
    """Where a checkpoint lies."""
    return out / f"{run}-step{step:04}"


def write_checkpoint(network: Any, tokenizer: Any, folder: Path) -> None:
    """Write the folder beside its place and move it there in one step."""
    if folder.exists():
        return
    half = folder.with_name(f".{folder.name}.tmp")
    network.save_pretrained(half)
    tokenizer.save_pretrained(half)
    half.replace(folder)


def entries(plan: Plan, out: Path, license_name: str) -> Iterator[dict[str, Any]]:
    """The entries of a bank manifest: the parent of each checkpoint is the one before it."""
    for name in plan.runs:
        yield from _chain(
            plan, out, license_name, name, plan.checkpoints.steps(plan.steps), None, "continued-pretraining"
        )
    for name, tune in plan.fine_tunes.items():
        first = folder_of(out, tune.parent, tune.step).name
        yield from _chain(plan, out, license_name, name, tune.checkpoints.steps(tune.steps)[1:], first, "fine-tune")


def weight_distances(folders: list[Path]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """(M, M) squared Euclidean distances of all weights of checkpoints of one shape."""
    vectors = np.stack([_weights(folder) for folder in folders])
    apart = np.zeros((len(vectors), len(vectors)))
    for row, vector in enumerate(vectors):
        apart[row] = ((vectors - vector) ** 2).sum(axis=1, dtype=np.float64)
    return apart


def _weights(folder: Path) -> Any:
    network = load_model(folder).network
    return torch.cat([weight.detach().flatten() for weight in network.parameters()]).numpy()


def _chain(
    plan: Plan, out: Path, license_name: str, name: str, steps: list[int], parent: str | None, mechanism: str
) -> Iterator[dict[str, Any]]:
    for step in steps:
        folder = folder_of(out, name, step)
        yield {
            "id": f"{plan.bank}/{folder.name}",
            "path": str(folder),
            "family": plan.family,
            "parents": [f"{plan.bank}/{parent}"] if parent else [],
            "mechanism": mechanism if parent else "from-scratch",
            "license": license_name,
            "step": step,
        }
        parent = folder.name
