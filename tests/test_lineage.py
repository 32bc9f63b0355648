"""The tree: right topology where distances are those of a tree, and Newick that can be read again."""

from __future__ import annotations

import io
import itertools
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provcheck.comparison import compare
from provcheck.lineage import _neighbor_joining, place
from provcheck.types import Lineage
from tests.rendering.hostile import HIDDEN, MARKUP, RIGHT_TO_LEFT
from tests.synthetic import blocks_at, make_bank, make_blocks, make_measurement, make_reference, roots, write_bank

NAMES = ["subject", "a", "b", "c", "d", "e"]
SPLITS = [{"subject", "a"}, {"subject", "a", "b"}, {"d", "e"}]
"""The inner edges of ((subject, a), b), (c, (d, e)); each is named by one of its sides."""

GRAMMAR = ("(a,b)c;", "it's", "''", "a_b c", "[comment]", "x:0.5", " padded ", "tab\there", '"quoted"', "50%", "a\\b")


def read(newick: str | None) -> Any:
    """The tree as scikit-bio reads it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from skbio import TreeNode

        return TreeNode.read(io.StringIO(newick or ""), format="newick")


def splits(tree: Any, names: list[str]) -> set[frozenset[str]]:
    """Every inner edge as the smaller, or else the first, of its two sides."""
    found = set()
    for node in tree.traverse():
        side = frozenset(tip.name for tip in node.tips())
        if 1 < len(side) < len(names) - 1:
            found.add(min(side, frozenset(names) - side, key=lambda s: (len(s), sorted(s))))
    return found


def canonical(side: set[str]) -> frozenset[str]:
    return min(frozenset(side), frozenset(NAMES) - side, key=lambda s: (len(s), sorted(s)))


def additive(lengths: list[float]) -> np.ndarray:
    """Distances along the tree whose edges have these lengths: first to each tip, then of each inner edge."""
    sides = [{name} for name in NAMES] + SPLITS
    distances = np.zeros((len(NAMES), len(NAMES)))
    for (i, first), (j, second) in itertools.permutations(enumerate(NAMES), 2):
        distances[i, j] = sum(w for side, w in zip(sides, lengths, strict=True) if (first in side) != (second in side))
    return distances


@given(st.lists(st.floats(0.05, 1), min_size=9, max_size=9))
def test_additive_distances_give_their_tree_back(lengths: list[float]) -> None:
    lineage = _neighbor_joining(additive(lengths), NAMES)
    assert splits(read(lineage.newick), NAMES) == {canonical(side) for side in SPLITS}
    distances = additive(lengths)[0, 1:]
    nearest = NAMES.index(str(lineage.nearest_on_tree)) - 1
    assert math.isclose(distances[nearest], distances.min(), abs_tol=1e-9)


def placed(tmp_path: Path, names: list[str], subject: str, distance: float = 0.2) -> Lineage:
    """The subject near the second of the references of these names."""
    bank = make_bank(tmp_path / "bank", {name: make_blocks(n) for n, name in enumerate(names)})
    measurement = make_measurement(subject, blocks_at(make_blocks(1), distance))
    return place(measurement, bank, compare(measurement, bank))


def test_the_subject_stands_beside_its_nearest(tmp_path: Path) -> None:
    lineage = placed(tmp_path, list(roots(5)), "me/mine")
    assert lineage.nearest_on_tree == "org/root-1"
    assert {tip.name for tip in read(lineage.newick).tips()} == {"me/mine (subject)", *roots(5)}


@pytest.mark.parametrize("name", [*GRAMMAR, *MARKUP, *HIDDEN, RIGHT_TO_LEFT])
def test_hostile_names_are_read_back_with_only_their_white_space_changed(name: str, tmp_path: Path) -> None:
    lineage = placed(tmp_path, [name + " one", name + " two", "plain"], name)
    tips = {tip.name for tip in read(lineage.newick).tips()}
    assert tips == {" ".join(label.split()) for label in (f"{name} (subject)", name + " one", name + " two", "plain")}
    assert lineage.nearest_on_tree == name + " two"


def test_a_subject_of_the_bank_keeps_both_names(tmp_path: Path) -> None:
    lineage = placed(tmp_path, ["org/a", "org/b", "org/c"], "org/b", distance=0.0)
    assert {tip.name for tip in read(lineage.newick).tips()} == {"org/b (subject)", "org/a", "org/b", "org/c"}
    assert lineage.nearest_on_tree == "org/b"


def test_too_few_references_give_no_tree_and_say_so(tmp_path: Path) -> None:
    bank = make_bank(tmp_path / "bank", roots(1))
    measurement = make_measurement("me", make_blocks(7))
    lineage = place(measurement, bank, compare(measurement, bank))
    assert (lineage.newick, lineage.nearest_on_tree) == (None, None)
    assert lineage.reason == "a tree needs at least two references"


def test_a_model_without_attributions_gives_no_tree(tmp_path: Path) -> None:
    bank = make_bank(tmp_path / "bank")
    measurement = make_measurement("mute", np.zeros_like(make_blocks(0)))
    lineage = place(measurement, bank, compare(measurement, bank))
    assert (lineage.newick, lineage.reason) == (None, "a model has no attributions")


def test_a_large_bank_shows_the_nearest_and_one_of_each_family(tmp_path: Path) -> None:
    models = [
        (make_reference(f"m{n}", family=f"family-{n % 4}"), make_measurement(f"m{n}", make_blocks(n)))
        for n in range(60)
    ]
    bank = write_bank(tmp_path / "bank", models)
    measurement = make_measurement("me", blocks_at(make_blocks(33), 0.3))
    comparisons = compare(measurement, bank)
    lineage = place(measurement, bank, comparisons)
    tips = {tip.name for tip in read(lineage.newick).tips()}
    assert {c.reference for c in comparisons[:20]} <= tips
    assert len(tips) <= 25
    assert lineage.nearest_on_tree == "m33"
