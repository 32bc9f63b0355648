from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from provcheck.errors import StudyError
from provcheck.studies import run_study
from provcheck.studies.layers import aligned
from tests.studies.conftest import Measured
from tests.tiny import save_tiny


def test_every_step_between_layers_is_measured(measured: Measured, tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("deep")
    models = tuple(str(save_tiny(home / f"deep-{n}", seed=n, num_hidden_layers=3)) for n in range(2))
    study = run_study("layers", measured.bank, replace(measured.options, models=models))
    steps = [one for one in study.findings if one.name.startswith("KL, layer")]
    assert [one.name for one in steps][:2] == ["KL, layer 1 to 2, deep-0", "KL, layer 2 to 3, deep-0"]
    assert len(steps) == 4 and all(one.ci95 and (one.value or 0) > 0 for one in steps)


def test_a_model_with_too_few_layers_is_an_error(measured: Measured) -> None:
    with pytest.raises(StudyError, match="2 layers; 3 are needed"):
        run_study("layers", measured.bank, measured.options)


def test_layers_are_aligned_where_the_nearest_is_as_deep() -> None:
    assert aligned(1 - np.eye(4)) == 1
    assert aligned(1 - np.eye(4)[::-1]) == 0
