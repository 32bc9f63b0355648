"""How far dtype, size of the batch, padding and device move a model's numbers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from provcheck.measurement import MeasureOptions
from provcheck.signals.able.cosine import pairwise_distances
from provcheck.signals.likelihood.divergence import divergence
from provcheck.targets.resolution import resolve
from provcheck.types import Measurement, ProbeSet
from tests.benchmarks.models import every_nth
from tests.measured import contrast_blocks, loglik_nats, measure, paper_blocks

AIM_DISTANCE, AIM_BITS = 0.005, 0.005
BASE = MeasureOptions("cpu", "float32")
HALF = MeasureOptions("cpu", "bfloat16")
SETTINGS = {
    "again": BASE,
    "256 tokens a batch": MeasureOptions("cpu", "float32", 256),
    "8192 tokens a batch": MeasureOptions("cpu", "float32", 8192),
    "one at a time, no padding": MeasureOptions("cpu", "float32", 1),
    "bfloat16": HALF,
    "bfloat16, one at a time": MeasureOptions("cpu", "bfloat16", 1),
}
ON_GPU = {
    "GPU, float32": MeasureOptions("cuda", "float32"),
    "GPU, bfloat16": MeasureOptions("cuda", "bfloat16"),
}


@dataclass(frozen=True)
class Moved:
    """Cosine distances of both views, and KL in bits/byte, between two measurements of one model."""

    contrast: float
    paper: float
    kl_bits_per_byte: float
    same_bits: bool

    @property
    def within(self) -> bool:
        """Whether both aims are reached."""
        return max(self.contrast, self.paper) < AIM_DISTANCE and self.kl_bits_per_byte < AIM_BITS


def compare_settings(folders: Sequence[Path], every: int) -> Iterator[str]:
    """A Markdown table: each model measured with each setting, against float32 with 2048 tokens a batch.

    The last two rows take bfloat16 apart: what rounding the weights once changes, measured in float32; and what
    computing in bfloat16 changes when the weights are such numbers already, as those of most published models are.
    """
    probes = every_nth(every)
    yield "Against float32 on the CPU with 2048 tokens a batch."
    yield f"{len(probes.questions)} questions, {len(probes.texts)} texts."
    yield f"Aims: ABLE < {AIM_DISTANCE}, KL < {AIM_BITS} bits/byte."
    yield ""
    yield "| model | setting | ABLE contrast | ABLE paper | KL bits/byte | same bits | aims |"
    yield "|---|---|---:|---:|---:|---|---|"
    for folder in folders:
        for setting, moved in moves(folder, probes):
            cells = [f"{value:.1e}" for value in (moved.contrast, moved.paper, moved.kl_bits_per_byte)]
            same, aims = "yes" if moved.same_bits else "no", "reached" if moved.within else "NOT reached"
            yield f"| {folder.name} | {setting} | {' | '.join(cells)} | {same} | {aims} |"
    if not torch.cuda.is_available():
        yield "\nNo GPU is here: the settings that need one were left out."


def moves(folder: Path, probes: ProbeSet) -> Iterator[tuple[str, Moved]]:
    """Every setting with what it moves."""
    model = resolve(str(folder))
    base = measure(model, probes, BASE)
    for name, options in (SETTINGS | (ON_GPU if torch.cuda.is_available() else {})).items():
        yield name, between(base, measure(model, probes, options), probes)
    with TemporaryDirectory() as place:
        rounded = resolve(str(rounded_copy(folder, Path(place) / folder.name)))
        exact, fast = (measure(rounded, probes, options) for options in (BASE, HALF))
        yield "weights rounded to bfloat16, float32 arithmetic", between(base, exact, probes)
        yield (
            "such weights: bfloat16 against float32 arithmetic",
            between(exact, fast, probes),
        )


def rounded_copy(folder: Path, to: Path) -> Path:
    """The model with its weights rounded to bfloat16."""
    shutil.copytree(folder, to)
    for file in to.glob("*.safetensors"):
        tensors = {name: tensor.bfloat16() for name, tensor in load_file(file).items()}
        save_file(tensors, file, metadata={"format": "pt"})
    return to


def between(one: Measurement, two: Measurement, probes: ProbeSet) -> Moved:
    """How far two measurements of one model are apart."""
    size = float(np.mean([len(text.text.encode()) for text in probes.texts]))
    arrays = ((contrast_blocks(m).tobytes(), paper_blocks(m).tobytes(), loglik_nats(m).tobytes()) for m in (one, two))
    return Moved(
        contrast=float(pairwise_distances(np.stack([contrast_blocks(one), contrast_blocks(two)]))[0, 1]),
        paper=float(pairwise_distances(np.stack([paper_blocks(one), paper_blocks(two)]))[0, 1]),
        kl_bits_per_byte=divergence(loglik_nats(one), loglik_nats(two), size).bits_per_byte,
        same_bits=len(set(arrays)) == 1,
    )
