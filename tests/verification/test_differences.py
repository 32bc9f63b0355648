"""What is told apart in two reports, and how far numbers may lie apart."""

from __future__ import annotations

import math
from typing import Any

import pytest

from provcheck.signals.able.values import AbleValues, Distance
from provcheck.signals.likelihood.values import LikelihoodValues
from provcheck.types import Comparison, NotMeasured
from provcheck.verification.differences import differences, largest_shifts, too_far

SILENT = NotMeasured(not_measured="nobody looked")


def able(distance: float) -> AbleValues:
    one = Distance(cosine_distance=distance, ci95=None)
    return AbleValues(paper=one, contrast=one)


def likelihood(bits: float, se: float = 0.0) -> LikelihoodValues:
    return LikelihoodValues(
        bits_per_byte=bits, se=se, winsorised_bits_per_byte=bits, scale_band=None, reason="none", texts=40
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
        ({"likelihood": likelihood(1.0)}, {"likelihood": likelihood(1.0049)}, []),
        ({"likelihood": likelihood(1.0)}, {"likelihood": likelihood(1.0051)}, ["KL bits/byte"]),
        ({"likelihood": likelihood(1.0, 0.4)}, {"likelihood": likelihood(1.104)}, []),
        ({"likelihood": likelihood(1.0, 0.4)}, {"likelihood": likelihood(1.106)}, ["KL bits/byte"]),
        ({"likelihood": likelihood(1.0)}, {"likelihood": likelihood(1.104, 0.4)}, ["KL bits/byte"]),
        ({"likelihood": likelihood(1.0)}, {"likelihood": SILENT}, ["KL bits/byte"]),
        ({"likelihood": SILENT}, {"likelihood": likelihood(1.0)}, ["KL bits/byte"]),
        ({"likelihood": SILENT}, {"likelihood": SILENT}, []),
        ({"likelihood": likelihood(1.0), "able": able(0.3)}, {"able": able(0.3)}, ["KL bits/byte"]),
        ({}, {}, []),
    ],
)
def test_what_moved_too_far_is_named(old: dict[str, Any], new: dict[str, Any], far: list[str]) -> None:
    """By a cosine distance of 0.005, or by 0.005 bits/byte and a quarter of the standard error in the report."""
    said = list(too_far(comparison(**old), comparison(**new)))
    assert [line.split(" to org/a: ")[0] for line in said] == far


def test_what_moved_is_shown() -> None:
    old, new = comparison(likelihood=likelihood(1.0)), comparison(likelihood=SILENT)
    assert list(too_far(old, new)) == ["KL bits/byte to org/a: 1 became None"]
    assert list(too_far(new, old)) == ["KL bits/byte to org/a: None became 1"]


def test_the_largest_shift_is_a_share_of_what_is_accepted() -> None:
    pairs = [
        (comparison(able=able(0.3), likelihood=likelihood(1.0, 0.02)), comparison(able=able(0.301))),
        (comparison(able=able(0.3)), comparison(able=able(0.296))),
        (comparison(likelihood=likelihood(1.0, 0.02)), comparison(likelihood=likelihood(1.005))),
    ]
    shifts = largest_shifts(pairs[1:])
    assert shifts == pytest.approx({"ABLE paper": 0.8, "ABLE contrast": 0.8, "KL bits/byte": 0.5})
    assert math.isinf(largest_shifts(pairs)["KL bits/byte"])
