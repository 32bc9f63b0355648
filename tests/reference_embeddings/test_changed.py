"""The table of mechanisms: which name is right for which documented one, and how cases are counted."""

from __future__ import annotations

import pytest

from provcheck.types import Mechanism
from reference_embeddings.recipe.changed import Case, expected, tables
from reference_embeddings.recipe.mechanisms import MECHANISMS
from reference_embeddings.recipe.plan import FROM_SCRATCH

CASES = [
    Case("calibration", "lora", "lora", True, "silent"),
    Case("calibration", "lora", "unclear", False, "silent"),
    Case("calibration", "prune", "prune", True, "right"),
    Case("calibration", "prune", "prune", True, "wrong"),
    Case("calibration", "independent, one architecture", "unclear", True, "silent"),
    Case("calibration", "merge", "merge", True, "-"),
    Case("held-out", "noise", "noise", True, "silent"),
]


@pytest.mark.parametrize("mechanism", sorted(set(MECHANISMS) - {FROM_SCRATCH}))
def test_every_mechanism_of_the_recipe_has_a_name(mechanism: str) -> None:
    assert expected(mechanism) in {one.value for one in Mechanism}


def test_the_table_counts_edges_only_in_its_shares() -> None:
    calibration, held_out = tables(CASES).split("### held-out")
    assert "4 edges and orders: 3 (75.0%) named rightly, 1 (25.0%) unclear" in calibration
    assert "1 (25.0%) said rightly, 1 (25.0%) wrongly, 2 (50.0%) not said" in calibration
    assert "| lora | 1 of 2 | lora 1, unclear 1 | 0, 0, 2 |" in calibration
    assert "| merge | 1 of 1 | merge 1 | - |" in calibration
    assert "1 edges and orders: 1 (100.0%) named rightly" in held_out
