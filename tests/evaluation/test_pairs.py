"""Documented pairs by kind: every pair once, and the numbers that an audit of the pair reports."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from provcheck.bank import Bank
from provcheck.comparison import compare
from provcheck.evaluation import pairs as module
from provcheck.evaluation.pairs import PairGroup, markdown, pair_groups
from provcheck.signals import pairs_of
from provcheck.types import Relation, SignalValues
from tests.synthetic import make_reference, row_of
from tests.verdict.zoo import CHILDREN, line_of, make_zoo, root_measurement

NAMES = ["ABLE contrast", "ABLE paper", "KL bits/byte"]


@pytest.fixture(scope="module")
def groups(zoo: Bank) -> list[PairGroup]:
    return pair_groups(zoo)


def test_every_documented_pair_is_counted_once(zoo: Bank, groups: list[PairGroup]) -> None:
    ids = [reference.id for reference in zoo.references]
    relations = [zoo.ancestry.relation(one, two) for n, one in enumerate(ids) for two in ids[n + 1 :]]
    for relation in Relation:
        counted = sum(group.pairs for group in groups if group.relation is relation)
        assert counted == (relations.count(relation) if relation is not Relation.INCONCLUSIVE else 0)
    assert len({(group.relation, group.kind) for group in groups}) == len(groups)


def test_related_kinds_come_first_and_the_nearest_of_them(groups: list[PairGroup]) -> None:
    places = [(list(Relation).index(group.relation), group.numbers["ABLE contrast"][1]) for group in groups]
    assert places == sorted(places)
    assert groups[0].relation is Relation.IDENTICAL


def test_a_kind_is_the_mechanism_of_the_child(zoo: Bank, groups: list[PairGroup]) -> None:
    kinds = {(group.relation, group.kind): group.pairs for group in groups}
    children = sum(reference.mechanism == "fine-tune" for reference in zoo.references)
    assert kinds[Relation.DERIVED, "fine-tune"] == children
    assert kinds[Relation.IDENTICAL, "quantize"] == children
    assert kinds[Relation.DERIVED, "merge"] == 2
    assert kinds[Relation.SAME_RECIPE, "roots, same size"] > 0


def test_pairs_that_only_a_distillation_connects_come_last(tmp_path: Path) -> None:
    student = make_reference("org/student", "org/root-0", family="family-1", mechanism="distillation")
    models = [*line_of(0), *line_of(1), (student, root_measurement(50))]
    groups = pair_groups(make_zoo(tmp_path / "bank", models))
    found = {(group.relation, group.kind): group.pairs for group in groups[-2:]}
    assert found == {
        (Relation.INCONCLUSIVE, "distillation"): 1,
        (Relation.INCONCLUSIVE, "a distillation between them"): len(CHILDREN),
    }
    assert "\n| neither related nor independent | distillation | 1 |" in markdown(groups)


def test_the_numbers_are_those_of_an_audit(zoo: Bank, groups: list[PairGroup]) -> None:
    """Of every fine-tune and its root: lowest, median and highest."""
    found: dict[str, list[float]] = {name: [] for name in NAMES}
    for row, reference in enumerate(zoo.references):
        if reference.mechanism != "fine-tune":
            continue
        [comparison] = [one for one in compare(row_of(zoo, row), zoo) if one.reference == reference.parents[0]]
        for signal, values in pairs_of(comparison.signals):
            for number in signal.numbers(values) if isinstance(values, SignalValues) else ():
                assert number.value is not None
                found[number.name].append(number.value)
    [group] = [one for one in groups if one.kind == "fine-tune"]
    assert list(group.numbers) == NAMES
    for name, spread in found.items():
        assert group.numbers[name] == pytest.approx((min(spread), np.median(spread), max(spread)), rel=1e-5)


def test_a_bank_without_a_signal_has_the_numbers_of_the_other(zoo: Bank, groups: list[PairGroup]) -> None:
    alone = pair_groups(replace(zoo, stacks={"able": zoo.stacks["able"]}))
    assert {(one.kind, one.pairs) for one in alone} == {(one.kind, one.pairs) for one in groups}
    assert all(list(one.numbers) == NAMES[:2] for one in alone)


def test_only_the_first_references_of_a_large_bank(zoo: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_REFERENCES", 4)
    assert sum(group.pairs for group in pair_groups(zoo)) == 6


def test_the_table(groups: list[PairGroup]) -> None:
    lines = markdown(groups).splitlines()
    assert lines[0] == "| relation | kind | pairs | ABLE contrast | ABLE paper | KL bits/byte |"
    assert len(lines) == 2 + len(groups)
    for line, group in zip(lines[2:], groups, strict=True):
        assert line.startswith(f"| {group.relation} | {group.kind} | {group.pairs} | ")
        assert line.count("|") == 7
        low, median, high = group.numbers["KL bits/byte"]
        assert line.endswith(f"| {median:.3g} ({low:.3g} to {high:.3g}) |")


def test_rounding_is_no_number_and_what_is_missing_is_a_dash() -> None:
    group = PairGroup(Relation.IDENTICAL, "rewrite", 3, {"a": (1e-9, 2e-6, 0.5)})
    other = PairGroup(Relation.DERIVED, "lora", 1, {"b": (0.0, 0.0, 0.0)})
    assert markdown([group, other]).splitlines()[2:] == [
        "| identical | rewrite | 3 | 2e-06 (< 1e-06 to 0.5) | - |",
        "| derived | lora | 1 | - | < 1e-06 (< 1e-06 to < 1e-06) |",
    ]
