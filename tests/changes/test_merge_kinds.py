"""Which kind of merge made a model; unclear where the numbers are the same, or a parent is missing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from provcheck.changes import describe_changes, describe_mixture, with_merge
from provcheck.changes.descent import is_made_of
from provcheck.types import Floats, KindOfMerge, MergeKind, Mixture, Relation
from tests.changes import models as m

Merge = Callable[[Floats, Floats, Floats], Floats]
BASE = m.llama()


def tuned(seed: int, size: float) -> m.Weights:
    random = np.random.RandomState(seed)
    return m.half({key: one + size * one.std() * random.standard_normal(one.shape) for key, one in BASE.items()})


ONE, TWO = tuned(1, 0.2), tuned(2, 0.3)


def linear(one: Floats, two: Floats, _base: Floats) -> Floats:
    return np.asarray(0.3 * one + 0.7 * two)


def slerp(one: Floats, two: Floats, _base: Floats) -> Floats:
    return on_arc(one, two, 0.4)


def little_slerp(one: Floats, two: Floats, _base: Floats) -> Floats:
    """So near to one parent that this can be got back from the merge without losing digits."""
    return on_arc(one, two, 0.1)


def on_arc(one: Floats, two: Floats, share: float) -> Floats:
    angle = np.arccos(min(1.0, float(np.vdot(one, two) / np.linalg.norm(one) / np.linalg.norm(two))))
    if not angle:
        return one
    return np.asarray((np.sin((1 - share) * angle) * one + np.sin(share * angle) * two) / np.sin(angle))


def much(one: Floats, two: Floats, base: Floats) -> Floats:
    return base + 0.9 * (one - base) + 0.7 * (two - base)


def little(one: Floats, two: Floats, base: Floats) -> Floats:
    return base + 0.4 * (one - base) + 0.3 * (two - base)


def ties(one: Floats, two: Floats, base: Floats) -> Floats:
    changes = np.stack([one - base, two - base])
    sizes = np.abs(changes)
    kept = np.where(sizes >= np.quantile(sizes.reshape(2, -1), 0.6, axis=1).reshape(-1, *[1] * one.ndim), changes, 0)
    agree = (np.sign(kept) == np.sign(kept.sum(axis=0))) & (kept != 0)
    return np.asarray(base + (kept * agree).sum(axis=0) / np.maximum(agree.sum(axis=0), 1))


def dropped(one: Floats, two: Floats, base: Floats) -> Floats:
    """DARE: what is kept is chosen at random."""
    kept = np.random.RandomState(3).random((2, *one.shape)) < 0.4
    return np.asarray(base + kept[0] * (one - base) / 0.8 + kept[1] * (two - base) / 0.8)


def kind_of(merge: Merge, *names: str) -> KindOfMerge:
    found = fitted(merge, *names)
    assert found.is_merge and found.merge, found.reason
    return found.merge


def fitted(merge: Merge, *names: str) -> Mixture:
    parents = {"one": ONE, "two": TWO, "base": BASE}
    model = m.half({key: merge(ONE[key], TWO[key], BASE[key]) for key in BASE})
    found = describe_mixture(m.opened(model), {name: m.opened(parents[name]) for name in names})
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("merge", "kind"),
    [(linear, MergeKind.LINEAR), (slerp, MergeKind.SLERP), (much, MergeKind.TASK_ARITHMETIC), (ties, MergeKind.TIES)],
)
def test_each_kind_is_named_with_the_base_among_the_parents(merge: Merge, kind: MergeKind) -> None:
    found = kind_of(merge, "one", "two", "base")
    assert (found.kind, found.left) == (kind, (kind,)), found.reason
    assert found.base == ("base" if kind in (MergeKind.TASK_ARITHMETIC, MergeKind.TIES) else None)


def test_an_angle_that_was_computed_in_single_precision() -> None:
    """Of models that are nearly parallel it has few digits; the model itself has all."""
    model = {}
    for key, one in ONE.items():
        cosine = np.float32(np.vdot(one, TWO[key]) / np.linalg.norm(one) / np.linalg.norm(TWO[key])) - np.float32(3e-5)
        angle = np.arccos(cosine)
        model[key] = (np.sin(0.6 * angle) * one + np.sin(0.4 * angle) * TWO[key]) / np.sin(angle)
    found = describe_mixture(m.opened(model), {"one": m.opened(ONE), "two": m.opened(TWO)})
    assert found is not None and found.merge is not None
    assert found.merge.kind is MergeKind.SLERP and found.merge.rounding < 1e-5


@pytest.mark.parametrize(("merge", "kind"), [(linear, MergeKind.LINEAR), (slerp, MergeKind.SLERP)])
def test_means_of_two_need_no_base(merge: Merge, kind: MergeKind) -> None:
    assert kind_of(merge, "one", "two").kind is kind


@pytest.mark.parametrize(
    ("merge", "weights"),
    [(linear, (0.3, 0.7, 0)), (slerp, (0.6, 0.4, 0)), (much, (0.9, 0.7, -0.6)), (ties, (0.5, 0.5, 0))],
)
def test_the_weights_are_those_of_the_formula(merge: Merge, weights: tuple[float, ...]) -> None:
    found = kind_of(merge, "one", "two", "base")
    best = min(found.fits, key=lambda one: one.residual)
    assert best.weights == pytest.approx(weights, abs=0.02)
    assert best.residual < 0.1 and all(one.residual > 0.1 for one in found.fits if one is not best)


def test_a_base_with_a_part_of_its_own_is_linear_or_task_arithmetic() -> None:
    """0.4 one + 0.3 two + 0.3 base is both."""
    found = kind_of(little, "one", "two", "base")
    assert found.kind is MergeKind.UNCLEAR
    assert found.left == (MergeKind.LINEAR, MergeKind.TASK_ARITHMETIC) and "alike" in found.reason


@pytest.mark.parametrize("merge", [little, much])
def test_without_the_base_no_kind_is_named(merge: Merge) -> None:
    found = kind_of(merge, "one", "two")
    assert (found.kind, found.left) == (MergeKind.UNCLEAR, ()) and "may be missing" in found.reason


def test_changes_that_were_dropped_at_random_are_no_ties() -> None:
    found = fitted(dropped, "one", "two", "base")
    assert not found.is_merge or (found.merge and found.merge.kind is MergeKind.UNCLEAR)


def test_trimmed_changes_that_count_for_more_are_a_merge_all_the_same() -> None:
    """Most weights are the base's, and none another parent's."""
    found = fitted(lambda *all_three: all_three[2] + 1.3 * (ties(*all_three) - all_three[2]), "one", "two", "base")
    assert found.is_merge and found.merge and found.merge.kind is MergeKind.TIES and found.residual > 0.5


def test_nearly_parallel_parents_leave_linear_and_slerp() -> None:
    """Common programs take the line there, and rounding hides the rest."""
    near = {key: ONE[key] + 1e-3 * (TWO[key] - ONE[key]) for key in ONE}
    model = {key: (ONE[key] + near[key]) / 2 for key in ONE}
    found = describe_mixture(m.opened(model), {"one": m.opened(ONE), "near": m.opened(near)})
    assert found is not None and found.merge is not None
    assert found.merge.left == (MergeKind.LINEAR, MergeKind.SLERP)


def test_where_rounding_leaves_much_no_kind_is_told() -> None:
    near = {key: ONE[key] + 4e-3 * (TWO[key] - ONE[key]) for key in ONE}
    model = m.half({key: (ONE[key] + near[key]) / 2 for key in ONE})
    found = describe_mixture(m.opened(model), {"one": m.opened(ONE), "near": m.opened(near)})
    assert found is not None and found.is_merge and found.merge is not None
    assert found.merge.rounding > 0.1 and found.merge.left == ()
    assert "Rounding changed the model so much" in found.merge.reason


def test_matrices_that_are_one_parents_say_nothing_of_a_kind() -> None:
    """Blocks of one beside blocks of the other."""
    model = {key: (ONE if ".layers.0." in key else TWO)[key] for key in ONE}
    found = describe_mixture(m.opened(model), {"one": m.opened(ONE), "two": m.opened(TWO)})
    assert found is not None and found.is_merge and found.merge is None and found.picked == 1


def test_what_is_no_merge_has_no_kind() -> None:
    found = describe_mixture(m.opened(ONE), {"base": m.opened(BASE), "two": m.opened(TWO)})
    assert found is not None and not found.is_merge and found.merge is None


# Who was first


@pytest.mark.parametrize("merge", [slerp, ties])
def test_slerp_and_ties_are_made_after_their_parts(merge: Merge) -> None:
    found = fitted(merge, "one", "two", "base")
    assert is_made_of(found, "one") and is_made_of(found, "two")
    assert is_made_of(found, "base") == (merge is ties), "it has no part in the other"


@pytest.mark.parametrize("merge", [linear, little_slerp])
def test_a_part_is_not_made_of_the_merge_and_the_other_part(merge: Merge) -> None:
    """It is a mixture of them, with a weight below 0, on the same line or arc."""
    merged = m.half({key: merge(ONE[key], TWO[key], BASE[key]) for key in BASE})
    found = describe_mixture(m.opened(ONE), {"merged": m.opened(merged), "two": m.opened(TWO)})
    assert found is not None and found.is_merge and min(found.weights) < 0
    assert not is_made_of(found, "merged") and not is_made_of(found, "two")


@pytest.mark.parametrize("merge", [linear, much])
def test_weighted_means_do_not_say_who_was_first(merge: Merge) -> None:
    """A model that was extrapolated from two others makes one of them a mean."""
    assert not any(is_made_of(fitted(merge, "one", "two", "base"), name) for name in ("one", "two", "base"))


def test_who_descends_from_whom_is_said_of_a_related_pair_without_a_mark() -> None:
    mixture = fitted(slerp, "one", "two")
    merged = m.opened(m.half({key: slerp(ONE[key], TWO[key], BASE[key]) for key in BASE}))
    pair = describe_changes(merged, m.opened(ONE))
    assert pair.descent.child is None
    found = with_merge(pair, mixture, "one").descent
    assert found.child == "first" and found.why and found.why in found.reason
    withheld = describe_changes(merged, m.opened(ONE), Relation.UNRELATED)
    assert with_merge(withheld, mixture, "one") == withheld
