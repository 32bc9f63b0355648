"""Does an endpoint serve these weights? Token by token against a reference that is at hand.

The reference is run twice, in float32 and in bfloat16. How far the two runs are apart shows what rounding does to this
very model on these very texts, and the endpoint's distance from the float32 run is read against that: the ratio of the
two medians over tokens. Kernels, batches and number formats move it little; the limits were measured on small models
that were served in several ways, quantized and fine-tuned (`reference_embeddings/serving_noise.json`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from provcheck.errors import ProvcheckError
from provcheck.io import data
from provcheck.io.text import clean
from provcheck.io.untrusted import parse_json, read_bounded
from provcheck.measuring import ModelOptions, measured
from provcheck.observer import Observer
from provcheck.references import Given
from provcheck.signals.likelihood.token_scores import TokenScores, unpacked
from provcheck.types import Floats, Measurement, ServedFinding, ServedMatch

SIGNAL = "likelihood"
FILE, MAX_BYTES = "serving_noise.json", 1_000_000
MIN_TEXTS, MIN_TOKENS = 30, 1_000
"""Fewer do not settle anything."""

MAX_OTHER_TOKENS = 0.2
"""Share of the texts that may be cut into other tokens: pieces of characters that servers show in ways of their own."""

OTHER_TOKENS = (
    "the endpoint cuts texts into other tokens than the reference, or puts other special tokens before them, so the "
    "two numbers of a token are not of the same thing"
)
FEW = "only {texts} texts ({tokens} tokens) were scored by both; at least {least} texts are needed"
NO_TOKENS = "there are no numbers of single tokens: a reference must be a model that can be run here"


@dataclass(frozen=True)
class Limits:
    """Up to which ratio an endpoint counts as identical, and as near; and how often that was wrong, in words."""

    identical: float
    near: float
    rates: str


@cache
def limits() -> Limits:
    """Those that ship."""
    found = parse_json(read_bounded(data.published_file(FILE), MAX_BYTES))
    return Limits(float(found["identical"]), float(found["near"]), str(found["rates"]))


def match_references(
    references: Iterable[Given], measurement: Measurement, options: ModelOptions, observe: Observer
) -> tuple[ServedMatch, ...]:
    """The endpoint against each reference that the user named; nothing for a model that was at hand."""
    if measurement.run.served is None:
        return ()
    return tuple(_match(one, measurement, options, observe) for one in references)


def _match(given: Given, measurement: Measurement, options: ModelOptions, observe: Observer) -> ServedMatch:
    try:
        observe.note(f"running the reference {given.id} in float32 and in bfloat16, to see what rounding does to it")
        exact, rounded = (_tokens_of(given, options, dtype, observe) for dtype in ("float32", "bfloat16"))
    except ProvcheckError as error:
        return _not_comparable(given.id, clean(error.message) or "it could not be measured")
    sketch = measurement.sketches.get(SIGNAL)
    served = unpacked(sketch) if sketch else None
    if served is None or exact is None or rounded is None:
        return _not_comparable(given.id, NO_TOKENS)
    return match_tokens(given.id, served, exact, rounded)


def _tokens_of(given: Given, options: ModelOptions, dtype: str, observe: Observer) -> list[TokenScores] | None:
    how = replace(options, dtype=dtype, signals=(SIGNAL,), revision=None)
    sketch = measured(given.target, how, observe, [SIGNAL]).sketches.get(SIGNAL)
    return unpacked(sketch) if sketch else None


def match_tokens(
    reference: str, served: Sequence[TokenScores], exact: Sequence[TokenScores], rounded: Sequence[TokenScores]
) -> ServedMatch:
    """An endpoint's tokens against those of the reference in float32 and in bfloat16."""
    asked = [three for three in zip(served, exact, rounded, strict=False) if all(len(one.nats) for one in three)]
    same = [three for three in asked if np.array_equal(three[0].ends, three[1].ends)]
    if len(same) < (1 - MAX_OTHER_TOKENS) * len(asked):
        return _not_comparable(reference, OTHER_TOKENS)
    apart, rounding = (_joined([one[way].nats - one[1].nats for one in same]) for way in (0, 2))
    known = np.isfinite(apart) & np.isfinite(rounding)
    if len(same) < MIN_TEXTS or known.sum() < MIN_TOKENS:
        return _not_comparable(
            reference, FEW.format(texts=len(same), tokens=int(known.sum()), least=MIN_TEXTS), len(same)
        )
    median, noise = (float(np.median(np.abs(one[known]))) for one in (apart, rounding))
    if noise == 0:
        return _not_comparable(reference, "bfloat16 does not move the reference's numbers, so there is no yardstick")
    finding = _finding(median / noise)
    return ServedMatch(
        reference=reference,
        finding=finding,
        sentence=sentence(reference, finding, median / noise),
        texts=len(same),
        tokens=int(known.sum()),
        median_nats=median,
        rounding_nats=noise,
        ratio=median / noise,
    )


def sentence(reference: str, finding: ServedFinding, ratio: float) -> str:
    """What the finding means."""
    far = f"its log-probabilities are {ratio:.2f} times as far from {reference} as rounding to bfloat16 moves that"
    said = {
        "identical": f"The endpoint's numbers are those of {reference}: {far}. A change smaller than rounding, such as "
        "8-bit quantization or a few training steps served in higher precision, cannot be excluded.",
        "near": f"The endpoint serves {reference} with a slight change, or something close to it: {far}. 8-bit "
        "quantization and a very short fine-tune look like this, and are not told apart.",
        "changed": f"The endpoint does not serve {reference} unchanged: {far}. A quantization to about 4 bits, a "
        "fine-tune or another model; this number does not tell which.",
    }
    return f"{said[finding]} {limits().rates}"


def _finding(ratio: float) -> ServedFinding:
    known = limits()
    return "identical" if ratio <= known.identical else "near" if ratio <= known.near else "changed"


def _not_comparable(reference: str, why: str, texts: int = 0) -> ServedMatch:
    return ServedMatch(reference=reference, finding="not comparable", sentence=f"Not compared: {why}.", texts=texts)


def _joined(parts: Sequence[Floats]) -> Floats:
    return np.concatenate([*parts, np.zeros(0)])
