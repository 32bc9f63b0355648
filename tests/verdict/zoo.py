"""A bank large enough to fit a judge on: roots of a few recipes, each with derived models. Nothing was measured."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from provcheck.bank import Bank, load_bank
from provcheck.bank.saving import add_file
from provcheck.signals.able.values import CONTRAST, PAPER
from provcheck.signals.likelihood.values import LOGLIK
from provcheck.types import Floats, Measurement, Reference
from provcheck.verdict.panels import FILE, Calibrations
from provcheck.verdict.training import Pairs, documented_pairs
from tests.synthetic import TEXTS, array_of, blocks_at, make_blocks, make_measurement, make_reference, write_bank

ROOTS, HELD_OUT = 10, 3
FAMILIES = 4
"""The roots of one family behave alike; their weights are independent."""

CHILDREN = {"quantize": 0.01, "tune": 0.15, "pretrain": 0.45}
"""Distance from the root of each derived model."""

MECHANISMS = {"quantize": "quantize", "tune": "fine-tune", "pretrain": "continued-pretraining"}

Model = tuple[Reference, Measurement]


def make_zoo(folder: Path, models: Sequence[Model] | None = None) -> Bank:
    """The bank of `zoo_models`, or of some models."""
    return write_bank(folder, zoo_models() if models is None else models)


def zoo_models() -> list[Model]:
    """All roots with their children, and a merge of two roots."""
    lines = [line_of(number) for number in range(ROOTS)]
    held = [line_of(number, split="held-out") for number in range(ROOTS, ROOTS + HELD_OUT)]
    return [model for line in (*lines, *held) for model in line] + [merge(lines[0][0], lines[1][0])]


def line_of(number: int, split: str = "calibration") -> list[Model]:
    """A root and its children."""
    family = f"family-{number % FAMILIES}"
    name, root = f"org/root-{number}", root_measurement(number)
    made = [(make_reference(name, family=family, split=split), root)]
    for place, (child, distance) in enumerate(CHILDREN.items()):
        fields = {"family": family, "split": split, "mechanism": MECHANISMS[child]}
        reference = make_reference(f"{name}-{child}", name, **fields)
        made.append((reference, child_of(root, reference.id, distance, seed=100 * number + place)))
    return made


def root_measurement(number: int, family: int | None = None) -> Measurement:
    """An independent model; its likelihoods are near those of its family, which by default is its number's."""
    loglik = shared_loglik() + wave(500 + (number % FAMILIES if family is None else family), 8) + wave(number, 4)
    return measured(f"org/root-{number}", make_blocks(number), make_blocks(5000 + number), loglik)


def child_of(parent: Measurement, name: str, distance: float, seed: int) -> Measurement:
    """A model at that distance from its parent, in both views; the likelihoods move accordingly."""
    contrast = blocks_at(array_of(parent, CONTRAST), distance, 10_000 + seed)
    paper = blocks_at(array_of(parent, PAPER), distance, 20_000 + seed)
    return measured(name, contrast, paper, array_of(parent, LOGLIK) + wave(30_000 + seed, 0.1 + 8 * distance))


def merge(first: Model, second: Model) -> Model:
    """The mean of two models."""
    contrast, paper, loglik = (
        np.mean([array_of(parent, name) for _, parent in (first, second)], axis=0) for name in (CONTRAST, PAPER, LOGLIK)
    )
    made = measured("org/merge", contrast, paper, loglik)
    parents = (first[0].id, second[0].id)
    return make_reference("org/merge", *parents, family="merges", mechanism="merge", split="calibration"), made


def measured(name: str, contrast: Floats, paper: Floats, loglik: Floats) -> Measurement:
    """A measurement with these numbers."""
    return make_measurement(name, contrast, loglik=loglik, paper=paper)


def with_stacked(bank: Bank, arrays: Mapping[str, Floats]) -> Bank:
    """The bank with other arrays of all its references, by the names that they have in a measurement file."""
    stacks = {
        name: replace(stack, arrays={key: arrays.get(key, array) for key, array in stack.arrays.items()})
        for name, stack in bank.stacks.items()
    }
    return Bank(bank.manifest, bank.folder, stacks)


def calibrated(bank: Bank, folder: Path, calibrations: Calibrations) -> Bank:
    """A copy of the bank that carries this judge."""
    shutil.copytree(bank.folder, folder)
    add_file(load_bank(str(folder)), FILE, calibrations.save())
    return load_bank(str(folder))


def calibration_pairs(bank: Bank) -> Pairs:
    """The documented pairs that are not held out."""
    return documented_pairs(bank).among(
        [row for row, reference in enumerate(bank.references) if reference.split == "calibration"]
    )


def shared_loglik() -> Floats:
    """How hard the texts are for every model."""
    return -200 + wave(7, 20)


def wave(seed: int, size: float) -> Floats:
    """(TEXTS,) random numbers of that size."""
    return np.asarray(size * np.random.default_rng(seed).standard_normal(TEXTS))
