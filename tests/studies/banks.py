"""Small synthetic banks for the studies. No number here was measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from provcheck.bank import Bank
from provcheck.types import Floats, Measurement, Reference
from tests.synthetic import blocks_at, make_blocks, make_loglik, make_measurement, make_reference, write_bank

Model = tuple[Reference, Measurement]
SPIKE, BASE = 15, 10
"""Of `path_bank`: the step whose checkpoint is an outlier, and the one that the fine-tune left from."""


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


def path_bank(folder: Path) -> Bank:
    """Two runs of 26 checkpoints that diffuse, one with an outlier, and a fine-tune that leaves the first."""
    models, ends = [], {}
    for name, seed in (("a", 1), ("b", 2)):
        stream, loglik, parents = np.random.default_rng(seed), make_loglik(seed), list[str]()
        for step in range(26):
            loglik = loglik + 2.0 * stream.standard_normal(len(loglik))
            noise = 60.0 * stream.standard_normal(len(loglik)) * (name == "b" and step == SPIKE)
            id, mechanism = f"org/{name}-{step}", "continued-pretraining" if parents else "from-scratch"
            models.append(
                (
                    make_reference(id, *parents, mechanism=mechanism, step=step * 10),
                    make_measurement(id, make_blocks(seed), loglik=loglik + noise),
                )
            )
            ends[name, step], parents = loglik, [id]
    stream, loglik, parent = np.random.default_rng(3), ends["a", BASE], f"org/a-{BASE}"
    for step in range(1, 21):
        loglik = loglik + 1.5 * stream.standard_normal(len(loglik))
        reference = make_reference(f"org/t-{step}", parent, mechanism="fine-tune", step=step)
        models.append((reference, make_measurement(f"org/t-{step}", make_blocks(1), loglik=loglik)))
        parent = reference.id
    return write_bank(folder, models)
