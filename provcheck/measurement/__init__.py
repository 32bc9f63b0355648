"""Measure a causal language model: ABLE attributions and log-likelihoods. The only importer of torch and transformers.

loading     folder -> model and tokenizer
placement   which device the weights go to
devices     what there is, and how much memory it has
encoding    probe -> tokens with character spans, or the reason why it is left out
batching    sequences -> batches that are computed once and kept in a journal
limits      how large a batch may be
memory      how much a batch needs
scoring     tokens -> log-probabilities and input gradients
softmax     logits -> log-probabilities, a few rows at a time
likelihood  log-probabilities of tokens -> log-likelihood of texts
attribution token attributions -> words
views       words -> the two ABLE views, projected per block of questions (numpy only)
circumstances  what else the numbers depend on
"""

from __future__ import annotations

import importlib.metadata
import platform
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from provcheck import __version__
from provcheck.journal import Journal, NoJournal
from provcheck.measurement.attribution import attribute_words
from provcheck.measurement.batching import Run
from provcheck.measurement.encoding import EncodedProbes, encode_probes
from provcheck.measurement.likelihood import loglikelihoods
from provcheck.measurement.loading import Loaded, load, load_tokenizer
from provcheck.measurement.views import contrast_view, paper_view, project_blocks
from provcheck.observer import Observer, Silent
from provcheck.types import ALGORITHM, Coverage, Floats, Loadable, Measurement, MeasurementFacts, ProbeSet

__all__ = ["MeasureOptions", "measure"]


@dataclass(frozen=True)
class MeasureOptions:
    """Where and how to measure. `auto`: the GPU when there is one; float32 on CPU, bfloat16 on GPU.

    batch_tokens: tokens in a batch at most, padding included; None: 2048 on the CPU, 16384 on a GPU.
    memory_bytes: memory for batches, beside the weights; None: what is free, with a margin.
    """

    device: str = "auto"
    dtype: str = "auto"
    batch_tokens: int | None = None
    memory_bytes: int | None = None


def measure(
    model: Loadable,
    probes: ProbeSet,
    options: MeasureOptions | None = None,
    observe: Observer | None = None,
    journal: Journal | None = None,
) -> Measurement:
    """Measure `model` on `probes`; batches that the journal holds are not computed again.

    Raises SubjectError when the model cannot be loaded, is not a causal model, needs too much memory, or gives NaN or
    Inf.
    """
    options = options or MeasureOptions()
    started = time.perf_counter()
    tokenizer = load_tokenizer(model)
    with ThreadPoolExecutor(1) as pool:  # probes are tokenized while the weights are read
        encoding = pool.submit(encode_probes, tokenizer, probes, model.subject.context_length)
        loaded = load(model, options.device, options.dtype, tokenizer)
    run = Run(options.batch_tokens, observe or Silent(), journal or NoJournal(), options.memory_bytes)
    return measure_loaded(loaded, model, probes, encoding.result(), run, started)


def measure_loaded(
    loaded: Loaded, model: Loadable, probes: ProbeSet, encoded: EncodedProbes, run: Run, started: float
) -> Measurement:
    """Measure a model that is in memory."""
    words = attribute_words(loaded, probes.questions, encoded.options, run)
    loglik = loglikelihoods(loaded, encoded.texts, len(probes.texts), run)
    facts = MeasurementFacts(
        algorithm=ALGORITHM,
        probes=probes.name,
        probes_digest=probes.digest,
        coverage=Coverage(
            questions=len(probes.questions) - encoded.questions_left_out.total(),
            questions_total=len(probes.questions),
            texts=int(np.isfinite(loglik).sum()),
            texts_total=len(probes.texts),
            left_out=dict(encoded.questions_left_out + encoded.texts_left_out),
        ),
        bits_per_byte=_bits_per_byte(loglik, probes),
        device=loaded.device_name,
        dtype=str(loaded.dtype).removeprefix("torch."),
        versions=versions(),
        seconds=round(time.perf_counter() - started, 3),
        measured_at=datetime.now(UTC).replace(microsecond=0),
    )
    return Measurement(
        subject=model.subject,
        facts=facts,
        paper_blocks=project_blocks(paper_view(words), probes.blocks),
        contrast_blocks=project_blocks(contrast_view(words), probes.blocks),
        loglik_nats=loglik,
        words=np.concatenate([block.ravel() for block in words]).astype(np.float32),
    )


def _bits_per_byte(loglik_nats: Floats, probes: ProbeSet) -> float | None:
    """Mean code length of the measured texts in bits per UTF-8 byte; None when none was measured."""
    measured = np.isfinite(loglik_nats)
    if not measured.any():
        return None
    size = np.array([len(text.text.encode()) for text in probes.texts])
    return float(-loglik_nats[measured].sum() / size[measured].sum() / np.log(2))


def versions() -> dict[str, str]:
    """The versions that may change the numbers."""
    packages = {name: importlib.metadata.version(name) for name in ("torch", "transformers", "tokenizers", "numpy")}
    return {"provcheck": __version__, "python": platform.python_version(), **packages}
