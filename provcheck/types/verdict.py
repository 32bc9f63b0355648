"""What follows from the comparisons: verdict, place on the tree, place on the map."""

from __future__ import annotations

from pydantic import Field

from provcheck.types.base import Coordinate, Count, Number, Positive, Record, Relation, Share


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
    reasons: tuple[str, ...]
    parents: tuple[Parent, ...] = ()
    """Both parents, where the subject looks like a merge of two references."""


class NullDistribution(Record):
    """A feature of the independent pairs that the judge was calibrated on, as a histogram."""

    edges: tuple[Number, ...] = Field(description="ends of the bins; one more than counts")
    counts: tuple[Count, ...]
    nearest: Number = Field(description="the value of the pair that looks most like a related one")


class JudgeFacts(Record):
    """What turned comparisons into relations."""

    name: str = Field(description="the judge in one line: what it was fitted on, and how often it accuses wrongly")
    features: tuple[str, ...] = Field(default=(), description="what it reads from a comparison, as signal.feature")
    accuse_above: Number | None = Field(default=None, description="score above which it calls two models related")
    acquit_up_to: Number | None = Field(default=None, description="score up to which it calls them independent")
    null: dict[str, NullDistribution] = Field(default_factory=dict, description="by feature")


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
