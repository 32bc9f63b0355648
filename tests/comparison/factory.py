"""Measurements made of chosen numbers, without a model."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from provcheck.signals.able import Able
from provcheck.signals.able.values import CONTRAST, PAPER
from provcheck.signals.able.views import blocks_of, contrast_view, paper_view, project_blocks
from provcheck.signals.likelihood import Likelihood
from provcheck.signals.likelihood.values import LOGLIK
from provcheck.types import Coverage, Floats, Measurement, RunFacts, SignalFacts, Sketch, Subject

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
    version: str = Able.version,
    probes_digest: str = DIGEST,
    weights_digest: str | None = None,
) -> Measurement:
    """A measurement with these numbers; `version` is that of the attributions."""
    words = random_words(1) if words is None else words
    loglik = random_loglik(1) if loglik is None else loglik
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
        run=RunFacts(
            probes="made-up",
            probes_digest=probes_digest,
            device="cpu",
            dtype="float32",
            versions={"provcheck": "0"},
            measured_at=datetime(2026, 1, 1, tzinfo=UTC),
        ),
        signals={
            "able": able(words, version, probes_digest),
            "likelihood": likelihood(loglik, bits_per_byte, probes_digest),
        },
    )


def able(words: list[Floats], version: str = Able.version, probes_digest: str = DIGEST) -> Sketch:
    """Both views of these attributions, of questions of one category."""
    blocks = blocks_of(["c"] * len(words))
    facts = SignalFacts(
        version=version,
        material=probes_digest,
        context={"categories": {"c": len(blocks)}},
        coverage=Coverage(measured=len(words), total=len(words), unit="question"),
        seconds=0.75,
    )
    arrays = {PAPER: project_blocks(paper_view(words), blocks), CONTRAST: project_blocks(contrast_view(words), blocks)}
    return Sketch(facts, arrays, {"able_words": np.concatenate([one.ravel() for one in words]).astype(np.float32)})


def likelihood(loglik: Floats, bits_per_byte: float | None = 1.0, probes_digest: str = DIGEST) -> Sketch:
    """These log-likelihoods, of texts of 100 bytes."""
    facts = SignalFacts(
        version=Likelihood.version,
        material=probes_digest,
        context={"mean_text_bytes": MEAN_BYTES},
        coverage=Coverage(measured=int(np.isfinite(loglik).sum()), total=len(loglik), unit="text"),
        values={"bits_per_byte": bits_per_byte},
        seconds=0.25,
    )
    return Sketch(facts, {LOGLIK: loglik}, {})
