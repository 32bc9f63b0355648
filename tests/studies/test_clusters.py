from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from provcheck.errors import StudyError
from provcheck.studies import run_study
from provcheck.studies.clustering import (
    against_chance,
    cophenetic,
    estimate,
    labels_of,
    neighbours,
    purity,
    silhouette,
)
from provcheck.types import Floats, Ints, Study
from tests.studies.banks import small_bank
from tests.synthetic import make_bank

LABELS = labels_of([name for name in "abc" for _ in range(6)])
STREAM = np.random.default_rng(0)
CENTRES = 10 * np.eye(3)[LABELS]


def distances(points: Floats) -> Floats:
    return np.asarray(np.linalg.norm(points[:, None] - points[None], axis=-1))


APART = distances(CENTRES + 0.1 * STREAM.standard_normal((18, 3)))
MIXED = distances(STREAM.standard_normal((18, 3)))
SHUFFLED: Ints = np.random.default_rng(1).permutation(LABELS)


@pytest.mark.parametrize("statistic", [purity, neighbours])
def test_groups_far_apart_are_pure_and_mixed_ones_are_not(statistic: object) -> None:
    assert callable(statistic)
    assert statistic(APART, LABELS) == 1
    assert statistic(APART, SHUFFLED) < 0.8


def test_the_silhouette_and_the_tree_tell_them_apart() -> None:
    assert silhouette(APART, LABELS) > 0.95
    assert silhouette(MIXED, LABELS) < 0.3
    assert cophenetic(APART, LABELS) > 0.99 > cophenetic(MIXED, LABELS)


@pytest.mark.parametrize("statistic", [purity, neighbours, silhouette])
def test_chance_is_what_dealt_labels_give(statistic: object) -> None:
    assert callable(statistic)
    chance, p = against_chance(statistic, APART, LABELS)
    assert chance < statistic(APART, LABELS) and p == 1 / 500
    assert against_chance(statistic, MIXED, LABELS)[1] > 0.01


def test_the_interval_is_over_families() -> None:
    one = estimate(silhouette, APART, LABELS, LABELS)
    assert one.low <= one.value <= one.high and one.n == 18
    assert estimate(neighbours, APART, LABELS, LABELS).high == 1


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return run_study("clusters", small_bank(tmp_path_factory.mktemp("clusters") / "bank"))


def test_families_of_near_models_are_found(study: Study) -> None:
    found = {one.name: one for one in study.findings}
    assert found["purity of clusters, family, ABLE, contrast view"].value == 1
    assert found["nearest of the same label, family, log-likelihoods"].value == 1
    assert "chance" in found["purity of clusters, family, ABLE, contrast view"].note
    assert any("no sampled continuations" in one for one in study.limits)
    assert not [name for name in found if "PhyloLM" in name]


def test_tree_and_map_show_the_roots_and_every_model(study: Study) -> None:
    tree, drawn = study.figures
    assert tree.newick and tree.newick.count("org/root") == 3
    assert len(drawn.points) == 15


def test_a_bank_of_roots_has_no_clusters(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="one of them with several members"):
        run_study("clusters", make_bank(tmp_path / "bank"))
