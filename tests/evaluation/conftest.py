"""The synthetic bank and its judge, as the tests of the judge have them."""

from __future__ import annotations

from tests.verdict.conftest import calibration, zoo

__all__ = ["calibration", "zoo"]
