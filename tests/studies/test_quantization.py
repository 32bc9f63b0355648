from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from provcheck.errors import StudyError
from provcheck.studies import run_study
from provcheck.studies.compressing import changed, pruned, rounded
from provcheck.studies.quantization import pairs_by_level
from provcheck.studies.variants import variant, weights_of
from provcheck.types import Study
from tests.studies.banks import small_bank
from tests.studies.conftest import Measured
from tests.synthetic import PROBES
from tests.tiny import save_probes

WEIGHT = np.random.default_rng(0).standard_normal((6, 40)).astype(np.float32)


@pytest.mark.parametrize("bits", [8, 4, 3, 2])
def test_a_row_has_as_many_values_as_the_bits_allow(bits: int) -> None:
    coarse = rounded(WEIGHT, bits)
    assert all(len(np.unique(row)) <= 2**bits - 1 for row in coarse)
    assert np.abs(coarse).max(axis=1) == pytest.approx(np.abs(WEIGHT).max(axis=1))
    assert np.abs(coarse - WEIGHT).max() <= np.abs(WEIGHT).max() / (2 ** (bits - 1) - 1) / 2 + 1e-6


def test_the_smallest_are_pruned() -> None:
    sparse = pruned(WEIGHT, 0.5)
    assert (sparse == 0).mean() == 0.5
    assert np.abs(WEIGHT[sparse == 0]).max() <= np.abs(sparse[sparse != 0]).min()
    assert pruned(WEIGHT, 0.0) is WEIGHT


def test_embeddings_and_norms_stay(measured: Measured) -> None:
    weights = weights_of(Path(measured.options.models[0]))
    coarse = changed(weights, lambda one: 0 * one)
    kept = {name for name, one in weights.items() if (coarse[name] == one).all()}
    assert kept == {name for name in weights if "embed" in name or "norm" in name or "lm_head" in name}
    assert 0 < len(kept) < len(weights)


def test_a_variant_has_the_files_and_the_new_weights(measured: Measured) -> None:
    folder = Path(measured.options.models[0])
    weights = {name: 2 * one for name, one in weights_of(folder).items()}
    with variant(folder, weights) as made:
        assert (made / "tokenizer.json").is_file() and (made / "config.json").is_file()
        again = weights_of(made)
        assert all((again[name] == one).all() for name, one in weights.items())
    assert not made.exists()


@pytest.fixture(scope="module")
def study(measured: Measured) -> Study:
    return run_study("quantization", measured.bank, replace(measured.options, models=measured.options.models[:2]))


def test_coarser_is_farther(study: Study) -> None:
    found = {one.name: one for one in study.findings}
    for names in (("8-bit", "4-bit", "2-bit"), ("10% pruned", "30% pruned", "70% pruned")):
        values = [found[f"KL, {name}, made now"].value or 0.0 for name in names]
        assert 0 < values[0] < values[1] < values[2]
    one = found["KL, 4-bit, made now"]
    assert one.n == 2 and one.ci95 and one.value
    assert one.ci95[0] < one.value < one.ci95[1]
    assert study.beside[0].published and study.beside[0].published.value == 0.49
    assert "329" in study.beside[0].why


def test_a_banks_own_pairs_stand_beside(tmp_path: Path, measured: Measured) -> None:
    bank = small_bank(tmp_path / "bank")
    assert {name: len(one) for name, one in pairs_by_level(bank).items()} == {"8-bit": 3, "4-bit": 3, "pruned": 3}
    own = str(save_probes(tmp_path / PROBES.name, PROBES))
    options = replace(
        measured.options, models=measured.options.models[:1], model=replace(measured.options.model, probes=own)
    )
    found = {one.name: one for one in run_study("quantization", bank, options).findings}
    assert found["KL, 4-bit, the bank's pairs"].n == 3
    assert found["mean cosine of shifts, 4-bit"].n == 3


def test_a_folder_without_weights_is_refused(measured: Measured, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no folder with"):
        run_study("quantization", measured.bank, replace(measured.options, models=(str(tmp_path),)))
