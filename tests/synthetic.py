"""Measurements and banks without models: random blocks at chosen distances. No number here was measured."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from provcheck.bank import Bank, load_bank, save_bank
from provcheck.probes import probe_set
from provcheck.types import (
    ALGORITHM,
    Coverage,
    Floats,
    Measurement,
    MeasurementFacts,
    ProbeSet,
    Question,
    Reference,
    Subject,
    Text,
)

BLOCKS, WIDTH, TEXTS, WORDS = 16, 64, 40, 50


def make_probes(name: str = "synthetic") -> ProbeSet:
    """Probes of that name; another name, another digest."""
    questions = [
        Question(id=f"{name}-q{n}", category=f"c{n % 4}", subject="s", question="Why?", options=("a", "b"), answer=0)
        for n in range(BLOCKS)
    ]
    texts = [Text(id=f"{name}-{n}", domain="d", text=f"Text number {n}.") for n in range(TEXTS)]
    return probe_set(name, questions, texts)


PROBES = make_probes()


def make_blocks(seed: int) -> Floats:
    """(BLOCKS, WIDTH) float32: the attributions of an independent model. Two of them are about 1 apart."""
    return np.random.default_rng(seed).standard_normal((BLOCKS, WIDTH)).astype(np.float32)


def blocks_at(blocks: Floats, distance: float, seed: int = 999) -> Floats:
    """Blocks at that cosine distance, in every block, so that a bootstrap interval is narrow."""
    noise = make_blocks(seed).astype(np.float64)
    squares = (blocks**2).sum(axis=1, keepdims=True)
    noise -= (noise * blocks).sum(axis=1, keepdims=True) / squares * blocks
    noise *= np.sqrt(squares / (noise**2).sum(axis=1, keepdims=True))
    cosine = 1 - distance
    return np.asarray(cosine * blocks + np.sqrt(1 - cosine**2) * noise).astype(np.float32)


def make_loglik(seed: int) -> Floats:
    """(TEXTS,) log-likelihoods in nats of an independent model."""
    return -200 + 10 * np.random.default_rng(seed).standard_normal(TEXTS)


def make_measurement(
    name: str,
    blocks: Floats,
    *,
    loglik: Floats | None = None,
    share: float = 1.0,
    probes: ProbeSet = PROBES,
    weights: str | None = None,
) -> Measurement:
    """A measurement with these contrast (and paper) blocks; `weights` are what the weight files hold."""
    seed = int(hashlib.sha256(name.encode()).hexdigest()[:8], 16)
    subject = Subject(
        id=name,
        source="folder",
        weights_digest=hashlib.sha256((weights or name).encode()).hexdigest(),
        revision=None,
        model_type="llama",
        parameters=1234,
        context_length=128,
        tokenizer="BPE",
        declared_base=(),
        base=None,
    )
    facts = MeasurementFacts(
        algorithm=ALGORITHM,
        probes=probes.name,
        probes_digest=probes.digest,
        coverage=Coverage(questions=round(100 * share), questions_total=100, texts=TEXTS, texts_total=TEXTS),
        bits_per_byte=1.0,
        device="cpu",
        dtype="float32",
        versions={"torch": "0"},
        seconds=1.5,
        measured_at=datetime(2025, 11, 21, tzinfo=UTC),
    )
    words = np.random.default_rng(seed).standard_normal(WORDS).astype(np.float32)
    return Measurement(subject, facts, blocks, blocks, make_loglik(seed) if loglik is None else loglik, words)


def make_reference(id: str, *parents: str, **fields: Any) -> Reference:
    """A reference of a family of its own unless `family` says otherwise."""
    return Reference(id=id, parents=parents, **{"family": id, **fields})


def roots(count: int) -> dict[str, Floats]:
    """Blocks of independent models, by name."""
    return {f"org/root-{n}": make_blocks(n) for n in range(count)}


def make_bank(folder: Path, models: Mapping[str, Floats] | None = None, *, probes: ProbeSet = PROBES) -> Bank:
    """A bank of independent models, five unless given, each a family of its own."""
    models = roots(5) if models is None else models
    return write_bank(
        folder, [(make_reference(id), make_measurement(id, x, probes=probes)) for id, x in models.items()]
    )


def write_bank(folder: Path, models: Sequence[tuple[Reference, Measurement]], *, words: bool = False) -> Bank:
    """Save the bank and load it again."""
    probes = make_probes(models[0][1].facts.probes)
    save_bank(folder, folder.name, probes, models, words=words)
    return load_bank(str(folder))
