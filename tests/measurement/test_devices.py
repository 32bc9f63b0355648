"""Numbers that repeat: a GPU is asked for kernels that give the same bits, and left as it was afterwards."""

from __future__ import annotations

import os
import warnings
from typing import Any

import pytest
import torch

from provcheck.measurement.devices import repeatable


def settings() -> tuple[bool, bool, bool]:
    filled: Any = torch.utils.deterministic
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        filled.fill_uninitialized_memory,
    )


def test_on_a_gpu_kernels_repeat_and_the_settings_are_restored() -> None:
    before = settings()
    with repeatable(torch.device("cuda")):
        assert settings() == (True, True, False)
        warnings.warn("cumsum does not have a deterministic implementation", stacklevel=1)  # an error, were it shown
    assert settings() == before
    with pytest.raises(KeyError), repeatable(torch.device("cuda")):
        raise KeyError
    assert settings() == before
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"]


def test_on_the_cpu_nothing_is_set() -> None:
    before = settings()
    with repeatable(torch.device("cpu")):
        assert settings() == before
