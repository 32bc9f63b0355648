from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from provcheck.bank import Bank, load_bank
from provcheck.bank.saving import add_file
from provcheck.errors import StudyError
from provcheck.studies import OWN_BANK, TABLE, run_study
from provcheck.studies.trajectory import SQUARED, WEIGHT_DISTANCES
from provcheck.types import Finding, Study
from tests.studies.banks import BASE, SPIKE, path_bank, small_bank


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    return path_bank(tmp_path_factory.mktemp("trajectory") / "bank")


@pytest.fixture(scope="module")
def study(bank: Bank) -> Study:
    return run_study("trajectory", bank)


def found(study: Study, name: str) -> Finding:
    return next(one for one in study.findings if one.name == name)


def test_the_outlier_is_found_and_nothing_else(study: Study) -> None:
    one = found(study, "outlier checkpoints")
    assert (one.value, one.note) == (1, f"org/b-{SPIKE}")


def test_a_run_that_diffuses_has_an_exponent_near_one(study: Study) -> None:
    one = found(study, "diffusion exponent of log-likelihoods, early starts")
    assert one.value == pytest.approx(1, abs=0.3)
    assert one.n == 2


def test_weights_that_were_not_kept_are_not_measured(study: Study) -> None:
    one = found(study, "diffusion exponent of weights")
    assert one.value is None and WEIGHT_DISTANCES in one.note


def test_weights_that_were_kept_are(bank: Bank, tmp_path: Path) -> None:
    own = path_bank(tmp_path / "bank")
    at = np.arange(len(own.references), dtype=np.float64)
    add_file(own, WEIGHT_DISTANCES, save({SQUARED: (at[:, None] - at[None]) ** 2}))
    again = run_study("trajectory", load_bank(str(own.folder)))
    assert found(again, "diffusion exponent of weights, late starts").value == pytest.approx(2)


def test_the_fine_tune_leaves_from_where_it_started(study: Study) -> None:
    (said,) = (one.here for one in study.beside if "fine-tune leaves" in one.experiment)
    assert f"nearest to the first checkpoint is step {BASE * 10} (it started from step {BASE * 10})" in said
    assert "of its own it is farther" in said


def test_a_bank_without_checkpoints_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no training run of 20 checkpoints"):
        run_study("trajectory", small_bank(tmp_path / "bank"))


def test_the_same_bank_gives_the_same_numbers(study: Study, bank: Bank) -> None:
    assert run_study("trajectory", bank) == study


def test_the_shipped_bank_shows_its_spike_and_slower_diffusion_of_log_likelihoods() -> None:
    assert set(OWN_BANK) <= set(TABLE)
    study = run_study("trajectory", load_bank(OWN_BANK["trajectory"]))
    assert found(study, "outlier checkpoints").note == "trajectories/s3-step0600"
    slow, fast = (found(study, f"diffusion exponent of {one}, late starts") for one in ("log-likelihoods", "weights"))
    assert (slow.value or 1) < (fast.value or 0)
    assert any("by weights: step 600" in one.here for one in study.beside)
