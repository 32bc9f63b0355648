"""A reference that was named beforehand is one hypothesis; its p-value is not corrected for the bank's."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from provcheck.bank import Bank
from provcheck.bank.widening import widen
from provcheck.comparison import compare
from provcheck.references import beside
from provcheck.signals import TABLE
from provcheck.types import Comparison, Measurement
from provcheck.verdict import decide
from provcheck.verdict.calibration import Calibration
from provcheck.verdict.claims import answer_named
from provcheck.verdict.judge import CalibratedJudge
from provcheck.verdict.panels import Calibrations
from tests.verdict.zoo import child_of, root_measurement

PARENT = root_measurement(70)
TUNED = child_of(PARENT, "me/tuned", 0.2, seed=77)
STRANGERS = [root_measurement(number) for number in (71, 72)]


def judge_of(zoo: Bank, calibration: Calibration) -> CalibratedJudge:
    return CalibratedJudge(Calibrations((calibration,)), len(zoo.references), 0.01)


def judged(
    zoo: Bank, calibration: Calibration, at_hand: Sequence[Measurement] = (), named: Sequence[str] = ()
) -> dict[str, Comparison]:
    wide = widen(zoo, [beside(one.subject.id, one, "given") for one in at_hand])
    found = compare(TUNED, wide, named=[*named, *(one.subject.id for one in at_hand)])
    return {one.reference: one for one in judge_of(zoo, calibration).judge(found, TABLE)}


def test_one_named_reference_is_not_corrected(zoo: Bank, calibration: Calibration) -> None:
    """The smallest possible p-value: no pair of independent models has so high a score."""
    [found] = [one for one in judged(zoo, calibration, [PARENT]).values() if one.at_hand]
    assert found.p_value == pytest.approx(1 / (1 + len(calibration.null_scores)))
    (said,) = [line for line in judge_of(zoo, calibration).explain(found) if " has p = " in line]
    assert ", not corrected for other references: this one was named beforehand, as one hypothesis; " in said
    assert said.endswith("it is the smallest that can come out with so many pairs, however alike two models are.")


def test_several_are_corrected_for_their_number(zoo: Bank, calibration: Calibration) -> None:
    found = judged(zoo, calibration, [PARENT, *STRANGERS])[PARENT.subject.id]
    assert found.p_value == pytest.approx(3 / (1 + len(calibration.null_scores)))
    (said,) = [line for line in judge_of(zoo, calibration).explain(found) if " has p = " in line]
    assert ", corrected for the 3 references that were named beforehand, not for the others; " in said


def test_the_smallest_p_value_is_said_beside_every_other(zoo: Bank, calibration: Calibration) -> None:
    """By the pairs that are known and the hypotheses that it is corrected for; nothing falls below it."""
    pairs, judge = len(calibration.null_scores), judge_of(zoo, calibration)
    for named, hypotheses in (((), len(zoo.references)), (["org/root-3", "org/root-4"], 2)):
        smallest = min(1.0, hypotheses / (1 + pairs))
        found = [one for one in judged(zoo, calibration, named=named).values() if one.named == len(named)]
        assert found and all(one.p_value is not None and one.p_value >= smallest for one in found)
        said = [line for one in found for line in judge.explain(one) if " has p = " in line]
        others = [line for line in said if f"; {smallest:.2g} is the smallest that can come out" in line]
        least = [line for line in said if "; it is the smallest that can come out" in line]
        assert len(others) + len(least) == len(said) and others


def test_no_p_value_of_another_reference_moves(zoo: Bank, calibration: Calibration) -> None:
    alone, wide = judged(zoo, calibration), judged(zoo, calibration, [PARENT], named=["org/root-3"])
    moved = {id for id, one in alone.items() if wide[id].p_value != one.p_value}
    assert moved <= {"org/root-3"}
    named, before = wide["org/root-3"].p_value, alone["org/root-3"].p_value
    assert named is not None and before is not None and named <= before


def test_of_several_related_references_the_named_one_decides(zoo: Bank, calibration: Calibration) -> None:
    """It is what was asked; the nearer one is named after it."""
    nearer = child_of(PARENT, "org/nearer", 0.05, seed=78)
    subject = child_of(nearer, "me/deeper", 0.1, seed=79)
    wide = widen(zoo, [beside(one.subject.id, one, "given") for one in (PARENT, nearer)])
    judge = judge_of(zoo, calibration)
    for named in ("org/nearer", PARENT.subject.id):
        verdict = decide(compare(subject, wide, named=[named]), judge, subject.facts, wide.ancestry)[1]
        assert verdict.relation.related and verdict.reference == named


def test_of_every_named_reference_something_is_said(zoo: Bank, calibration: Calibration) -> None:
    """Of a claim that is contradicted that it is; of the verdict's own nothing more."""
    wide = widen(zoo, [beside(one.subject.id, one, "given") for one in (PARENT, STRANGERS[0])])
    names = [PARENT.subject.id, STRANGERS[0].subject.id, "org/root-3"]
    judge = judge_of(zoo, calibration)
    comparisons, verdict = decide(compare(TUNED, wide, named=names), judge, TUNED.facts, wide.ancestry)
    assert verdict.reference == PARENT.subject.id
    said = answer_named(verdict, comparisons, ["ORG/root-3", "org/absent"]).reasons[len(verdict.reasons) :]
    relations = {one.reference: one.relation for one in comparisons}
    assert relations["org/root-3"].independent and relations["org/root-71"].independent
    assert set(said) == {
        f"It is claimed to descend from org/root-3, and the evidence contradicts that: {relations['org/root-3']}.",
        f"Of org/root-71, which was named beforehand, the evidence says: {relations['org/root-71']}.",
    }
    assert answer_named(verdict, comparisons[:1], []) == verdict
