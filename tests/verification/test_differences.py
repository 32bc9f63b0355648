"""What is told apart in two reports, and how far numbers may lie apart."""

from __future__ import annotations

import math
from typing import Any

import pytest

from provcheck.signals.able.values import AbleValues, CategoryDistance, Distance
from provcheck.signals.likelihood.kl_scale import load_scale
from provcheck.signals.likelihood.values import LikelihoodValues
from provcheck.types import Comparison, NotMeasured
from provcheck.verification.differences import differences, largest_shift, too_far

SILENT = NotMeasured(not_measured="nobody looked")


LOW = ["ABLE contrast (low end)", "ABLE paper (low end)"]
HIGH = ["ABLE contrast (high end)", "ABLE paper (high end)"]
KL = ["KL bits/byte", "winsorised KL bits/byte"]
ALL = [*KL, "standard error of KL", "texts"]
BANDS = [band.name for band in load_scale().bands]


def able(distance: float, ci95: tuple[float, float] | None = None, on_few: float | None = None) -> AbleValues:
    one = Distance(cosine_distance=distance, ci95=ci95)
    few = Distance(cosine_distance=on_few, ci95=None) if on_few else None
    categories = (CategoryDistance(category="recall", blocks=2, distance=few),) if few else ()
    return AbleValues(paper=one, contrast=one, categories=categories)


def likelihood(bits: float, se: float = 0.0, texts: int = 40, band: str | None = None) -> LikelihoodValues:
    return LikelihoodValues(
        bits_per_byte=bits, se=se, winsorised_bits_per_byte=bits, scale_band=band, reason="none", texts=texts
    )


def comparison(**signals: Any) -> Comparison:
    return Comparison(reference="org/a", signals=signals)


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": [1, {"b": 2.0}]}, {"a": [1, {"b": 2.1}]}, ["a[1].b: 2 became 2.1"]),
        ({"a": 1}, {}, ["a: 1 became None"]),
        ({}, {"a": "x"}, ["a: None became 'x'"]),
        ([1, 2], [1], [": [1, 2] became [1]"]),
        (True, 1, [": True became 1"]),
        (1000.0, 1000.9, []),
        (0.001, 0.0019, []),
        (0.001, 0.0021, [": 0.001 became 0.0021"]),
    ],
)
def test_differences(old: Any, new: Any, found: list[str]) -> None:
    assert list(differences(old, new, 0.001)) == found


@pytest.mark.parametrize(
    ("old", "new", "far"),
    [
        ({"able": able(0.3)}, {"able": able(0.3049)}, []),
        ({"able": able(0.3)}, {"able": able(0.3051)}, ["ABLE contrast", "ABLE paper"]),
        ({"able": able(0.3)}, {"able": able(0.2949)}, ["ABLE contrast", "ABLE paper"]),
        ({"able": able(0.3, (0.2, 0.4))}, {"able": able(0.3, (0.2099, 0.3901))}, []),
        ({"able": able(0.3, (0.2, 0.4))}, {"able": able(0.3, (0.2101, 0.4))}, LOW),
        ({"able": able(0.3, (0.2, 0.4))}, {"able": able(0.3)}, [*LOW[:1], HIGH[0], *LOW[1:], HIGH[1]]),
        ({"able": able(0.3, on_few=0.3)}, {"able": able(0.3, on_few=0.319)}, []),
        ({"able": able(0.3, on_few=0.3)}, {"able": able(0.3, on_few=0.321)}, ["ABLE on recall"]),
        ({"able": able(0.3, on_few=0.3)}, {"able": able(0.3)}, ["ABLE on recall"]),
        ({"likelihood": likelihood(1.0)}, {"likelihood": likelihood(1.0049)}, []),
        ({"likelihood": likelihood(1.0)}, {"likelihood": likelihood(1.0051)}, KL),
        ({"likelihood": likelihood(1.0, 0.4)}, {"likelihood": likelihood(1.104, 0.4)}, []),
        ({"likelihood": likelihood(1.0, 0.4)}, {"likelihood": likelihood(1.106, 0.4)}, KL),
        ({"likelihood": likelihood(1.0)}, {"likelihood": likelihood(1.104, 0.4)}, [*KL, "standard error of KL"]),
        ({"likelihood": likelihood(1.0)}, {"likelihood": likelihood(1.0, texts=39)}, ["texts"]),
        ({"likelihood": likelihood(1.0)}, {"likelihood": likelihood(1.0, band="no band")}, ["place on the KL scale"]),
        ({"likelihood": likelihood(1.0, band=BANDS[1])}, {"likelihood": likelihood(1.0, band=BANDS[2])}, []),
        (
            {"likelihood": likelihood(1.0, band=BANDS[1])},
            {"likelihood": likelihood(1.0, band=BANDS[3])},
            ["place on the KL scale"],
        ),
        ({"likelihood": likelihood(1.0)}, {"likelihood": SILENT}, ALL),
        ({"likelihood": SILENT}, {"likelihood": likelihood(1.0)}, ALL),
        ({"likelihood": SILENT}, {"likelihood": SILENT}, []),
        ({"likelihood": likelihood(1.0), "able": able(0.3)}, {"able": able(0.3)}, ALL),
        ({}, {}, []),
    ],
)
def test_what_moved_too_far_is_named(old: dict[str, Any], new: dict[str, Any], far: list[str]) -> None:
    """By a cosine distance of 0.005, or by 0.005 bits/byte and a quarter of the standard error in the report."""
    said = list(too_far(comparison(**old), comparison(**new)))
    assert [line.split(" to org/a: ")[0] for line in said] == far


def test_what_moved_is_shown() -> None:
    old, new = comparison(likelihood=likelihood(1.0)), comparison(likelihood=SILENT)
    assert next(too_far(old, new)) == "KL bits/byte to org/a: 1 became None"
    assert next(too_far(new, old)) == "KL bits/byte to org/a: None became 1"


def test_the_largest_shift_is_a_share_of_what_is_accepted() -> None:
    pairs = [
        (comparison(able=able(0.3), likelihood=likelihood(1.0, 0.02)), comparison(able=able(0.301))),
        (comparison(able=able(0.3)), comparison(able=able(0.296))),
        (comparison(likelihood=likelihood(1.0, 0.02)), comparison(likelihood=likelihood(1.005, 0.02))),
    ]
    found = [largest_shift(some) for some in (pairs, pairs[1:], pairs[2:])]
    assert [name for name, _ in found] == ["KL bits/byte to org/a", "ABLE contrast to org/a", "KL bits/byte to org/a"]
    assert [share for _, share in found] == pytest.approx([math.inf, 0.8, 0.5])
    assert largest_shift([]) == ("", 0.0)
