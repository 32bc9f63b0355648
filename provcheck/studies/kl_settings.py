"""Which pairs of a bank stand for the settings of the papers' KL scale, and the KL of each.

The ten settings are those of figure 3 and table 2(a) of "Establishing a Scale for Kullback-Leibler Divergence in
Language Models Across Various Settings" (Kishino et al., section 3).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from provcheck.bank import Bank
from provcheck.bank.manifest import BankEntry
from provcheck.signals.likelihood.divergence import divergence
from provcheck.studies.material import Likelihoods, parent_pairs
from provcheck.studies.statistics import RESAMPLES, SEED, Estimate
from provcheck.types import Bools, Floats

Pair = tuple[int, int]

TUNED = ("fine-tune", "lora", "preference")
"""Mechanisms that count as the papers' fine-tuning: any model whose card names a base."""

BITS = re.compile(r"(?<!\d)([2-8])-?bit|(?:int|nf|fp|q)([2-8])(?!\d)", re.IGNORECASE)
"""How a quantized model's id states its bits, such as `-4bit`, `int8`, `nf4`."""

NO_STEPS = "the bank has no checkpoints of one training (entries with a step)"
NO_LAYERS = "the layers of one model are no references; the study `layers` measures them"


@dataclass(frozen=True)
class Spread:
    """KL of a setting's pairs in bits/byte: median with its interval, quartiles, and the median on the easier texts.

    `easier`: on the half of the texts that the bank's models predict best; NaN where that is too few texts.
    """

    median: Estimate
    quartiles: tuple[float, float]
    easier: float


def pairs_by_setting(bank: Bank) -> dict[str, list[Pair] | str]:
    """Rows of the pairs that stand for each setting, in the papers' order; a text says why there are none."""
    references = bank.references
    roots = [row for row, one in enumerate(references) if one.mechanism == "from-scratch"]
    kin = [(i, j) for i, j in combinations(roots, 2) if references[i].family == references[j].family]
    kin = [(i, j) for i, j in kin if not bank.ancestry.share_start(references[i].id, references[j].id)]
    everyone = list(combinations(range(len(references)), 2))
    quantized = parent_pairs(bank, ["quantize"])
    return {
        "checkpoint-late": NO_STEPS,
        "checkpoint-early": NO_STEPS,
        "seed": [(i, j) for i, j in kin if references[i].parameters == references[j].parameters],
        "fine-tune": parent_pairs(bank, TUNED),
        "8-bit": [(i, j) for i, j in quantized if bits_of(references[i]) == 8],
        "size": [(i, j) for i, j in kin if references[i].parameters != references[j].parameters],
        "4-bit": [(i, j) for i, j in quantized if bits_of(references[i]) == 4],
        "same-type": [(i, j) for i, j in everyone if references[i].family == references[j].family],
        "random": everyone,
        "layer": NO_LAYERS,
    }


def bits_of(reference: BankEntry) -> int | None:
    """The bits that a quantized model's id states; the manifest has no field for them."""
    found = BITS.search(reference.id.rpartition("/")[2])
    return int(found[1] or found[2]) if found else None


def spread_of(bank: Bank, known: Likelihoods, pairs: Sequence[Pair]) -> Spread | None:
    """KL of these pairs; None where no two of them were measured.

    The interval is that of resamples of the roots: pairs that share an ancestor are not independent.
    """
    place = {int(row): at for at, row in enumerate(known.rows)}
    measured = [(i, j) for i, j in pairs if i in place and j in place]
    places = [(place[i], place[j]) for i, j in measured]
    found = np.array([_kl(known, *pair) for pair in places])
    kept = np.isfinite(found)
    if not kept.any():
        return None
    values = found[kept]
    groups = _roots(bank, [pair for pair, keep in zip(measured, kept, strict=True) if keep])
    low, high = _interval(values, groups)
    quartiles = np.percentile(values, [25, 75])
    return Spread(
        Estimate(float(np.median(values)), low, high, len(values)),
        (float(quartiles[0]), float(quartiles[1])),
        float(
            np.median([one for one in (_kl(known.easier, *pair) for pair in places) if np.isfinite(one)] or [np.nan])
        ),
    )


def _kl(known: Likelihoods, first: int, second: int) -> float:
    return divergence(known.nats[first], known.nats[second], known.mean_bytes).bits_per_byte


def _roots(bank: Bank, pairs: Sequence[Pair]) -> Floats:
    """(P, 2) a number for the first of the roots of both models of each pair."""
    first = [min(bank.ancestry.roots(one.id)) for one in bank.references]
    numbers = {root: number for number, root in enumerate(sorted(set(first)))}
    return np.array([(numbers[first[i]], numbers[first[j]]) for i, j in pairs])


def _interval(values: Floats, groups: Floats) -> tuple[float, float]:
    """2.5 and 97.5 percentiles of the median when roots are drawn with replacement."""
    stream, total = np.random.RandomState(SEED), int(groups.max()) + 1
    present = np.unique(groups)
    order = np.argsort(values, kind="stable")
    ranked, (one, two) = values[order], groups[order].T
    medians = []
    for _ in range(RESAMPLES):
        drawn = np.bincount(stream.choice(present, size=len(present)), minlength=total)
        weights = np.where(one == two, drawn[one], drawn[one] * drawn[two]).cumsum()
        if weights[-1]:
            medians.append(ranked[int(np.searchsorted(weights, weights[-1] / 2))])
    low, high = np.percentile(medians, [2.5, 97.5])
    return float(low), float(high)


def applicable(known: Likelihoods, limit: float) -> Bools:
    """(M,) whether a model spends at most `limit` bits/byte on the texts, as those of the papers do."""
    return np.asarray(known.bits <= limit)
