"""Settings hardly move the numbers of a real small model; `python -m tests.benchmarks precision` shows it for more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from provcheck.io import data
from provcheck.measurement import MeasureOptions
from provcheck.probes import load_probes
from provcheck.targets.resolution import resolve
from provcheck.types import Measurement, ProbeSet
from tests.benchmarks.precision import BASE, HALF, between, rounded_copy
from tests.measured import measure


@pytest.fixture(scope="module")
def subset() -> ProbeSet:
    """Twelve questions, and texts of all domains, also in scripts that the model has never seen."""
    probes = load_probes()
    return replace(probes, questions=probes.questions[::40], texts=probes.texts[::16])


@pytest.fixture(scope="module")
def base(subset: ProbeSet) -> Measurement:
    return measure(resolve(str(data.demo_folder())), subset, BASE)


@pytest.mark.parametrize("tokens", [1, 256, 8192])
def test_batches_and_padding_move_nothing_but_the_last_bits(tokens: int, base: Measurement, subset: ProbeSet) -> None:
    model = resolve(str(data.demo_folder()))
    moved = between(base, measure(model, subset, MeasureOptions("cpu", "float32", tokens)), subset)
    assert max(moved.contrast, moved.paper) < 1e-9
    assert moved.kl_bits_per_byte < 1e-9


def test_the_same_settings_repeat_bit_for_bit(base: Measurement, subset: ProbeSet) -> None:
    assert between(base, measure(resolve(str(data.demo_folder())), subset, BASE), subset).same_bits


def test_bfloat16_moves_what_rounding_the_weights_moves_and_little_more(
    base: Measurement, subset: ProbeSet, tmp_path: Path
) -> None:
    """A model whose weights are bfloat16 already, as those of most published models, reaches both aims."""
    rounded = resolve(str(rounded_copy(data.demo_folder(), tmp_path / "rounded")))
    exact = measure(rounded, subset, BASE)
    arithmetic = between(exact, measure(rounded, subset, HALF), subset)
    assert arithmetic.within
    both = between(base, measure(resolve(str(data.demo_folder())), subset, HALF), subset)
    assert max(both.contrast, both.paper) < 0.005
    assert arithmetic.kl_bits_per_byte < both.kl_bits_per_byte < 0.05
