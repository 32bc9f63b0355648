"""What building a bank will take, before anything is fetched: from the sizes that models' names state.

A decoder of L blocks of width d has about N = 12 L d^2 parameters, and most have d = 128 L. So N alone gives a shape
that is near enough to say which GPU, and how many hours. A name without a size is not known, and never counts as 0.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from provcheck.bank.manifest import BuildEntry
from provcheck.types import ProbeSet

STORED_BYTES, CHARACTERS_A_TOKEN = 2, 4.0
"""Most weights are stored and run in 16 bits; English text in common vocabularies."""

BATCH_TOKENS = 2048
"""A batch that any GPU which holds the weights can take; more is faster."""

VOCABULARY, COPIES_OF_LOGITS = 128_000, 4
"""A large vocabulary, and the copies of its logits that a pass with gradients holds at once."""

SCORED_SHARE = 0.5
"""Of the tokens of a batch, those of the options, whose logits are needed."""

KEPT_A_BLOCK = 34
"""Bytes that autograd keeps for each token, block and unit of width, in 16 bits: Korthikanti et al., 2022, without
attention scores."""

FORWARD, WITH_GRADIENTS = 2, 6
"""Operations for each token and parameter; gradients are of the embeddings only, so 6 is an upper bound."""

TERAFLOPS = 100.0
"""A second: an H100 in 16 bits at a tenth of what its maker states."""

SIZE = re.compile(r"(?<![\d.])(?:(\d{1,2})x)?(\d{1,4}(?:\.\d{1,3})?)([bm])(?![a-z0-9])", re.IGNORECASE)


@dataclass(frozen=True)
class Shape:
    """A gated decoder as Llama has it, without biases: what its parameters follow from, exactly."""

    blocks: int
    width: int
    inner: int
    vocabulary: int
    heads: int
    key_heads: int
    tied: bool = False

    @property
    def parameters(self) -> int:
        """Of embeddings, attention, MLP and norms."""
        attention = 2 * self.width**2 + 2 * self.width * (self.width // self.heads) * self.key_heads
        block = attention + 3 * self.width * self.inner + 2 * self.width
        return self.blocks * block + self.width + self.vocabulary * self.width * (1 if self.tied else 2)


@dataclass(frozen=True)
class Needs:
    """What one model takes: bytes to download, bytes of GPU memory, hours of one GPU."""

    id: str
    download_bytes: int
    memory_bytes: int
    hours: float


@dataclass(frozen=True)
class Plan:
    """All models whose size is known, and the ids of the others."""

    models: tuple[Needs, ...]
    unknown: tuple[str, ...]


def plan(models: Sequence[BuildEntry], probes: ProbeSet) -> Plan:
    """What the models of a manifest take; those in folders of this machine are not downloaded."""
    sizes = {one.id: stated_parameters(one.id) for one in models}
    known = [one for one in models if sizes[one.id]]
    return Plan(
        tuple(_needs(one, sizes[one.id] or 0, probes) for one in known),
        tuple(one.id for one in models if not sizes[one.id]),
    )


def stated_parameters(id: str) -> int | None:
    """7,000,000,000 for `org/name-7b`; of `8x7B` the product, which is more than such a model has. None if none is
    stated."""
    found = SIZE.findall(id.rpartition("/")[2])
    if not found:
        return None
    return max(round(int(times or 1) * float(size) * {"b": 1e9, "m": 1e6}[unit.lower()]) for times, size, unit in found)


def weights_bytes(parameters: int) -> int:
    """As they are stored, and as they lie in the memory of the GPU."""
    return STORED_BYTES * parameters


def memory_bytes(parameters: int, tokens: int = BATCH_TOKENS) -> int:
    """Weights, what autograd keeps of a batch, and its logits; no gradients of weights are taken."""
    blocks, width = typical_shape(parameters)
    kept = KEPT_A_BLOCK * tokens * blocks * width
    logits = round(SCORED_SHARE * tokens) * COPIES_OF_LOGITS * STORED_BYTES * VOCABULARY
    return weights_bytes(parameters) + kept + logits


def typical_shape(parameters: int) -> tuple[int, int]:
    """(blocks, width) of 12 L d^2 parameters with d = 128 L."""
    width = (parameters * 128 / 12) ** (1 / 3)
    return max(1, round(width / 128)), round(width)


def probe_tokens(probes: ProbeSet) -> tuple[float, float]:
    """Tokens that are run with gradients, and without: every option after its question, and the texts."""
    asked = sum(len(one.question) + 1 + len(option) for one in probes.questions for option in one.options)
    return asked / CHARACTERS_A_TOKEN, sum(len(one.text) for one in probes.texts) / CHARACTERS_A_TOKEN


def hours(parameters: int, probes: ProbeSet, teraflops: float = TERAFLOPS) -> float:
    """Of computing, without loading."""
    with_gradients, without = probe_tokens(probes)
    operations = parameters * (WITH_GRADIENTS * with_gradients + FORWARD * without)
    return operations / (teraflops * 1e12) / 3600


def _needs(model: BuildEntry, parameters: int, probes: ProbeSet) -> Needs:
    stored = 0 if model.path else weights_bytes(parameters)
    return Needs(model.id, stored, memory_bytes(parameters), hours(parameters, probes))


def table(found: Plan) -> list[str]:
    """A line for each model, the largest first, the sums, and what is not known."""
    lines = [f"{'download':>10} {'GPU memory':>11} {'GPU hours':>10}  model"]
    lines += [
        f"{_gb(one.download_bytes):>10} {_gb(one.memory_bytes):>11} {one.hours:>10.3f}  {one.id}"
        for one in sorted(found.models, key=lambda one: (-one.memory_bytes, one.id))
    ]
    total, most = sum(one.download_bytes for one in found.models), max([0, *(one.memory_bytes for one in found.models)])
    took, count = sum(one.hours for one in found.models), len(found.models)
    lines.append(f"{_gb(total):>10} {_gb(most):>11} {took:>10.3f}  all {count:,} with a known size (memory: the most)")
    lines += [f"{'?':>10} {'?':>11} {'?':>10}  {id}: its name states no size" for id in found.unknown]
    lines.append(
        f"estimated from the sizes in names: 16 bits a weight, batches of {BATCH_TOKENS:,} tokens, "
        f"{TERAFLOPS:g} TFLOP/s, one GPU; loading and the line's time come on top"
    )
    return lines


def _gb(size: int) -> str:
    return f"{size / 1e9:,.1f} GB"
