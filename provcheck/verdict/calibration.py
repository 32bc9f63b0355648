"""The calibration of a bank's judge: fitted SVMs, thresholds, null distributions, as plain arrays in one file."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from provcheck.bank import Bank
from provcheck.errors import BankError
from provcheck.io.digests import file_digest
from provcheck.io.text import reason
from provcheck.io.untrusted import first_fault
from provcheck.signals import all_signals
from provcheck.types import Basis, Count, Floats, Number, Record, Relation, Share
from provcheck.verdict.svm import LinearSVM, fit_svm
from provcheck.verdict.training import Pairs, documented_pairs, out_of_fold_scores

FILE = "judge.safetensors"
RECALIBRATE = "run `provcheck bank calibrate`"
MIN_INDEPENDENT, MIN_RELATED, MIN_ROOTS = 100, 30, 8
"""A bank needs at least this many documented pairs and roots before a judge can be fitted on it."""

RELATED, IDENTICAL, SAME_RECIPE = "related", "identical", "same_recipe"

READS = {
    RELATED: ("able.contrast_distance",),
    IDENTICAL: ("able.contrast_distance",),
    SAME_RECIPE: ("able.contrast_distance", "likelihood.log_winsorised_kl"),
}
"""What each SVM reads, chosen out of fold on the calibration roots of zoo-v1. For `related`, every
further feature made the result worse: the log-likelihoods separate another seed or size from unrelated models, but not
relatives from either. Features of a signal that a bank was not measured by are not read."""

DOCUMENTED = (Relation.IDENTICAL, Relation.DERIVED, Relation.SAME_RECIPE, Relation.UNRELATED)

NOT_ACQUITTED = 0.02
"""A pair that scores above all but this share of the independent pairs is not acquitted."""

MAX_BYTES, MAX_NUMBER = 200_000_000, 1e12
"""Limits for the size of judge.safetensors and for the numbers in it; far beyond what a fit produces."""


class CalibrationFacts(Record):
    """What a judge was fitted on, what it reads, and where its thresholds lie."""

    bank: str
    signals: dict[str, Basis] = Field(description="how the signals that it reads were measured")
    reads: dict[str, tuple[str, ...]] = Field(description="features of each machine, as signal.feature")
    roots: tuple[str, ...]
    independent_pairs: Count
    related_pairs: Count
    false_accusation_upper: Share
    accuse_above: Number = Field(description="score above which two models are called related")
    acquit_up_to: Number = Field(description="score up to which they are called independent")

    @property
    def features(self) -> tuple[str, ...]:
        """All features that the judge reads, without duplicates."""
        return tuple(dict.fromkeys(name for names in self.reads.values() for name in names))


@dataclass(frozen=True)
class Calibration:
    """Everything that turns features into relations.

    low, high: (F,) range of the calibration pairs, for the features of `facts`; null_scores: sorted scores of the
    independent pairs; null_features: their sorted values by feature; digest: sha256 of the file it was read from, None
    if it was just fitted.
    """

    facts: CalibrationFacts
    machines: Mapping[str, LinearSVM]
    low: Floats
    high: Floats
    null_scores: Floats
    null_features: Mapping[str, Floats]
    digest: str | None = None

    @property
    def related(self) -> LinearSVM:
        """The SVM that separates related from independent pairs."""
        return self.machines[RELATED]

    def fits(self, bank: Bank) -> bool:
        """Whether its signals were measured like the bank's, and a fit could give its numbers."""
        count = (len(self.facts.features),)
        nulls = [self.null_scores, *self.null_features.values()]
        return (
            all(bank.manifest.bases.get(name) == basis for name, basis in self.facts.signals.items())
            and set(self.machines) == {RELATED, IDENTICAL, SAME_RECIPE}
            and set(self.facts.features) <= _known_features(self.facts.signals)
            and all(machine.is_sound(MAX_NUMBER) for machine in self.machines.values())
            and all(array.shape == count for array in (self.low, self.high))
            and set(self.null_features) == set(self.related.features)
            and all(array.shape == (self.facts.independent_pairs,) and len(array) > 0 for array in nulls)
            and all(_is_bounded(array) for array in (*nulls, self.low, self.high))
        )

    def save(self) -> bytes:
        """The content of judge.safetensors."""
        arrays = {"low": self.low, "high": self.high, "null_scores": self.null_scores}
        arrays |= {f"null.{name}": values for name, values in self.null_features.items()}
        for name, machine in self.machines.items():
            arrays |= machine.arrays(name)
        contiguous = {name: np.ascontiguousarray(array, dtype=np.float64) for name, array in arrays.items()}
        return bytes(save(contiguous, metadata={"facts": self.facts.model_dump_json()}))


def load_calibration(path: Path) -> Calibration:
    """Read judge.safetensors; the bank has checked its digest. Raises BankError when it does not fit this version."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"larger than {MAX_BYTES // 1_000_000} MB")
        with safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            facts = CalibrationFacts.model_validate_json((file.metadata() or {}).get("facts", "{}"))
        return Calibration(
            facts=facts,
            machines={name: LinearSVM.from_arrays(name, reads, arrays) for name, reads in facts.reads.items()},
            low=arrays["low"],
            high=arrays["high"],
            null_scores=arrays["null_scores"],
            null_features={name: arrays[f"null.{name}"] for name in facts.reads[RELATED]},
            digest=file_digest(path),
        )
    except ValidationError as error:
        raise BankError(f"{path.name} cannot be used: {first_fault(error)}", RECALIBRATE) from None
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise BankError(f"{path.name} cannot be used: {reason(error)}", RECALIBRATE) from None


def calibrate(
    bank: Bank,
    rows: list[int] | None = None,
    pairs: Pairs | None = None,
    reads: Mapping[str, tuple[str, ...]] = READS,
) -> Calibration:
    """Fit the judge on the documented pairs of `rows`: by default every reference that is not held out.

    `pairs`: those of the whole bank, if they are known already; `reads`: what each SVM may read. Raises
    BankError when the bank documents too few pairs or roots.
    """
    if rows is None:
        rows = [row for row, reference in enumerate(bank.references) if reference.split != "held-out"]
    roots = tuple(bank.references[row].id for row in rows if bank.references[row].mechanism == "from-scratch")
    if len(roots) < MIN_ROOTS:
        raise BankError(f"a judge needs at least {MIN_ROOTS} independent roots; the bank documents {len(roots)}")
    pairs = pairs.among(rows) if pairs else documented_pairs(bank, rows)
    reads = _readable(pairs, reads)
    pairs = pairs.measured([name for names in reads.values() for name in names])
    _check_enough(pairs)
    machines = _fit(bank, pairs, reads)
    independent = pairs.where(~pairs.related)
    scores = machines[RELATED].scores(independent.columns(reads[RELATED]))
    facts = _facts(bank, roots, reads, machines[RELATED], pairs)
    union = pairs.columns(facts.features)
    return Calibration(
        facts=facts,
        machines=machines,
        low=union.min(axis=0),
        high=union.max(axis=0),
        null_scores=np.sort(scores),
        null_features={name: np.sort(independent.columns([name])[:, 0]) for name in reads[RELATED]},
    )


def rate_interval(events: int, trials: int) -> tuple[float, float]:
    """95 % interval of a rate (Wilson, 1927); 0 to 1 without trials."""
    from scipy.stats import binomtest

    if trials == 0:
        return 0.0, 1.0
    found = binomtest(events, trials).proportion_ci(0.95, method="wilson")
    return float(found.low), float(found.high)


def _readable(pairs: Pairs, asked: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """The features that each SVM can read in this bank. Raises BankError if there are none for one."""
    reads = {machine: tuple(name for name in names if name in pairs.names) for machine, names in asked.items()}
    if not all(reads.values()):
        raise BankError(f"a judge reads {', '.join(asked[RELATED])}, which the bank was not measured by")
    return reads


def _check_enough(pairs: Pairs) -> None:
    related = int(pairs.related.sum())
    independent = len(pairs.relations) - related
    if independent < MIN_INDEPENDENT or related < MIN_RELATED:
        raise BankError(
            f"a judge needs at least {MIN_INDEPENDENT} independent and {MIN_RELATED} related pairs; the bank documents "
            f"{independent} and {related}"
        )
    missing = set(DOCUMENTED) - set(pairs.relations)
    if missing:
        raise BankError(f"a judge needs pairs of every relation; the bank documents none {', '.join(sorted(missing))}")


def _fit(bank: Bank, pairs: Pairs, reads: Mapping[str, tuple[str, ...]]) -> dict[str, LinearSVM]:
    """One SVM for related or independent, on all pairs, and one within each for the two relations there."""
    names, related = reads[RELATED], pairs.related
    scores = out_of_fold_scores(bank, pairs, names, related) if len(names) > 1 else None
    return {
        RELATED: fit_svm(pairs.columns(names), related, names, scores),
        IDENTICAL: _second_machine(pairs.where(related), Relation.IDENTICAL, reads[IDENTICAL]),
        SAME_RECIPE: _second_machine(pairs.where(~related), Relation.SAME_RECIPE, reads[SAME_RECIPE]),
    }


def _second_machine(pairs: Pairs, relation: Relation, names: tuple[str, ...]) -> LinearSVM:
    positive = np.array([found is relation for found in pairs.relations])
    return fit_svm(pairs.columns(names), positive, names)


def _facts(
    bank: Bank, roots: tuple[str, ...], reads: Mapping[str, tuple[str, ...]], machine: LinearSVM, pairs: Pairs
) -> CalibrationFacts:
    """Thresholds: accuse above every independent pair, and only where related is more probable than not; acquit up to
    the score that 98 % of them do not exceed."""
    scores = machine.scores(pairs.columns(reads[RELATED]))[~pairs.related]
    slope, offset = machine.sigmoid
    even = -offset / slope if slope > 0 else np.inf
    accuse = max(min(even, MAX_NUMBER), float(scores.max()))
    signals = sorted({name.partition(".")[0] for names in reads.values() for name in names})
    return CalibrationFacts(
        bank=bank.manifest.name,
        signals={name: bank.manifest.bases[name] for name in signals},
        reads=dict(reads),
        roots=roots,
        independent_pairs=len(scores),
        related_pairs=int(pairs.related.sum()),
        false_accusation_upper=rate_interval(0, len(scores))[1],
        accuse_above=accuse,
        acquit_up_to=min(accuse, float(np.quantile(scores, 1 - NOT_ACQUITTED, method="higher"))),
    )


def _known_features(signals: Collection[str]) -> set[str]:
    """Everything that a judge can read from a comparison of these signals."""
    known = {name: signal for name, signal in all_signals().items() if name in signals}
    return {f"{name}.{feature}" for name, signal in known.items() for feature in signal.feature_names}


def _is_bounded(array: Floats) -> bool:
    return array.dtype.kind == "f" and bool((np.abs(array) <= MAX_NUMBER).all())
