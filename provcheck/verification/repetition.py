"""Compare a report with a new one of the same model: do the numbers repeat, and what follows from them?

If the measurement is the same bit for bit, everything must follow from it to 1e-6, and texts too if the version of
provcheck is the same. If it is not, because the device, dtype or a library differs, distances may move as far as
`differences` states, and the verdict must be the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from provcheck.store import measurement_digest
from provcheck.types import Check, Comparison, Measurement, Report, Verdict
from provcheck.verification.differences import EXACT, MOVED, differences, largest_shifts, too_far
from provcheck.verification.steps import DISTANCES, MEASUREMENT, VERDICT, failed, passed, skipped

FILES = {"weights", "weights_digest", "files"}
RUN = {"probes", "measured_at", "seconds", "device", "dtype", "versions"}
LEFT_OUT = {
    "subject": FILES,
    "measurement": RUN,
    "bank": {"digest"},
    "policy": {"digest"},
    "checks": {"seconds"},
}
"""By part of a report: what is checked elsewhere, or differs from run to run."""

SENTENCES = {"reasons", "message", "description", "reason", "not_measured"}
"""Sentences of the program, which another version may word differently."""

NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")


@dataclass(frozen=True)
class Repetition:
    """Two reports on one model; `exact`: their measurements are the same bit for bit."""

    old: Report
    new: Report
    exact: bool

    @property
    def pairs(self) -> list[tuple[Comparison, Comparison]]:
        """The comparisons with the references that both reports name."""
        again = {comparison.reference: comparison for comparison in self.new.comparisons}
        return [(old, again[old.reference]) for old in self.old.comparisons if old.reference in again]

    def checks(self) -> Iterator[Check]:
        """Check what follows from the numbers, step by step."""
        yield self._distances()
        yield self._verdict()
        yield self._policy_checks()
        yield self._tree()
        yield self._statements()

    def _distances(self) -> Check:
        if self.exact:
            return self._follows(DISTANCES, ("comparisons",), f"those to {len(self.pairs)} references are the same")
        if not self.pairs:
            return failed(DISTANCES, "the two reports have no reference in common")
        far = [line for pair in self.pairs for line in too_far(*pair)]
        if far:
            return failed(DISTANCES, _first(far))
        shifts = ", ".join(f"{what} by {shift:.1%}" for what, shift in largest_shifts(self.pairs).items())
        moved = f"of what is accepted, the numbers moved at most: {shifts}" if shifts else "no number was measured"
        return passed(DISTANCES, f"of {len(self.pairs)} references: {moved}")

    def _verdict(self) -> Check:
        old, new = self.old.verdict, self.new.verdict
        if (old.relation, old.reference) != (new.relation, new.reference):
            return failed(VERDICT, f"{_named(old)} became {_named(new)}")
        if self.exact:
            return self._follows(VERDICT, ("verdict",), _named(new))
        probabilities = f"probability {_share(old.probability)} became {_share(new.probability)}"
        return passed(VERDICT, f"{_named(new)}; {probabilities}")

    def _policy_checks(self) -> Check:
        said = f"{len(self.new.checks)} with the same outcomes, exit code {int(self.new.exit_code)}"
        if self.exact:
            return self._follows("checks", ("checks", "summary", "exit_code", "policy"), said)
        old, new = (
            [*(f"{c.id} {c.outcome}" for c in report.checks), f"exit code {int(report.exit_code)}"]
            for report in (self.old, self.new)
        )
        found = list(differences(old, new, 0.0, "outcomes"))
        return failed("checks", _first(found)) if found else passed("checks", said)

    def _tree(self) -> Check:
        if not self.exact:
            return skipped("tree", "other digits of the distances may settle near ties otherwise")
        nearest = self.new.lineage.nearest_on_tree
        what = f"nearest on it is {nearest}" if nearest else "there was none, and there is none"
        return self._follows("tree", ("lineage",), what)

    def _statements(self) -> Check:
        """Check what else the report states about the model, the measurement, the bank and the judge."""
        parts = ("subject", "measurement", "bank", "judge", "background", "limitations", "claimed_base")
        return self._follows("statements", parts, "what is said of model, measurement and bank is the same")

    def _follows(self, id: str, parts: tuple[str, ...], message: str) -> Check:
        tolerance = EXACT if self.exact else MOVED
        texts = self.old.tool.version == self.new.tool.version
        one, other = (_comparable(report, parts, texts=texts) for report in (self.old, self.new))
        found = list(differences(one, other, tolerance))
        return failed(id, _first(found)) if found else passed(id, message)


def check_measurement(report: Report, measurement: Measurement) -> Check:
    """Whether the same numbers were measured, bit for bit."""
    then, now = (f"{facts.device} {facts.dtype}" for facts in (report.measurement, measurement.facts))
    if measurement_digest(measurement) == report.digests.measurement:
        return passed(MEASUREMENT, f"bit for bit the same, measured on {now}")
    return skipped(MEASUREMENT, f"not bit for bit (on {then} then, on {now} now); the distances decide")


def _comparable(report: Report, parts: tuple[str, ...], *, texts: bool) -> dict[str, Any]:
    """Parts of a report without what differs from run to run, and without sentences unless `texts`."""
    content = report.model_dump(mode="json", include=set(parts))
    if content.get("lineage", {}).get("newick"):
        content["lineage"]["newick"] = _tree_parts(content["lineage"]["newick"])
    if not texts:
        content.pop("limitations", None)
        content.get("judge", {}).pop("name", None)
    sentences = set() if texts else SENTENCES
    return {part: _without(found, LEFT_OUT.get(part, set()) | sentences) for part, found in content.items()}


def _without(value: Any, names: set[str]) -> Any:
    if isinstance(value, dict):
        return {key: _without(item, names) for key, item in value.items() if key not in names}
    return [_without(item, names) for item in value] if isinstance(value, list) else value


def _tree_parts(newick: str) -> dict[str, Any]:
    """Shape and names of a tree, and the numbers in it, so that numbers can be compared as such."""
    return {"shape": NUMBER.sub("#", newick), "lengths": [float(number) for number in NUMBER.findall(newick)]}


def _first(found: list[str]) -> str:
    return found[0] + (f" (and {len(found) - 1} more)" if len(found) > 1 else "")


def _named(verdict: Verdict) -> str:
    return f"{verdict.relation} ({verdict.reference})" if verdict.reference else str(verdict.relation)


def _share(probability: float | None) -> str:
    return "unknown" if probability is None else f"{probability:.4f}"
