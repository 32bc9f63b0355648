"""Compare a report with a new one of the same model: do the numbers repeat, and what follows from them?

If the measurement is the same bit for bit, everything must follow from it to 1e-6. If it is not, because the device,
dtype or a library differs, the report's numbers may lie as far from the new ones as `differences` states, and
everything else must follow from the report's own numbers (`restating`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from provcheck.store import measurement_digest
from provcheck.types import Check, Comparison, Measurement, Outcome, Relation, Report, Verdict
from provcheck.verification.content import coordinates, map_without_coordinates, part_of, sentences, tree_parts
from provcheck.verification.differences import EXACT, MOVED, differences, largest_shift, too_far
from provcheck.verification.steps import DISTANCES, MEASUREMENT, SENTENCES, VERDICT, failed, passed, skipped

MAP_MOVES_BY = 0.05
"""Tolerance for a coordinate on the map, which reaches from -1 to 1."""


@dataclass(frozen=True)
class Repetition:
    """The old report, a new one on the same model, and what follows from the old one's own numbers.

    `exact`: both measurements are the same bit for bit; then `follows` is the new report.
    """

    old: Report
    new: Report
    follows: Report
    exact: bool

    def checks(self) -> Iterator[Check]:
        """Check what follows from the numbers, step by step."""
        yield self._distances()
        yield self._verdict()
        yield self._policy_checks()
        yield self._signs()
        yield self._tree()
        yield self._map()
        yield self._statements()
        yield self._sentences()

    def _distances(self) -> Check:
        if self.exact:
            said = f"those to {len(self.new.comparisons)} references are the same"
            return self._follows(DISTANCES, ("comparisons",), said)
        pairs = _pairs(self.old.comparisons, self.new.comparisons)
        if not pairs:
            return failed(DISTANCES, "the two reports have no reference in common")
        far, missing = [line for pair in pairs for line in too_far(*pair)], list(self._left_out())
        if far and not missing and self.old.measurement.served:
            return skipped(DISTANCES, f"the endpoint answers otherwise than on the day of the report: {_first(far)}")
        if far or missing:
            return failed(DISTANCES, _first([*far, *missing]))
        what, share = largest_shift(pairs)
        moved = f"the largest change is {share:.1%} of what is accepted ({what})" if what else "no number was measured"
        return self._follows(DISTANCES, ("comparisons",), f"of {len(pairs)} references: {moved}")

    def _left_out(self) -> Iterator[str]:
        """References missing from the report; of a large bank, those may be that are unrelated and not the nearest."""
        stated = {one.reference for one in self.old.comparisons}
        own = [one for one in self.new.comparisons if one.at_hand is None]
        whole = len(own) == self.new.bank.references
        for one in self.new.comparisons:
            needed = whole or one.named or one.relation is not Relation.UNRELATED
            if one.reference not in stated and needed:
                yield f"the comparison with {one.reference} is missing"

    def _verdict(self) -> Check:
        old, new = self.old.verdict, self.new.verdict
        if (old.relation, old.reference) != (new.relation, new.reference):
            return failed(VERDICT, f"{_named(old)} became {_named(new)}")
        said = _named(new)
        if not self.exact:
            said += f"; probability {_share(old.probability)} became {_share(new.probability)}"
        return self._follows(VERDICT, ("verdict",), said)

    def _policy_checks(self) -> Check:
        said = f"{len(self.new.checks)} with the same outcomes, exit code {int(self.new.exit_code)}"
        return self._follows("checks", ("checks", "summary", "exit_code", "policy"), said)

    def _signs(self) -> Check:
        """Check the signs of disguise; a report that was made before these were looked for has none."""
        subject = self.old.subject
        if self.old.signs is None or (subject.weights and subject.all_makeup is None):
            return skipped("signs", "the files were not looked at for signs of disguise when the model was measured")
        said = f"{len(self.new.signs.found) if self.new.signs else 0} of disguise, as stated"
        return self._follows("signs", ("signs",), said)

    def _tree(self) -> Check:
        nearest = self.new.lineage.nearest_on_tree
        what = f"nearest on it is {nearest}" if nearest else "there was none, and there is none"
        old, new = tree_parts(self.old.lineage), tree_parts(self.new.lineage)
        found = list(differences(old, new, EXACT if self.exact else MOVED, "lineage"))
        if found and not self.exact:
            return skipped("tree", f"other digits of the distances may settle near ties otherwise: {_first(found)}")
        return failed("tree", _first(found)) if found else passed("tree", what)

    def _map(self) -> Check:
        """t-SNE places the same models otherwise on another machine; which models they are does not change."""
        old, new = self.old.map, self.new.map
        models = list(differences(map_without_coordinates(old), map_without_coordinates(new), 0.0, "map"))
        if models:
            return (failed if self.exact else skipped)("map", _first(models))
        moved = list(differences(coordinates(old), coordinates(new), MAP_MOVES_BY, "map"))
        if moved:
            return skipped("map", f"t-SNE places the models otherwise on this machine: {_first(moved)}")
        return passed("map", f"{len(new.points)} models in the same places")

    def _statements(self) -> Check:
        """Check what else the report states about the model, the measurement, the bank and the judge."""
        said = "what is said of model, measurement and bank is the same"
        measured = self._follows("statements", ("measurement",), said, EXACT if self.exact else MOVED)
        if measured.outcome is not Outcome.PASSED:
            return measured
        return self._follows(
            "statements", ("subject", "bank", "judge", "background", "claimed_base", "unavailable"), said
        )

    def _sentences(self) -> Check:
        """Check every sentence; those of another version may be worded otherwise, and are then not verified."""
        old, new = sentences(self.old), sentences(self.follows)
        found = list(differences(old, new, 0.0))
        if not found:
            return passed(SENTENCES, f"all {len(new)} are the same")
        if self.old.tool.version != self.new.tool.version:
            return skipped(SENTENCES, f"provcheck {self.old.tool.version} worded them otherwise: {_first(found)}")
        return failed(SENTENCES, _first(found))

    def _follows(self, id: str, parts: Sequence[str], message: str, tolerance: float = EXACT) -> Check:
        one, other = (
            {part: part_of(report, part, numbers=self.exact) for part in parts} for report in (self.old, self.follows)
        )
        found = list(differences(one, other, tolerance))
        return failed(id, _first(found)) if found else passed(id, message)


def check_measurement(report: Report, measurement: Measurement) -> Check:
    """Whether the same numbers were measured, bit for bit."""
    then, now = (facts.where for facts in (report.measurement, measurement.facts))
    if measurement_digest(measurement) == report.digests.measurement:
        return passed(MEASUREMENT, f"bit for bit the same, measured on {now}")
    return skipped(MEASUREMENT, f"not bit for bit (on {then} then, on {now} now); the distances decide")


def _pairs(old: Sequence[Comparison], new: Sequence[Comparison]) -> list[tuple[Comparison, Comparison]]:
    """The comparisons with the references that both reports name."""
    again = {one.reference: one for one in new}
    return [(one, again[one.reference]) for one in old if one.reference in again]


def _first(found: list[str]) -> str:
    return found[0] + (f" (and {len(found) - 1} more)" if len(found) > 1 else "")


def _named(verdict: Verdict) -> str:
    return f"{verdict.relation} ({verdict.reference})" if verdict.reference else str(verdict.relation)


def _share(probability: float | None) -> str:
    return "unknown" if probability is None else f"{probability:.4f}"
