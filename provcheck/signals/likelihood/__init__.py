"""Log-likelihoods of fixed texts, and the KL divergence between models that follows from them.

Nearness in this signal accuses nobody: two runs of one recipe can be nearer than a model is to its fine-tune.

divergence  KL with its standard error
kl_scale    the papers' scale of documented kinds of change
token_scores  the log-probability of each token
values      the record of a comparison
page        columns, picture and sentences
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import ClassVar, cast

import numpy as np
from pydantic import JsonValue

from provcheck.signals.contract import LinearView, Measured, NamedNumber, Signal
from provcheck.signals.describing import Figure
from provcheck.signals.likelihood import page
from provcheck.signals.likelihood.divergence import MIN_TEXTS, divergence, pairwise_divergences, row_centred
from provcheck.signals.likelihood.kl_scale import (
    SMALLEST,
    KLBackground,
    background,
    place_on_scale,
    rank_on_scale,
    scale_of,
)
from provcheck.signals.likelihood.token_scores import packed
from provcheck.signals.likelihood.values import LOGLIK, LikelihoodValues
from provcheck.signals.stacks import ArrayLayout
from provcheck.types import (
    Access,
    Capability,
    Comparison,
    Coverage,
    Floats,
    Interval,
    NotMeasured,
    ProbeSet,
    Record,
    Report,
    SignalFacts,
    SignalValues,
    Sketch,
    Stack,
)

MAX_NATS = 1e9
"""Limit for a log-likelihood; far beyond any model's."""

MAX_TEXT_BYTES = 1e9

MERGE_GAIN = 0.6
"""Among the zoo's calibration models, the two-parent merges reach 0.25 to 0.54; no other model stays below both this
limit and ABLE's."""

MOVES_BY, MOVES_BY_OF_ERROR = 0.005, 0.25
"""bits/byte, and share of the standard error on top: rounding noise in the log-likelihoods moves a large divergence
more than a small one. With d the difference to the reference and e the noise, KL moves by KL(e) + 2 Cov(d, e) in its
unit, and the second term grows with the spread of d, as the standard error does. The tolerance stays well below the
uncertainty from the choice of texts."""


class Likelihood(Signal):
    """Log-likelihood vectors (shared papers: kl-scale, kl-trajectories)."""

    name = "likelihood"
    title = "Log-likelihood"
    version = "likelihood/1"
    """1: every text in nats, summed from the second token on."""

    needs = Capability.LOG_PROBABILITIES
    accuses = False
    arrays: ClassVar = {LOGLIK: ArrayLayout(1, np.float32, MAX_NATS, gaps=True)}
    values = LikelihoodValues
    background = KLBackground
    feature_names = ("log_kl", "log_winsorised_kl")
    columns = page.COLUMNS
    metrics = ("bits_per_byte",)
    glossary = page.GLOSSARY

    def context(self, probes: ProbeSet) -> Mapping[str, JsonValue]:
        """Mean number of UTF-8 bytes of the texts, which KL is divided by."""
        return {"mean_text_bytes": float(np.mean([len(text.text.encode()) for text in probes.texts]))}

    def measure(self, access: Access, probes: ProbeSet) -> Measured:
        """A text that was left out has NaN."""
        found = access.log_likelihoods([text.text for text in probes.texts])
        nats = np.array([np.nan if isinstance(one, str) else one.nats for one in found], dtype=np.float64)
        reasons = [one if isinstance(one, str) else one.left_out for one in found]
        left_out = Counter(filter(None, reasons))
        measured = int(np.isfinite(nats).sum())
        return Measured(
            arrays={LOGLIK: nats},
            coverage=Coverage(measured=measured, total=len(nats), unit="text", left_out=dict(left_out)),
            values={"bits_per_byte": bits_per_byte(nats, probes)},
            raw=packed(found),
        )

    def check(self, sketch: Sketch) -> bool:
        """Whether a mean length of the texts is stated."""
        return super().check(sketch) and _has_length(sketch.facts.context)

    def check_stack(self, stack: Stack) -> bool:
        """Whether a mean length of the texts is stated, and a scale of the bank's own is one."""
        return super().check_stack(stack) and _has_length(stack.context) and _has_scale(stack.context)

    def compare(
        self, sketch: Sketch, stack: Stack, *, intervals: bool = True
    ) -> Sequence[LikelihoodValues | NotMeasured]:
        """KL divergence with its standard error, and its place on the papers' scale."""
        own, mean_bytes = sketch.facts.values.get("bits_per_byte"), cast("float", stack.context["mean_text_bytes"])
        scale = scale_of(stack.context)
        found: list[LikelihoodValues | NotMeasured] = []
        for nats, values in zip(stack.arrays[LOGLIK], stack.values, strict=True):
            one = divergence(sketch.arrays[LOGLIK], nats, mean_bytes)
            if not np.isfinite(one.bits_per_byte):
                reason = f"only {one.texts} texts were measured by both models; at least {MIN_TEXTS} are needed"
                found.append(NotMeasured(not_measured=reason))
                continue
            band, why_not = place_on_scale(one.bits_per_byte, own, values.get("bits_per_byte"), scale)
            found.append(
                LikelihoodValues(
                    bits_per_byte=one.bits_per_byte,
                    se=one.se,
                    winsorised_bits_per_byte=one.winsorised,
                    scale_band=band,
                    reason=why_not,
                    texts=one.texts,
                )
            )
        return found

    def distance(self, values: SignalValues) -> Interval | None:
        """KL with 1.96 standard errors."""
        found = cast("LikelihoodValues", values)
        spread = 1.96 * found.se
        return Interval(value=found.bits_per_byte, low=found.bits_per_byte - spread, high=found.bits_per_byte + spread)

    def all_distances(self, stack: Stack) -> Floats:
        """KL of all pairs at once."""
        mean_bytes = cast("float", stack.context["mean_text_bytes"])
        return pairwise_divergences(stack.arrays[LOGLIK], mean_bytes)

    def features(self, values: SignalValues) -> Mapping[str, float]:
        """Natural logarithms of both divergences in bits/byte, not below that of 1e-6."""
        found = cast("LikelihoodValues", values)
        return {
            "log_kl": float(np.log(max(found.bits_per_byte, SMALLEST))),
            "log_winsorised_kl": float(np.log(max(found.winsorised_bits_per_byte, SMALLEST))),
        }

    def linear_view(self, sketch: Sketch, stack: Stack) -> LinearView | None:
        """Row-centred log-likelihoods over the texts that all of the models measured."""
        mean_bytes = cast("float", stack.context["mean_text_bytes"])
        rows = row_centred(np.vstack([sketch.arrays[LOGLIK][None], stack.arrays[LOGLIK]]), mean_bytes)
        return LinearView(rows[0], rows[1:], MERGE_GAIN)

    def against(self, context: Mapping[str, JsonValue] | None = None) -> tuple[Record, str]:
        """The papers' KL scale, or that of the bank."""
        return background(context)

    def facts(self, facts: SignalFacts) -> list[tuple[str, str]]:
        """How well the model predicts the texts."""
        return page.facts(facts)

    def figures(self, report: Report, nearest: Comparison | None) -> list[Figure]:
        """KL among the papers' kinds of change."""
        return page.figures(report, nearest)

    def numbers(self, values: SignalValues) -> tuple[NamedNumber, ...]:
        """KL, which may move further the larger its standard error is."""
        found = cast("LikelihoodValues", values)
        return (NamedNumber("KL bits/byte", found.bits_per_byte, _moves_by(found)),)

    def details(self, values: SignalValues) -> tuple[NamedNumber, ...]:
        """What else was computed from the same texts; the place on the scale may be that of the next band."""
        found = cast("LikelihoodValues", values)
        return (
            NamedNumber("winsorised KL bits/byte", found.winsorised_bits_per_byte, _moves_by(found)),
            NamedNumber("standard error of KL", found.se, _moves_by(found)),
            NamedNumber("place on the KL scale", rank_on_scale(found.scale_band), 1),
            NamedNumber("texts", found.texts, 0),
        )


def _moves_by(found: LikelihoodValues) -> float:
    return MOVES_BY + MOVES_BY_OF_ERROR * found.se


def bits_per_byte(loglik_nats: Floats, probes: ProbeSet) -> float | None:
    """Mean code length of the measured texts in bits per UTF-8 byte; None when none was measured."""
    measured = np.isfinite(loglik_nats)
    if not measured.any():
        return None
    size = np.array([len(text.text.encode()) for text in probes.texts])
    return float(-loglik_nats[measured].sum() / size[measured].sum() / np.log(2))


def _has_length(context: Mapping[str, JsonValue]) -> bool:
    length = context.get("mean_text_bytes")
    return isinstance(length, float) and 0 < length <= MAX_TEXT_BYTES


def _has_scale(context: Mapping[str, JsonValue]) -> bool:
    """Whether a scale of the bank's own, if it states one, can be used."""
    try:
        return bool(scale_of(context).bands)
    except ValueError:
        return False
