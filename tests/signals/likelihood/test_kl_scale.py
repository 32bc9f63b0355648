"""The papers' scale, and when it has nothing to say."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provcheck.signals.likelihood.kl_scale import load_scale, place_on_scale
from provcheck.signals.likelihood.values import MAX_KL

PAPER = {  # Table 2(a): median, mean, standard deviation
    "checkpoint-late": (0.011, 0.014, 0.0050),
    "checkpoint-early": (0.067, 0.078, 0.047),
    "seed": (0.12, 0.12, 0.0071),
    "size": (0.48, 0.61, 0.47),
    "8-bit": (0.44, 0.80, 1.9),
    "4-bit": (0.49, 0.91, 2.0),
    "fine-tune": (0.40, 1.5, 3.6),
    "same-type": (0.95, 2.8, 6.4),
    "random": (2.2, 5.3, 8.8),
    "layer": (3.0, 8.1, 13),
}


def test_the_shipped_scale_is_the_papers_table() -> None:
    settings = {setting.name: (setting.median, setting.mean, setting.sd) for setting in load_scale().settings}
    assert settings == PAPER


def test_bands_lie_among_the_medians_of_their_settings() -> None:
    placed: list[str] = []
    for band in load_scale().bands:
        medians = [PAPER[setting][0] for setting in band.settings]
        assert min(medians) <= band.median <= max(medians)
        placed += band.settings
    assert sorted(placed) == sorted(PAPER.keys() - {"layer"})


@pytest.mark.parametrize(
    ("kl", "band"),
    [
        (0.0, "checkpoint"),
        (0.011, "checkpoint"),
        (0.12, "seed"),
        (0.40, "fine-tune / quantization / size"),
        (0.49, "fine-tune / quantization / size"),
        (0.95, "same type"),
        (1.9, "random pair"),
    ],
)
def test_a_divergence_has_its_band(kl: float, band: str) -> None:
    assert place_on_scale(kl, 1.0, 1.2) == (band, None)


@given(st.floats(MAX_KL, 1e6))
def test_from_two_bits_a_byte_on_it_has_none(kl: float) -> None:
    assert place_on_scale(kl, 1.0, 1.0) == (None, "KL is 2 bits a byte or more, beyond the range of its estimate")


@given(st.floats(1e-4, MAX_KL, exclude_max=True))
def test_the_band_is_the_nearest_in_ratio(kl: float) -> None:
    name, _ = place_on_scale(kl, 1.0, 1.0)
    ratios = {band.name: max(kl / band.median, band.median / kl) for band in load_scale().bands}
    assert name is not None
    assert math.isclose(ratios[name], min(ratios.values()))


@pytest.mark.parametrize("bits", [(2.01, 1.0), (1.0, 4.2), (3.0, 3.0)])
def test_models_beyond_two_bits_a_byte_are_off_the_scale(bits: tuple[float, float]) -> None:
    band, reason = place_on_scale(0.4, *bits)
    assert band is None
    assert reason is not None
    assert f"{max(bits):.2f} bits a byte" in reason


def test_two_bits_a_byte_are_still_on_it() -> None:
    assert place_on_scale(0.4, 2.0, 0.7)[0] is not None


@pytest.mark.parametrize("bits", [(None, 1.0), (1.0, None)])
def test_an_unknown_code_length_is_off_the_scale(bits: tuple[float | None, float | None]) -> None:
    band, reason = place_on_scale(0.4, *bits)
    assert band is None
    assert reason is not None
    assert "not known" in reason
