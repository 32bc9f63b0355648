"""The synthetic bank and its judge, as the tests of the judge have them."""

from __future__ import annotations

from tests.verdict.conftest import calibration, calibrations, zoo

__all__ = ["calibration", "calibrations", "zoo"]
