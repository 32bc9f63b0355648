"""Measurements made of chosen numbers, without a model."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from provcheck.measurement.views import contrast_view, paper_view, project_blocks
from provcheck.types import ALGORITHM, Coverage, Floats, Measurement, MeasurementFacts, Subject, blocks_of

QUESTIONS, TEXTS = 48, 200
MEAN_BYTES = 100.0
DIGEST = "5" * 64


def random_words(seed: int, questions: int = QUESTIONS) -> list[Floats]:
    """Attributions (options, words) of some questions."""
    stream = np.random.default_rng(seed)
    return [stream.normal(size=(3 + place % 3, 4 + place % 9)) for place in range(questions)]


def mixed(first: Sequence[Floats], second: Sequence[Floats], share: float) -> list[Floats]:
    """`share` of the second, the rest of the first."""
    return [(1 - share) * one + share * two for one, two in zip(first, second, strict=True)]


def random_loglik(seed: int, texts: int = TEXTS) -> Floats:
    """Log-likelihoods in nats, about 1 bit a byte."""
    stream = np.random.default_rng(seed)
    return np.asarray(-70 + 10 * np.random.default_rng(0).normal(size=texts) + 5 * stream.normal(size=texts))


def measurement(
    id: str = "subject",
    words: list[Floats] | None = None,
    loglik: Floats | None = None,
    *,
    bits_per_byte: float | None = 1.0,
    algorithm: str = ALGORITHM,
    probes_digest: str = DIGEST,
    weights_digest: str | None = None,
) -> Measurement:
    """A measurement with these numbers."""
    words = random_words(1) if words is None else words
    loglik = random_loglik(1) if loglik is None else loglik
    measured = int(np.isfinite(loglik).sum())
    return Measurement(
        subject=Subject(
            id=id,
            source="folder",
            revision=None,
            weights_digest=weights_digest or f"digest of {id}",
            model_type="llama",
            context_length=1024,
            tokenizer="BPE",
            license="mit",
            declared_base=(),
            base=None,
        ),
        facts=MeasurementFacts(
            algorithm=algorithm,
            probes="made-up",
            probes_digest=probes_digest,
            coverage=Coverage(
                questions=len(words), questions_total=len(words), texts=measured, texts_total=len(loglik)
            ),
            bits_per_byte=bits_per_byte,
            device="cpu",
            dtype="float32",
            versions={"provcheck": "0"},
            seconds=1.0,
            measured_at=datetime(2026, 1, 1, tzinfo=UTC),
        ),
        paper_blocks=project_blocks(paper_view(words), blocks_of(["c"] * len(words))),
        contrast_blocks=project_blocks(contrast_view(words), blocks_of(["c"] * len(words))),
        loglik_nats=loglik,
        words=np.concatenate([block.ravel() for block in words]).astype(np.float32),
    )
