"""A subject's place: beside its nearest, always on the tree, whatever the names and the order of the bank."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provcheck.bank import Bank
from provcheck.comparison import compare
from provcheck.lineage import Leaves, Method, gather, grow, place
from provcheck.signals import find_signal
from provcheck.types import Floats, Lineage
from tests.lineage.reading import READERS, by_dendropy, by_skbio
from tests.rendering.hostile import HIDDEN, MARKUP, RIGHT_TO_LEFT
from tests.synthetic import (
    blocks_at,
    make_bank,
    make_blocks,
    make_measurement,
    make_reference,
    roots,
    stack_of_blocks,
    without,
    write_bank,
)

NOTHING = np.zeros_like(make_blocks(0))


def place_in(bank: Bank, subject: str, blocks: Floats) -> Lineage:
    measurement = make_measurement(subject, blocks)
    return place(measurement, bank, compare(measurement, bank))


def placed(tmp_path: Path, names: list[str], subject: str, distance: float = 0.2) -> Lineage:
    """The subject near the second of the references of these names."""
    bank = make_bank(tmp_path / "bank", {name: make_blocks(n) for n, name in enumerate(names)})
    return place_in(bank, subject, blocks_at(make_blocks(1), distance))


def test_the_subject_stands_beside_its_nearest(tmp_path: Path) -> None:
    lineage = placed(tmp_path, list(roots(5)), "me/mine")
    assert lineage.nearest_on_tree == "org/root-1"
    assert (lineage.nearest_support, lineage.resamples) == (1.0, 500)
    assert lineage.subject == "me/mine"
    seen = by_skbio(lineage.newick)
    assert seen.tips == {"me/mine", *roots(5)}
    beside = frozenset(seen.tips - {"me/mine", "org/root-1"})
    assert {frozenset(seen.tips - beside): "100", beside: "100"}.items() & seen.splits.items()
    assert len(seen.splits) == len(seen.tips) - 3


def test_a_subject_far_from_everything_has_no_sure_nearest(tmp_path: Path) -> None:
    lineage = place_in(make_bank(tmp_path / "bank", roots(8)), "me", make_blocks(99))
    assert lineage.nearest_on_tree in roots(8)
    assert lineage.nearest_support is not None and lineage.nearest_support < 0.9


@pytest.mark.parametrize(
    "name", [*MARKUP, *HIDDEN, RIGHT_TO_LEFT, "it's [a] (b,c):d;", " padded ", "tab\there", "a_b c"]
)
def test_hostile_names_are_read_back_with_only_their_white_space_changed(name: str, tmp_path: Path) -> None:
    lineage = placed(tmp_path, [name + " one", name + " two", "plain"], name)
    expected = {" ".join(label.split()) for label in (name, name + " one", name + " two", "plain")}
    assert [read(lineage.newick).tips for read in READERS] == [expected, expected]
    assert lineage.subject == " ".join(name.split())
    assert lineage.nearest_on_tree == name + " two"


def test_a_subject_of_the_bank_keeps_both_names(tmp_path: Path) -> None:
    lineage = placed(tmp_path, ["org/a", "org/b", "org/c"], "org/b", distance=0.0)
    assert by_skbio(lineage.newick).tips == {"org/b (subject)", "org/a", "org/b", "org/c"}
    assert lineage.subject == "org/b (subject)"
    assert lineage.nearest_on_tree == "org/b"


@pytest.mark.parametrize(
    ("names", "leaf"),
    [
        (["far", "near", "me (subject)"], "me"),
        (["me", "near", "far"], "me (subject)"),
        (["me", "near", "me (subject)"], "me (subject) (2)"),
    ],
)
def test_a_reference_that_looks_like_the_subject_does_not_become_it(
    names: list[str], leaf: str, tmp_path: Path
) -> None:
    lineage = placed(tmp_path, names, "me")
    assert lineage.subject == leaf and leaf not in names
    seen = by_skbio(lineage.newick)
    assert seen.tips == {leaf, *names}
    assert lineage.nearest_on_tree == "near"
    beside = frozenset({leaf, "near"})
    assert {beside, frozenset(seen.tips - beside)} & seen.edges.keys(), "the marked leaf is the one that is near"


def test_a_whole_bank_has_no_subject(tmp_path: Path) -> None:
    lineage = grow(gather(make_bank(tmp_path / "bank", {"me (subject)": make_blocks(7), **roots(3)}), range(4)))
    assert by_skbio(lineage.newick).tips == {"me (subject)", *roots(3)}
    assert (lineage.subject, lineage.nearest_on_tree) == (None, None)


def test_the_order_of_the_bank_changes_nothing(tmp_path: Path) -> None:
    models = [
        (make_reference(f"m{n:02}", family=f"f{n % 6}"), make_measurement(f"m{n}", make_blocks(n))) for n in range(30)
    ]
    shuffled = [models[n] for n in np.random.default_rng(0).permutation(30)]
    own = blocks_at(make_blocks(7), 0.6)
    forth, back = (place_in(write_bank(tmp_path / name, m), "me", own) for name, m in (("a", models), ("b", shuffled)))
    assert forth == back


def test_one_model_many_times_is_a_tree_too(tmp_path: Path) -> None:
    lineage = place_in(make_bank(tmp_path / "bank", dict.fromkeys("abcd", make_blocks(0))), "me", make_blocks(0))
    assert by_dendropy(lineage.newick).tips == {"me", *"abcd"}
    assert lineage.nearest_on_tree == "a", "of equals the first by id, in any order of the bank"


@pytest.mark.parametrize("references", [2, 3])
def test_the_smallest_trees(references: int, tmp_path: Path) -> None:
    """Three tips have no inner edge, four have one; a root in its middle does not make it two."""
    lineage = place_in(make_bank(tmp_path / "bank", roots(references)), "me", blocks_at(make_blocks(1), 0.3))
    assert lineage.nearest_on_tree == "org/root-1"
    for read in READERS:
        assert len(read(lineage.newick).tips) == references + 1
        assert list(read(lineage.newick).splits.values()) == ["100"] * (references - 2)


def test_too_few_references_give_no_tree_and_say_so(tmp_path: Path) -> None:
    lineage = place_in(make_bank(tmp_path / "bank", roots(1)), "me", make_blocks(7))
    assert (lineage.newick, lineage.nearest_on_tree, lineage.nearest_support) == (None, None, None)
    assert lineage.reason == "a tree needs at least three models with ABLE distances, and there are 2"


def test_a_subject_without_attributions_gives_no_tree(tmp_path: Path) -> None:
    lineage = place_in(make_bank(tmp_path / "bank"), "mute", NOTHING)
    assert (lineage.newick, lineage.reason) == (None, "the subject has no ABLE distances")
    assert lineage.subject is None


def test_a_reference_without_attributions_does_not_spoil_the_tree(tmp_path: Path) -> None:
    lineage = place_in(
        make_bank(tmp_path / "bank", {**roots(3), "mute": NOTHING}), "me", blocks_at(make_blocks(1), 0.3)
    )
    assert by_skbio(lineage.newick).tips == {"me", *roots(3)}
    assert lineage.nearest_on_tree == "org/root-1"


def test_a_reference_that_lacks_the_signal_is_not_on_the_tree(tmp_path: Path) -> None:
    models = [(make_reference(id), make_measurement(id, make_blocks(n))) for n, id in enumerate(roots(5))]
    models[0] = (models[0][0], without(models[0][1], "able"))
    lineage = place_in(write_bank(tmp_path / "bank", models), "me", blocks_at(make_blocks(3), 0.3))
    assert by_skbio(lineage.newick).tips == {"me", *roots(5)} - {"org/root-0"}
    assert lineage.nearest_on_tree == "org/root-3" and lineage.nearest_support == 1


def test_a_subject_that_lacks_the_signal_has_no_tree(tmp_path: Path) -> None:
    bank = make_bank(tmp_path / "bank")
    blind = without(make_measurement("blind", make_blocks(0)), "able")
    lineage = place(blind, bank, compare(blind, bank))
    assert (lineage.newick, lineage.nearest_on_tree) == (None, None)
    assert lineage.reason == "no signal that was measured gives distances for a tree"


def test_a_large_bank_shows_the_nearest_and_one_of_each_family(tmp_path: Path) -> None:
    models = [
        (make_reference(f"m{n}", family=f"family-{n % 4}"), make_measurement(f"m{n}", make_blocks(n)))
        for n in range(60)
    ]
    bank = write_bank(tmp_path / "bank", models)
    measurement = make_measurement("me", blocks_at(make_blocks(33), 0.3))
    comparisons = compare(measurement, bank)
    lineage = place(measurement, bank, comparisons)
    seen = by_skbio(lineage.newick).tips
    assert {c.reference for c in comparisons[:20]} <= seen and len(seen) <= 25
    assert lineage.nearest_on_tree == "m33"


@given(st.integers(3, 12), st.integers(0, 1000), st.booleans(), st.sampled_from(Method))
def test_every_model_is_on_the_tree(models: int, seed: int, subject: bool, method: Method) -> None:
    """With twins among the models, whose branches have no length."""
    draw = np.random.default_rng(seed)
    blocks = np.stack([make_blocks(int(draw.integers(0, models))) for _ in range(models)])
    ids = tuple(make_reference(f"m{n:02}") for n in range(models - subject))
    leaves = Leaves("me" if subject else None, ids, find_signal("able"), stack_of_blocks(blocks))
    lineage = grow(leaves, method, resamples=3)
    assert by_skbio(lineage.newick).tips == {*(id.id for id in ids), *(["me"] if subject else [])}
    assert lineage.subject == ("me" if subject else None)
    assert (lineage.nearest_on_tree is None) is not subject
    assert lineage.resamples == 3


def test_neighbor_joining_is_rooted_midway_between_the_farthest(tmp_path: Path) -> None:
    bank = make_bank(tmp_path / "bank", roots(9))
    lineage = grow(gather(bank, range(9)), resamples=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from skbio import TreeNode

        tree = TreeNode.read(io.StringIO(lineage.newick or ""), format="newick")
    depths = [max(tip.depth() for tip in side.tips(include_self=True)) for side in tree.children]
    assert sorted(depths)[-2:] == pytest.approx([max(depths)] * 2, rel=1e-4)


def test_without_resamples_there_is_no_support(tmp_path: Path) -> None:
    lineage = grow(gather(make_bank(tmp_path / "bank"), range(5), make_measurement("me", make_blocks(8))), resamples=0)
    assert set(by_skbio(lineage.newick).splits.values()) == {None}
    assert (lineage.resamples, lineage.nearest_support) == (0, None) and lineage.nearest_on_tree


def test_of_copies_that_cannot_be_told_apart_the_original_is_named(tmp_path: Path) -> None:
    """Their order on each resampled tree is chance; that does not make the subject's place unsure."""
    original = make_blocks(0)
    models = [
        (make_reference("a-copy", "z-original", family="f", mechanism="rewrite"), blocks_at(original, 1e-4, 60)),
        (make_reference("b-copy", "a-copy", family="f", mechanism="rewrite"), blocks_at(original, 1e-4, 61)),
        (make_reference("z-original", family="f"), original),
        *((make_reference(f"s{n}"), make_blocks(n)) for n in range(1, 6)),
    ]
    bank = write_bank(tmp_path / "bank", [(one, make_measurement(one.id, blocks)) for one, blocks in models])
    lineage = place_in(bank, "me", blocks_at(original, 0.3, 62))
    assert lineage.nearest_on_tree == "z-original"
    assert lineage.nearest_support == pytest.approx(1.0)
