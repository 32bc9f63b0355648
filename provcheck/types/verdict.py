"""What follows from the comparisons: verdict, place on the tree, place on the map."""

from __future__ import annotations

from pydantic import Field

from provcheck.types.base import Coordinate, Count, Number, Positive, Record, Relation, Share
from provcheck.types.comparison import Comparison


class Parent(Record):
    """One parent of a merge; weights need not sum to 1."""

    reference: str
    weight: Positive


class Verdict(Record):
    """The relation to the nearest reference, or `inconclusive`, with reasons in plain English."""

    relation: Relation
    reference: str | None
    probability: Share | None
    p_value: Share | None
    exact_p_value: Share | None = Field(
        default=None,
        description="that neurons of the same index are so alike by chance, if both models were initialised "
        "independently; needs no other models",
    )
    reasons: tuple[str, ...]
    parents: tuple[Parent, ...] = ()
    """Both parents, where the subject looks like a merge of two references."""


class NullDistribution(Record):
    """A feature of the independent pairs that the judge was calibrated on, as a histogram."""

    edges: tuple[Number, ...] = Field(description="ends of the bins; one more than counts")
    counts: tuple[Count, ...]
    nearest: Number = Field(description="the value of the pair that looks most like a related one")


class PanelFacts(Record):
    """What judges by one set of signals."""

    signals: tuple[str, ...]
    features: tuple[str, ...] = Field(description="what it reads from a comparison, as signal.feature")
    accuse_above: Number = Field(description="score above which it calls two models related")
    acquit_up_to: Number = Field(description="score up to which it calls them independent")
    independent_pairs: Count = Field(description="of the models that it was calibrated on")
    related_pairs: Count
    false_accusation_upper: Share = Field(description="95 % upper bound of the share of independent pairs it accuses")
    null: dict[str, NullDistribution] = Field(description="by feature: of those that say whether two are related")


class JudgeFacts(Record):
    """What turned comparisons into relations; none of the panels where the judge is not calibrated."""

    name: str = Field(description="the judge in one line: what it was fitted on, and how often it accuses wrongly")
    panels: tuple[PanelFacts, ...] = Field(default=(), description="those that judged a comparison of this report")

    def null_of(self, feature: str, comparison: Comparison | None) -> NullDistribution | None:
        """A feature among the independent pairs of the panel that judged the comparison; None if it read no such."""
        judged_by = comparison.judged_by if comparison else ()
        return next((panel.null.get(feature) for panel in self.panels if panel.signals == judged_by), None)


class Lineage(Record):
    """A Neighbor-Joining tree over the subject and its nearest references.

    The name of an inner node of `newick` is the bootstrap support of the edge above it, in percent, rounded down. The
    tree is rooted midway between its two farthest leaves; it has no root of its own.
    """

    newick: str | None
    subject: str | None = Field(default=None, description="name of the subject's leaf")
    nearest_on_tree: str | None
    reason: str | None = None
    resamples: Count = Field(default=0, description="bootstrap trees behind the support values")
    nearest_support: Share | None = Field(
        default=None, description="share of the bootstrap trees on which the same reference is nearest, 0 to 1"
    )


class MapPoint(Record):
    """One model on the map; the coordinates have no unit."""

    id: str
    family: str | None
    x: Coordinate
    y: Coordinate
    subject: bool = False


class BankMap(Record):
    """References and subject in two dimensions, by t-SNE. Near is alike; how far two groups are apart says little."""

    points: tuple[MapPoint, ...] = ()
    reason: str | None = None
