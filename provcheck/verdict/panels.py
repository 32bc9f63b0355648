"""judge.safetensors: the calibrations of a bank's judge, one for each panel of signals, the largest first.

A pair is judged by the largest panel all of whose features are known, so that a signal that could not be measured costs
what it could have told, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
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
from provcheck.signals import TABLE, find_signal, in_words
from provcheck.types import Floats, Record
from provcheck.verdict.calibration import Calibration, CalibrationFacts

FILE = "judge.safetensors"
RECALIBRATE = "run `provcheck bank calibrate`"

MAX_BYTES = 200_000_000
"""Limit for the size of judge.safetensors; far beyond what a fit produces."""

Panel = tuple[str, ...]
"""Names of signals, in the order of their rank."""


class PanelsFacts(Record):
    """The facts of each panel by its name; its arrays stand under the same name."""

    panels: dict[str, CalibrationFacts] = Field(min_length=1)


@dataclass(frozen=True)
class Calibrations:
    """The panels of a judge, the largest first; digest: sha256 of their file, None if they were just fitted."""

    panels: tuple[Calibration, ...]
    digest: str | None = None

    @property
    def bank(self) -> str:
        """The bank that they were fitted on."""
        return self.panels[0].facts.bank

    @property
    def largest(self) -> Calibration:
        """The panel that reads the most signals."""
        return self.panels[0]

    @property
    def signals(self) -> Panel:
        """All signals that are read, in the order of their rank."""
        return tuple(name for name in TABLE if any(name in one.signals for one in self.panels))

    def choose(self, features: Mapping[str, float]) -> Calibration | None:
        """The largest panel that can judge a pair with these features."""
        return next((one for one in self.panels if one.can_judge(features)), None)

    def of(self, signals: Panel) -> Calibration | None:
        """The panel of exactly these signals."""
        return next((one for one in self.panels if one.signals == signals), None)

    def serving(self, bank: Bank) -> Calibrations | None:
        """Those whose signals the bank was measured by, in the same way; None if there are none."""
        kept = tuple(one for one in self.panels if one.measured_like(bank))
        return Calibrations(kept, self.digest) if kept else None

    def fits(self, bank: Bank) -> bool:
        """Whether every panel does."""
        return all(one.fits(bank) for one in self.panels)

    def save(self) -> bytes:
        """The content of judge.safetensors: facts and arrays of each panel under its name."""
        arrays = {
            f"{name_of(one.signals)}.{name}": np.ascontiguousarray(array, dtype=np.float64)
            for one in self.panels
            for name, array in one.arrays().items()
        }
        facts = PanelsFacts(panels={name_of(one.signals): one.facts for one in self.panels})
        return bytes(save(arrays, metadata={"facts": facts.model_dump_json()}))


def load_calibrations(path: Path) -> Calibrations:
    """Read judge.safetensors; the bank has checked its digest. Raises BankError when it does not fit this version."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"larger than {MAX_BYTES // 1_000_000} MB")
        with safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            facts = PanelsFacts.model_validate_json((file.metadata() or {}).get("facts", "{}"))
        panels = largest_first(_read_panel(name, one, arrays) for name, one in facts.panels.items())
        return Calibrations(panels, file_digest(path))
    except ValidationError as error:
        raise BankError(f"{path.name} cannot be used: {first_fault(error)}", RECALIBRATE) from None
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise BankError(f"{path.name} cannot be used: {reason(error)}", RECALIBRATE) from None


def largest_first(panels: Iterable[Calibration]) -> tuple[Calibration, ...]:
    """In the order in which they are asked."""
    return tuple(sorted(panels, key=lambda one: _rank(one.signals)))


def possible_panels(signals: Sequence[str]) -> list[Panel]:
    """Every set of these signals of which at least one may accuse, the largest first."""
    ranked = [name for name in TABLE if name in signals]
    subsets = [panel for size in range(1, len(ranked) + 1) for panel in combinations(ranked, size)]
    return sorted((panel for panel in subsets if _accusing(panel)), key=_rank)


def describe(panels: Sequence[Calibration], bank: str) -> str:
    """The judge in one line: what it was fitted on, and how often each of these panels accuses wrongly."""
    each = [
        f"by {in_words(one.signals)} it accuses only beyond all {one.facts.independent_pairs} independent pairs, 95 % "
        f"upper bound {one.facts.false_accusation_upper:.2%} ({len(one.facts.roots)} roots, "
        f"{one.facts.related_pairs} related pairs)"
        for one in panels
    ]
    return f"SVM calibrated on {bank}: {'; '.join(each) or 'nothing that it reads was measured'}"


def name_of(panel: Panel) -> str:
    """`able+likelihood`: what a panel is called in the file."""
    return "+".join(panel)


def _read_panel(name: str, facts: CalibrationFacts, arrays: Mapping[str, Floats]) -> Calibration:
    start = f"{name}."
    if name_of(tuple(facts.signals)) != name:
        raise ValueError(f"the panel {name[:40]} states other signals")
    own = {key.removeprefix(start): array for key, array in arrays.items() if key.startswith(start)}
    return Calibration.from_arrays(facts, own)


def _rank(panel: Panel) -> tuple[int, int, list[int]]:
    """Sort key: the most signals first, of these the most that may accuse."""
    return -len(panel), -_accusing(panel), [list(TABLE).index(name) for name in panel if name in TABLE]


def _accusing(panel: Panel) -> int:
    return sum(find_signal(name).accuses for name in panel if name in TABLE)
