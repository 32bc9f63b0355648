from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from provcheck.errors import StudyError
from provcheck.studies import run_study
from provcheck.studies.interpolation import interpolate
from provcheck.studies.material import RawAttributions, probes_of, raw_attributions
from provcheck.studies.probe_subsets import disjoint, question_grams
from provcheck.studies.projections import distances, projected
from provcheck.studies.statistics import correlation, upper
from provcheck.types import Floats, Study
from tests.studies.banks import small_bank
from tests.studies.conftest import Measured
from tests.synthetic import PROBES
from tests.tiny import save_probes, tiny_probes


@pytest.fixture(scope="module")
def study(measured: Measured) -> Study:
    return run_study("robustness", measured.bank, measured.options)


def raw_of(measured: Measured) -> RawAttributions:
    return raw_attributions(measured.bank, probes_of(measured.bank, measured.options))


@pytest.mark.parametrize("view", ["contrast", "paper"])
def test_the_raw_vectors_give_the_distances_of_the_bank(measured: Measured, view: str) -> None:
    """Up to the projection, which keeps them nearly."""
    grams = question_grams(raw_of(measured), contrast=view == "contrast")
    blocks = measured.bank.stacks["able"].arrays[f"able_{view}_blocks"].astype(np.float64)
    flat = blocks.reshape(len(blocks), -1)
    cosine = flat @ flat.T / np.outer(np.linalg.norm(flat, axis=1), np.linalg.norm(flat, axis=1))
    exact = grams.of(np.arange(len(grams.products)))
    assert correlation(upper(exact), upper(np.sqrt(np.maximum(0, 2 - 2 * cosine)))) > 0.9


def test_more_dimensions_keep_more(measured: Measured) -> None:
    raw = raw_of(measured)
    exact = upper(question_grams(raw, contrast=True).of(np.arange(len(raw.places))))
    found: Floats = next(projected(raw, contrast=True))
    kept = [float(np.abs(upper(distances(found, k)) - exact).max()) for k in (4, 64, 1024)]
    assert kept[0] > kept[1] > kept[2]


def test_two_sets_share_no_probe_and_hold_every_category() -> None:
    kinds = ["a"] * 8 + ["b"] * 4
    for one, two in disjoint(kinds, 4):
        assert not set(one) & set(two)
        assert sorted(kinds[place] for place in one) == ["a", "a", "b"]


def test_a_path_begins_and_ends_at_its_models(measured: Measured) -> None:
    grid = interpolate(measured.options, probes_of(measured.bank, measured.options))
    assert grid.shares.shape == (25, 2)
    for anchor in (1, 2):
        shares, apart = grid.path("contrast", anchor)
        assert list(shares) == [0, 0.25, 0.5, 0.75, 1]
        assert apart[0] == 0 and apart[-1] > 0
    first, last = grid.shares[0], grid.shares[-1]
    assert list(first) == [0, 0] and list(last) == [1, 1]
    assert grid.weights[0, 5] == pytest.approx(grid.weights[0, 20] / 4), "a quarter of the way to the second model"


def test_the_study_says_what_was_found_beside_the_paper(study: Study) -> None:
    halves, _, texts, _, grid = study.beside
    assert halves.published and halves.published.value == 0.722
    assert "r = " in halves.here and f"{len('abcdef')} models" in halves.here
    assert texts.published and "25 models" in grid.here
    assert [one.id for one in study.figures] == ["subsets", "dimensions", "paths"]
    named = {one.name for one in study.findings}
    assert "r, log-likelihoods, disjoint 1/2 of the probes" in named
    assert "r, log-likelihoods, disjoint 1/4 of the probes" not in named, "20 texts are too few"


def test_two_models_give_a_path(measured: Measured) -> None:
    options = replace(measured.options, models=measured.options.models[:2])
    grid = interpolate(options, probes_of(measured.bank, options))
    assert grid.path("paper", 1)[0].tolist() == [0, 0.25, 0.5, 0.75, 1]


def test_what_is_missing_is_said(measured: Measured, tmp_path: Path) -> None:
    synthetic = small_bank(tmp_path / "bank")
    with pytest.raises(StudyError, match="other probes"):
        run_study("robustness", synthetic, measured.options)
    own = save_probes(tmp_path / PROBES.name, PROBES)
    here = replace(measured.options, model=replace(measured.options.model, probes=str(own)))
    with pytest.raises(StudyError, match="no raw attributions") as caught:
        run_study("robustness", synthetic, here)
    assert "--raw" in caught.value.hint
    with pytest.raises(StudyError, match=r"no folder with config\.json"):
        interpolate(replace(measured.options, models=(str(tmp_path),)), tiny_probes())
    with pytest.raises(StudyError, match="2 models are needed"):
        interpolate(replace(measured.options, models=measured.options.models[:1]), tiny_probes())
