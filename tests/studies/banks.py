"""Small synthetic banks for the studies. No number here was measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from provcheck.bank import Bank
from provcheck.types import Floats, Measurement, Reference
from tests.synthetic import blocks_at, make_blocks, make_loglik, make_measurement, make_reference, write_bank

Model = tuple[Reference, Measurement]


def near(loglik: Floats, spread: float, seed: int) -> Floats:
    """Log-likelihoods that differ from these by `spread` nats a text."""
    return np.asarray(loglik + spread * np.random.default_rng(seed).standard_normal(len(loglik)))


def family(name: str, seed: int, mechanisms: dict[str, float]) -> list[Model]:
    """A root, and a child for each mechanism with the spread of its log-likelihoods around the root's, in nats."""
    blocks, loglik = make_blocks(seed), make_loglik(seed)
    models = [(make_reference(name, family=name), make_measurement(name, blocks, loglik=loglik))]
    for number, (kind, spread) in enumerate(mechanisms.items()):
        child = f"{name}-{kind}"
        reference = make_reference(child, name, family=name, mechanism=kind.partition("-of-")[0])
        at = blocks_at(blocks, min(0.5, spread / 10), seed=seed + 100)
        models.append((reference, make_measurement(child, at, loglik=near(loglik, spread, seed + 50 + number))))
    return models


def small_bank(folder: Path) -> Bank:
    """Three families of a root, a fine-tune, a quantization to 4 bits and a pruning."""
    kinds = {"fine-tune": 4.0, "quantize-of-4bit": 1.0, "quantize-of-8bit": 0.1, "prune": 2.0}
    return write_bank(folder, [model for n in range(3) for model in family(f"org/root-{n}", n, kinds)])
