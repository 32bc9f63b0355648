"""What the tests of the judge share; a session makes it once, and tests must not change it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from provcheck.bank import Bank
    from provcheck.verdict.calibration import Calibration
    from provcheck.verdict.panels import Calibrations


@pytest.fixture(scope="session")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    """The synthetic bank."""
    from tests.verdict.zoo import make_zoo

    return make_zoo(tmp_path_factory.mktemp("banks") / "zoo")


@pytest.fixture(scope="session")
def calibrations(zoo: Bank) -> Calibrations:
    """The judge fitted on it."""
    from provcheck.verdict.fitting import calibrate

    return calibrate(zoo)


@pytest.fixture(scope="session")
def calibration(calibrations: Calibrations) -> Calibration:
    """Its panel of both signals."""
    return calibrations.largest
