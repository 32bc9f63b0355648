"""Measurements and banks without models: random blocks at chosen distances. No number here was measured."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from provcheck.bank import Bank, load_bank, save_bank
from provcheck.probes import probe_set
from provcheck.signals import find_signal
from provcheck.signals.able.values import CONTRAST, PAPER
from provcheck.signals.likelihood.values import LOGLIK
from provcheck.signals.weights.sketching import sketch
from provcheck.types import (
    Coverage,
    FileDigest,
    Floats,
    Measurement,
    NotMeasured,
    ProbeSet,
    Question,
    Reference,
    RunFacts,
    SignalFacts,
    Sketch,
    Stack,
    Subject,
    Text,
)
from tests.signals.weights.models import ANCHORS, Plain, random_model

BLOCKS, WIDTH, TEXTS, WORDS = 16, 64, 40, 50


def make_probes(name: str = "synthetic") -> ProbeSet:
    """Probes of that name; another name, another digest."""
    questions = [
        Question(id=f"{name}-q{n}", category=f"c{n % 4}", subject="s", question="Why?", options=("a", "b"), answer=0)
        for n in range(BLOCKS)
    ]
    texts = [Text(id=f"{name}-{n}", domain="d", text=f"Text number {n}. " * 6) for n in range(TEXTS)]
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
    paper: Floats | None = None,
    share: float = 1.0,
    probes: ProbeSet = PROBES,
    weights: str | None = None,
) -> Measurement:
    """A measurement with these contrast blocks, and paper blocks unless others are given.

    `weights` are what the weight files hold.
    """
    seed = int(hashlib.sha256(name.encode()).hexdigest()[:8], 16)
    digest = hashlib.sha256((weights or name).encode()).hexdigest()
    subject = Subject(
        id=name,
        source="folder",
        weights=(FileDigest(name="model.safetensors", bytes=1, sha256=digest),),
        weights_digest=digest,
        revision=None,
        model_type="llama",
        parameters=1234,
        context_length=128,
        tokenizer="BPE",
        declared_base=(),
        base=None,
    )
    run = RunFacts(
        probes=probes.name,
        probes_digest=probes.digest,
        device="cpu",
        dtype="float32",
        versions={"torch": "0"},
        measured_at=datetime(2025, 11, 21, tzinfo=UTC),
    )
    words = np.random.default_rng(seed).standard_normal(WORDS).astype(np.float32)
    able = {PAPER: blocks if paper is None else paper, CONTRAST: blocks}
    covered = Coverage(measured=round(100 * share), total=100, unit="question")
    likelihoods = {LOGLIK: make_loglik(seed) if loglik is None else loglik}
    texts = Coverage(measured=TEXTS, total=TEXTS, unit="text")
    signals = {
        "able": Sketch(_facts("able", probes, covered), able, {"able_words": words}),
        "likelihood": Sketch(_facts("likelihood", probes, texts, {"bits_per_byte": 1.0}), likelihoods, {}),
    }
    return Measurement(subject, run, signals)


def _facts(
    name: str, probes: ProbeSet, coverage: Coverage, values: dict[str, float | None] | None = None
) -> SignalFacts:
    signal = find_signal(name)
    return SignalFacts(
        version=signal.version,
        material=signal.material(probes),
        context=dict(signal.context(probes)),
        coverage=coverage,
        values=values or {},
        seconds=0.75,
    )


def with_arrays(measurement: Measurement, signal: str, **arrays: Floats) -> Measurement:
    """The same measurement with other arrays of one signal."""
    sketch = measurement.sketches[signal]
    changed = replace(sketch, arrays={**sketch.arrays, **arrays})
    return replace(measurement, signals={**measurement.signals, signal: changed})


def with_facts(measurement: Measurement, signal: str, **facts: Any) -> Measurement:
    """The same measurement with other facts of one signal."""
    sketch = measurement.sketches[signal]
    changed = replace(sketch, facts=sketch.facts.model_copy(update=facts))
    return replace(measurement, signals={**measurement.signals, signal: changed})


def without(measurement: Measurement, signal: str, reason: str = "it is an endpoint") -> Measurement:
    """The same model, not measured by that signal."""
    return replace(measurement, signals={**measurement.signals, signal: NotMeasured(not_measured=reason)})


def weighed(measurement: Measurement, model: Plain, *, mute: bool = False) -> Measurement:
    """The same measurement, with the weights of this model; `mute`: its tokenizer tells no words apart."""
    arrays, values = sketch(model, [[0]] * len(ANCHORS) if mute else ANCHORS)  # type: ignore[arg-type]
    covered = Coverage(measured=model.blocks, total=model.blocks, unit="block")
    made = Sketch(_facts("weights", PROBES, covered, values), arrays, {})
    return replace(measurement, signals={**measurement.signals, "weights": made})


def make_complete(name: str, seed: int) -> Measurement:
    """An independent model, measured by every signal."""
    return weighed(make_measurement(name, make_blocks(seed)), random_model(seed, blocks=2, neurons=12))


def array_of(measurement: Measurement, name: str) -> Floats:
    """One array, by the name that it has in a measurement file."""
    return next(one.arrays[name] for one in measurement.sketches.values() if name in one.arrays)


def stacked(bank: Bank, name: str) -> Floats:
    """One array of all references of a bank."""
    return next(stack.arrays[name] for stack in bank.stacks.values() if name in stack.arrays)


def row_of(bank: Bank, row: int) -> Measurement:
    """A reference of a bank that has every signal, as a subject of its own."""
    arrays = {name: stacked(bank, name)[row] for name in (PAPER, CONTRAST, LOGLIK)}
    made = make_measurement("subject", arrays[CONTRAST].astype(np.float32), loglik=arrays[LOGLIK].astype(np.float64))
    return with_arrays(made, "able", **{PAPER: arrays[PAPER].astype(np.float32)})


def stack_of_blocks(blocks: Floats) -> Stack:
    """Models with these contrast (and paper) blocks (M, B, K)."""
    return Stack({"categories": {"c": blocks.shape[1]}}, ({},) * len(blocks), {PAPER: blocks, CONTRAST: blocks})


def make_reference(id: str, *parents: str, **fields: Any) -> Reference:
    """A reference of a family of its own unless `family` says otherwise; without parents, one from scratch."""
    mechanism = "undocumented" if parents else "from-scratch"
    return Reference(id=id, parents=parents, **{"family": id, "mechanism": mechanism, **fields})


def roots(count: int) -> dict[str, Floats]:
    """Blocks of independent models, by name."""
    return {f"org/root-{n}": make_blocks(n) for n in range(count)}


def make_bank(folder: Path, models: Mapping[str, Floats] | None = None, *, probes: ProbeSet = PROBES) -> Bank:
    """A bank of independent models, five unless given, each a family of its own."""
    models = roots(5) if models is None else models
    return write_bank(
        folder, [(make_reference(id), make_measurement(id, x, probes=probes)) for id, x in models.items()]
    )


def write_bank(folder: Path, models: Sequence[tuple[Reference, Measurement]], *, raw: bool = False) -> Bank:
    """Save the bank and load it again."""
    probes = make_probes(models[0][1].run.probes)
    save_bank(folder, folder.name, probes, models, raw=raw)
    return load_bank(str(folder))
