"""Naming the two parents of a merge, and nobody where one reference explains as much."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import nnls

from provcheck.bank import Bank
from provcheck.comparison import compare
from provcheck.signals.able.values import CONTRAST, PAPER
from provcheck.signals.likelihood.values import LOGLIK
from provcheck.types import Measurement, NotMeasured, Relation, Verdict
from provcheck.verdict.merges import best_pair, find_parents, name_parents, pair_gain
from tests.synthetic import array_of, make_blocks
from tests.verdict.zoo import child_of, measured, root_measurement, wave

ROOTS = ("org/root-2", "org/root-5", "org/root-7")


def mixed(share: float) -> Measurement:
    """A merge of roots 2 and 5, with a little training after it."""
    two, five = (root_measurement(number) for number in (2, 5))
    contrast, paper, loglik = (
        (1 - share) * array_of(two, name) + share * array_of(five, name) for name in (CONTRAST, PAPER, LOGLIK)
    )
    return measured("me/merge", contrast + 0.1 * make_blocks(777), paper, loglik + wave(778, 0.3))


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
def test_both_parents_of_a_merge_are_named_with_their_weights(zoo: Bank, share: float) -> None:
    """Weights of unit vectors; those of the parents are at right angles, so the squares of the weights sum to 1."""
    found = {parent.reference: parent.weight for parent in find_parents(mixed(share), zoo, ROOTS)}
    length = np.hypot(1 - share, share)
    assert found == pytest.approx({"org/root-2": (1 - share) / length, "org/root-5": share / length}, abs=0.03)
    assert list(found.values()) == sorted(found.values(), reverse=True)


def test_a_fine_tune_has_one_parent(zoo: Bank) -> None:
    tuned = child_of(root_measurement(2), "me/tuned", 0.2, seed=77)
    assert find_parents(tuned, zoo, ROOTS) == ()
    kin = ["org/root-2", "org/root-2-tune", "org/root-2-quantize", "org/root-2-pretrain"]
    assert find_parents(tuned, zoo, kin) == ()


def test_all_signals_must_agree(zoo: Bank) -> None:
    """Whoever has the attributions of a merge, but behaves like neither parent, is not called one."""
    merge, stranger = mixed(0.5), root_measurement(60)
    other = replace(merge, signals={**merge.signals, "likelihood": stranger.signals["likelihood"]})
    assert len(find_parents(merge, zoo, ROOTS)) == 2
    assert find_parents(other, zoo, ROOTS) == ()


@pytest.mark.parametrize("name", ["able", "likelihood"])
def test_one_signal_alone_names_nobody(zoo: Bank, name: str) -> None:
    merge = mixed(0.5)
    missing = replace(merge, signals={**merge.signals, name: NotMeasured(not_measured="an endpoint cannot")})
    assert find_parents(missing, zoo, ROOTS) == ()
    assert find_parents(merge, replace(zoo, stacks={name: zoo.stacks[name]}), ROOTS) == ()


@pytest.mark.parametrize("related", [[], ["org/root-2"]])
def test_fewer_than_two_candidates_are_no_pair(zoo: Bank, related: list[str]) -> None:
    assert find_parents(mixed(0.5), zoo, related) == ()


def test_only_what_is_derived_is_called_a_merge(zoo: Bank) -> None:
    merge = mixed(0.5)
    comparisons = [
        one.model_copy(update={"relation": Relation.DERIVED if one.reference in ROOTS else Relation.UNRELATED})
        for one in compare(merge, zoo)
    ]
    for relation in Relation:
        verdict = Verdict(relation=relation, reference="org/root-2", probability=0.9, p_value=0.1, reasons=("why",))
        named = name_parents(verdict, comparisons, merge, zoo)
        if relation is not Relation.DERIVED:
            assert named == verdict
            continue
        assert {parent.reference for parent in named.parents} == {"org/root-2", "org/root-5"}
        assert named.reasons[0] == "why"
        assert named.reasons[1].startswith("It looks like a merge: org/root-")
        assert named.model_copy(update={"parents": (), "reasons": ("why",)}) == verdict


def test_the_best_pair_against_all_pairs() -> None:
    """Least squares in the full space, without reducing it first."""
    stream = np.random.default_rng(3)
    others = stream.normal(size=(5, 40))
    others /= np.linalg.norm(others, axis=1, keepdims=True)
    subject = 0.6 * others[1] + 0.4 * others[4] + 0.02 * stream.normal(size=40)
    found = best_pair(subject, others)
    assert found is not None and found.parents == (1, 4)
    alone = min(nnls(others[[place]].T, subject)[1] for place in range(5))
    weights, together = nnls(others[[1, 4]].T, subject)
    assert found.weights == pytest.approx(tuple(weights))
    assert found.gain == pytest.approx(together / alone)
    assert pair_gain(subject, others, (1, 4)) == pytest.approx(found.gain)
    assert pair_gain(subject, others, (0, 2)) > found.gain


def test_near_copies_of_each_other_are_one_parent() -> None:
    one = np.eye(4)[0]
    near = one + 0.01 * np.eye(4)[1]
    assert best_pair(one + near, np.array([one, near / np.linalg.norm(near)])) is None
