"""The calibration of a bank's judge: fitted machines, thresholds and null distribution, as plain arrays in one file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from provcheck.bank import Bank
from provcheck.bank.folder import file_digest
from provcheck.errors import BankError
from provcheck.reading import first_fault, reason
from provcheck.types import Floats, Record, Relation
from provcheck.types.base import Count, Number, Share
from provcheck.verdict.features import NAMES, Space
from provcheck.verdict.machine import Machine
from provcheck.verdict.training import (
    IDENTICAL_BY,
    RELATED_BY,
    SAME_RECIPE_BY,
    Pairs,
    documented_pairs,
    fit_machine,
    out_of_fold_scores,
)

FILE = "judge.safetensors"
RECALIBRATE = "run `provcheck bank calibrate`"
MIN_INDEPENDENT, MIN_RELATED, MIN_ROOTS = 100, 30, 8
"""A bank needs so many documented pairs and roots of its own before a judge can be fitted on it."""

DOCUMENTED = (Relation.IDENTICAL, Relation.DERIVED, Relation.SAME_RECIPE, Relation.UNRELATED)

NOT_ACQUITTED = 0.02
"""A pair that is nearer than all but this share of the independent pairs is not acquitted."""

MAX_BYTES, MAX_NUMBER = 200_000_000, 1e12
"""Of judge.safetensors, and of a number in it; far beyond what fitting gives."""

RANGE_MARGIN = 0.1
"""Features may lie outside the range of the calibration pairs by this share of it."""


class CalibrationFacts(Record):
    """What a report says about the judge."""

    bank: str
    algorithm: str
    probes_digest: str
    features: tuple[str, ...]
    roots: tuple[str, ...]
    independent_pairs: Count
    related_pairs: Count
    false_accusation_upper: Share
    accuse_score: Number
    acquit_score: Number


@dataclass(frozen=True)
class Calibration:
    """Everything that turns features into relations.

    low, high: (F,) range of the calibration pairs; null_distances: sorted contrast distances of independent pairs;
    digest: sha256 of the file it was read from, None when it was just fitted.
    """

    facts: CalibrationFacts
    space: Space
    related: Machine
    identical: Machine
    same_recipe: Machine
    low: Floats
    high: Floats
    null_distances: Floats
    digest: str | None = None

    def fits(self, bank: Bank) -> bool:
        """Whether it was made like the bank, and its numbers are such as fitting gives and of the bank's shapes."""
        space, machines = self.space, (self.related, self.identical, self.same_recipe)
        features = [self.low, self.high, *(part for m in machines for part in (m.mean, m.scale, m.weights))]
        arrays = [space.contrast_centre, space.loglik_centre, space.loglik_known, self.null_distances, *features]
        constants = [space.floor_nats, space.mean_text_bytes, *(n for m in machines for n in (m.intercept, *m.sigmoid))]
        return (
            (self.facts.algorithm, self.facts.probes_digest) == (bank.manifest.algorithm, bank.manifest.probes_digest)
            and space.contrast_centre.shape == bank.contrast_blocks.shape[1:]
            and space.loglik_centre.shape == space.loglik_known.shape == bank.loglik_nats.shape[1:]
            and all(array.shape == (len(NAMES),) for array in features)
            and self.null_distances.ndim == 1
            and len(self.null_distances) > 0
            and bool(((self.null_distances >= 0) & (self.null_distances <= 2)).all())
            and all(array.dtype.kind == "f" and not (np.abs(array) > MAX_NUMBER).any() for array in arrays)
            and all(np.isfinite(array).all() for array in (*features, self.null_distances, np.array(constants)))
            and all((machine.scale > 0).all() for machine in machines)
            and abs(self.related.weights[NAMES.index("contrast_distance")]) > 1 / MAX_NUMBER
            and space.mean_text_bytes > 0
        )

    def save(self) -> bytes:
        """The content of judge.safetensors."""
        space = {
            "space.contrast_centre": self.space.contrast_centre,
            "space.loglik_centre": self.space.loglik_centre,
            "space.loglik_known": self.space.loglik_known,
            "space.constants": np.array([self.space.floor_nats, self.space.mean_text_bytes]),
        }
        ranges = {"low": self.low, "high": self.high, "null_distances": self.null_distances}
        machines = {**self.related.arrays("related"), **self.identical.arrays("identical")}
        arrays = {**space, **ranges, **machines, **self.same_recipe.arrays("same_recipe")}
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
        if facts.features != NAMES:
            raise ValueError("it was fitted on other features")
        floor, mean_bytes = (float(value) for value in arrays["space.constants"])
        return Calibration(
            facts=facts,
            space=Space(
                contrast_centre=arrays["space.contrast_centre"],
                loglik_centre=arrays["space.loglik_centre"],
                loglik_known=arrays["space.loglik_known"],
                floor_nats=floor,
                mean_text_bytes=mean_bytes,
                roots=facts.roots,
            ),
            related=Machine.from_arrays("related", arrays),
            identical=Machine.from_arrays("identical", arrays),
            same_recipe=Machine.from_arrays("same_recipe", arrays),
            low=arrays["low"],
            high=arrays["high"],
            null_distances=arrays["null_distances"],
            digest=file_digest(path),
        )
    except ValidationError as error:
        raise BankError(f"{path.name} cannot be used: {first_fault(error)}", RECALIBRATE) from None
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise BankError(f"{path.name} cannot be used: {reason(error)}", RECALIBRATE) from None


def calibrate(bank: Bank, rows: list[int] | None = None) -> Calibration:
    """Fit the judge on the documented pairs of `rows`: by default every reference that is not held out.

    Raises BankError when the bank documents too few pairs or roots.
    """
    if rows is None:
        rows = [row for row, reference in enumerate(bank.references) if reference.split != "held-out"]
    roots = [row for row in rows if bank.references[row].mechanism == "from-scratch"]
    if len(roots) < MIN_ROOTS:
        raise BankError(f"a judge needs at least {MIN_ROOTS} independent roots; the bank documents {len(roots)}")
    space = Space.of(bank, roots)
    pairs = documented_pairs(bank, space, rows)
    related = pairs.related
    if (~related).sum() < MIN_INDEPENDENT or related.sum() < MIN_RELATED:
        raise BankError(
            f"a judge needs at least {MIN_INDEPENDENT} independent and {MIN_RELATED} related pairs; the bank documents "
            f"{(~related).sum()} and {related.sum()}"
        )
    missing = set(DOCUMENTED) - set(pairs.relations)
    if missing:
        raise BankError(f"a judge needs pairs of every relation; the bank documents none {', '.join(sorted(missing))}")
    scores = out_of_fold_scores(bank, pairs, related)
    machine = fit_machine(pairs.features, related, RELATED_BY, scores)
    return Calibration(
        facts=_facts(bank, space.roots, machine, pairs),
        space=space,
        related=machine,
        identical=_second_machine(pairs.where(related), Relation.IDENTICAL, IDENTICAL_BY),
        same_recipe=_second_machine(pairs.where(~related), Relation.SAME_RECIPE, SAME_RECIPE_BY),
        low=pairs.features.min(axis=0),
        high=pairs.features.max(axis=0),
        null_distances=np.sort(pairs.features[~related, NAMES.index("contrast_distance")]),
    )


def wilson_interval(events: int, trials: int) -> tuple[float, float]:
    """95 % Wilson interval of a rate (Wilson, 1927)."""
    if trials == 0:
        return 0.0, 1.0
    z, rate = 1.96, events / trials
    middle = rate + z**2 / (2 * trials)
    spread = z * np.sqrt(rate * (1 - rate) / trials + z**2 / (4 * trials**2))
    ends = (middle - spread, middle + spread)
    low, high = (float(end / (1 + z**2 / trials)) for end in ends)
    return max(0.0, low), min(1.0, high)


def _second_machine(pairs: Pairs, relation: Relation, used: tuple[str, ...]) -> Machine:
    """Tells the two related relations apart, or the two independent ones; its sigmoid uses its own scores."""
    return fit_machine(pairs.features, np.array([found is relation for found in pairs.relations]), used)


def _facts(bank: Bank, roots: tuple[str, ...], machine: Machine, pairs: Pairs) -> CalibrationFacts:
    """Thresholds: accuse beyond every independent pair, and on the related side of the plane (0) only; acquit what is
    no nearer than 98 % of them.

    The machine looks at one distance only, so that the order of the pairs owes nothing to having been fitted on them.
    """
    related = pairs.related
    independent = machine.scores(pairs.features)[~related]
    accuse = max(0.0, float(independent.max()))
    return CalibrationFacts(
        bank=bank.manifest.name,
        algorithm=bank.manifest.algorithm,
        probes_digest=bank.manifest.probes_digest,
        features=NAMES,
        roots=roots,
        independent_pairs=len(independent),
        related_pairs=int(related.sum()),
        false_accusation_upper=wilson_interval(0, len(independent))[1],
        accuse_score=accuse,
        acquit_score=min(accuse, float(np.quantile(independent, 1 - NOT_ACQUITTED, method="higher"))),
    )
