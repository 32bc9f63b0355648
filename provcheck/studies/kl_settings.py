"""Which pairs of a bank stand for the settings of the papers' KL scale, and the KL of each.

The ten settings are those of figure 3 and table 2(a) of "Establishing a Scale for Kullback-Leibler Divergence in
Language Models Across Various Settings" (Kishino et al., section 3).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

from provcheck.bank import Bank
from provcheck.bank.manifest import BankEntry
from provcheck.signals.likelihood.divergence import divergence
from provcheck.studies.material import Likelihoods, parent_pairs
from provcheck.studies.runs import Run, even_part, runs_of
from provcheck.studies.statistics import RESAMPLES, SEED, Estimate
from provcheck.types import Bools, Floats

Pair = tuple[int, int]

TUNED = ("fine-tune", "lora", "preference")
"""Mechanisms that count as the papers' fine-tuning: any model whose card names a base."""

BITS = re.compile(r"(?<!\d)([2-8])-?bit|(?:int|nf|fp|q)([2-8])(?!\d)", re.IGNORECASE)
"""How a quantized model's id states its bits, such as `-4bit`, `int8`, `nf4`."""

NO_STEPS = "the bank has no evenly spaced checkpoints of one training (entries with a step)"
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
    """Rows of the pairs that stand for each setting, in the papers' order; a text says why there are none.

    Of a training run with checkpoints the last one stands for the model.
    """
    references, runs = bank.references, [run for run in runs_of(bank) if len(run.rows) > 1]
    last = {int(run.rows[0]): int(run.rows[-1]) for run in runs}
    roots = [last.get(row, row) for row, one in enumerate(references) if one.mechanism == "from-scratch"]
    kin = [(i, j) for i, j in combinations(roots, 2) if references[i].family == references[j].family]
    kin = [(i, j) for i, j in kin if not bank.ancestry.share_start(references[i].id, references[j].id)]
    passed = {int(row) for run in runs for row in run.rows[:-1]}
    everyone = list(combinations([row for row in range(len(references)) if row not in passed], 2))
    quantized = parent_pairs(bank, ["quantize"])
    early, late = _neighbouring(runs)
    return {
        "checkpoint-late": late or NO_STEPS,
        "checkpoint-early": early or NO_STEPS,
        "seed": [(i, j) for i, j in kin if references[i].parameters == references[j].parameters],
        "fine-tune": _tuned(bank, runs),
        "8-bit": [(i, j) for i, j in quantized if bits_of(references[i]) == 8],
        "size": [(i, j) for i, j in kin if references[i].parameters != references[j].parameters],
        "4-bit": [(i, j) for i, j in quantized if bits_of(references[i]) == 4],
        "same-type": [(i, j) for i, j in everyone if references[i].family == references[j].family],
        "random": everyone,
        "layer": NO_LAYERS,
    }


def _neighbouring(runs: Sequence[Run]) -> tuple[list[Pair], list[Pair]]:
    """Neighbouring checkpoints of trainings from scratch where these are evenly spaced: first half, second half."""
    halves: tuple[list[Pair], list[Pair]] = [], []
    for run in runs:
        rows = [int(row) for row in run.rows[even_part(run.steps)]] if run.left is None else []
        steps = list(pairwise(rows))
        halves[0].extend(steps[: len(steps) // 2])
        halves[1].extend(steps[len(steps) // 2 :])
    return halves


def _tuned(bank: Bank, runs: Sequence[Run]) -> list[Pair]:
    """Tuned models with their bases; of a run of fine-tuning its end, with the checkpoint that it left from."""
    inside = {int(row) for run in runs for row in run.rows}
    whole = [pair for pair in parent_pairs(bank, TUNED) if pair[0] not in inside]
    ends = [(int(run.rows[-1]), run.left) for run in runs if run.left is not None]
    return whole + [(i, j) for i, j in ends if bank.references[i].mechanism in TUNED]


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
