"""The catalogue of published models and the manifests made from it."""

from __future__ import annotations

import pytest

from provcheck.bank.ancestry import Ancestry
from provcheck.bank.manifest import read_build_manifest
from provcheck.io import data
from provcheck.types import Relation
from reference_embeddings.catalog import manifest, read_catalogue

SIZES = {"able-239": 239, "finetune-87": 87, "layers-59": 59, "pretraining-14": 14}


@pytest.mark.parametrize(("name", "size"), SIZES.items())
def test_holds_the_papers_lists(name: str, size: int) -> None:
    rows = [row for row in read_catalogue() if name in row["lists"].split()]
    assert len(rows) == size == len({row["id"] for row in rows})


@pytest.mark.parametrize("name", ["able-239", "finetune-87"])
def test_the_shipped_manifest_is_up_to_date_and_valid(name: str) -> None:
    path = data.manifest_file(name)
    assert path.read_text(encoding="utf-8") == manifest(name)
    assert len(read_build_manifest(path).models) == SIZES[name]


def test_a_documented_fine_tune_is_derived_and_an_undocumented_pair_is_not_called_independent() -> None:
    ancestry = Ancestry(read_build_manifest(data.manifest_file("finetune-87")).models)
    base, tuned = "mistralai/Mistral-7B-v0.1", "HuggingFaceH4/zephyr-7b-beta"
    assert ancestry.relation(base, tuned) is Relation.DERIVED
    assert ancestry.relation(tuned, "google/gemma-7b") is Relation.INCONCLUSIVE
