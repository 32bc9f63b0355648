"""What the weights say about two models."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from provcheck.types import Comparison, Count, Share, SignalValues

ANCHORED, COORDINATES, INTRINSIC, PLACES, FINGERPRINT = (
    "neurons_anchored",
    "neurons_coordinates",
    "neurons_intrinsic",
    "neuron_places",
    "weights_fingerprint",
)
"""Names of the arrays: three of packed bits for each neuron; block, index and number of neurons of its block; and the
model as a whole, for distances to many others."""

INTRINSIC_COUNTS = 3.0
"""An intrinsic match means as much as an anchored one of three times its size: among the zoo's calibration models that
share no weights, it reaches 0.06, and the anchored one 0.13, or 0.22 where they began with the same random numbers."""

SHARED_START_MATCH = 0.6
"""Models that share no more than their random initialisation may match too, most where both saw the same text for as
long: in the zoo up to 0.35, and up to 0.51 in twelve further roots that were trained to find out. A bank may know no
such pair, so no match up to this accuses."""

Match = Annotated[float, Field(ge=-1, le=1)]


class WeightsValues(SignalValues):
    """Matches are shares of neurons that found their twin, each weighted with the cosine of what both write.

    About 0 for independent models, 1 for the same weights; the best pair of blocks counts.
    """

    anchored_match: Match | None = Field(description="seen through common words; None without enough of them")
    coordinate_match: Match | None = Field(description="as stored; None for models of different width")
    intrinsic_match: Match | None = Field(description="seen through the own attention; None without such")
    exact_p_value: Share | None = Field(
        description="that neurons of the same index are so alike by chance, if both models were initialised "
        "independently; None where no block has as many neurons in both"
    )
    distance: Share | None = Field(
        description="1 less the cosine of the fingerprints of all neurons: orders references by nearness; None without "
        "anchors"
    )
    matched: Count = Field(description="neurons that found their twin in the best pair of blocks")
    neurons: Count = Field(description="neurons of the smaller of these two blocks that were compared")
    blocks: tuple[tuple[Match, ...], ...] = Field(
        default=(), description="anchored match of each own block with each of the reference's; for one reference only"
    )

    @property
    def kin_match(self) -> float:
        """The larger of the two matches that do not depend on axes, the intrinsic one counted `INTRINSIC_COUNTS` times.

        0 without any, at most 1.
        """
        return max(0.0, min(1.0, max(self.anchored_match or 0.0, INTRINSIC_COUNTS * (self.intrinsic_match or 0.0))))


def weights_of(comparison: Comparison | None) -> WeightsValues | None:
    """The weights' values in a comparison; None if there are none."""
    found = comparison.signals.get("weights") if comparison else None
    return found if isinstance(found, WeightsValues) else None
