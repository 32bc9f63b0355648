"""What a measurement says beside those of the references."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from provcheck.types.base import Coordinate, CosineDistance, Count, Positive, Record, Relation, Share


class Reference(Record):
    """One model of a bank with its documented lineage."""

    id: str
    family: str
    parents: tuple[str, ...] = ()
    mechanism: str = "from-scratch"
    license: str | None = None
    split: Literal["calibration", "held-out"] | None = None


class Distance(Record):
    """Cosine distance of two ABLE embeddings with a 95 % bootstrap interval over blocks of questions."""

    cosine_distance: CosineDistance
    ci95: tuple[CosineDistance, CosineDistance]


class AbleDistances(Record):
    """Distances in both views; None with a reason where either model lacks too many questions."""

    paper: Distance | None
    contrast: Distance | None
    reason: str | None = None


class KLDivergence(Record):
    """KL divergence in bits/byte; `scale_band` is its place on the papers' scale, or None with `reason`."""

    bits_per_byte: Positive | None
    se: Positive | None
    scale_band: str | None
    reason: str | None = None
    texts: Count = Field(description="texts that both models measured")


class Comparison(Record):
    """Subject against one reference."""

    reference: str
    family: str | None = None
    mechanism: str | None = None
    license: str | None = None
    relation: Relation
    probabilities: dict[Relation, Share] | None = Field(description="None while no judge is calibrated for this bank")
    able: AbleDistances
    kl: KLDivergence
    p_value: Share | None
    same_weights: bool = Field(default=False, description="the weight files have the same digests")


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


class Lineage(Record):
    """A Neighbor-Joining tree over the subject and its nearest references.

    The name of an inner node of `newick` is the bootstrap support of the edge above it, in percent, rounded down. The
    subject's tip is `ID (subject)`. The tree is rooted midway between its two farthest tips; it has no root of its own.
    """

    newick: str | None
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
    """References and subject in two dimensions: t-SNE of ABLE contrast distances. Near is alike, far says little."""

    points: tuple[MapPoint, ...] = ()
    reason: str | None = None


class Agreement(Record):
    """How far the subject is from one reference on the questions of one category (ABLE contrast view)."""

    category: str
    blocks: Count = Field(description="blocks of questions of that category")
    distance: Distance | None


class NullDistribution(Record):
    """ABLE contrast distances of the independent pairs that the judge was calibrated on, as a histogram."""

    edges: tuple[CosineDistance, ...] = Field(description="ends of the bins; one more than counts")
    counts: tuple[Count, ...]
    accuse_below: CosineDistance = Field(
        description="smallest distance of an independent pair; the judge accuses below it"
    )


class KLBand(Record):
    """One kind of change on the papers' KL scale; median in bits/byte."""

    name: str
    median: Positive


class Background(Record):
    """What the subject's numbers are seen against."""

    null: NullDistribution | None = None
    kl_bands: tuple[KLBand, ...] = ()
    kl_source: str = ""
