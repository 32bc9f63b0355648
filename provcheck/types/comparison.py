"""What comes out of comparing a subject's measurement with a reference's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SerializeAsAny, ValidationInfo

from provcheck.types.base import Count, Number, Record, Relation, Share
from provcheck.types.measurement import NotMeasured
from provcheck.types.notebook import cell, flat, table
from provcheck.types.subject import Subject


class Reference(Record):
    """One model of a bank with its documented lineage."""

    id: str
    family: str
    parents: tuple[str, ...] = ()
    mechanism: str = Field(default="undocumented", description="how it was made; of what nobody documented, only this")
    license: str | None = None
    split: Literal["calibration", "held-out"] | None = None
    initialisation: str | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="of a model from scratch: the model that first had its random initialisation, if another",
    )
    step: int | None = Field(
        default=None,
        ge=0,
        exclude_if=lambda value: value is None,
        description="of a checkpoint: the training step; its parent is the checkpoint before it",
    )


class Shortlist(Record):
    """How much of a large bank was compared in full."""

    compared: Count = Field(description="references that were compared in full")
    listed: Count = Field(
        description="references that were not: by every list of likely relatives, others came before them"
    )
    lists: tuple[str, ...] = Field(description="what the lists go by; a relative that is far in each is missed")
    unlisted: tuple[str, ...] = Field(
        default=(),
        description="ids of references that were not compared in full either, and that some list lacks, as its signal "
        "could not measure them: nothing is known of these",
        exclude_if=lambda value: not value,
    )


Found = Literal["given", "beside", "adapter", "hub"]
"""Where a reference at hand was found."""


class AtHand(Record):
    """What a reference is that was measured for one audit; no bank documents where it comes from."""

    subject: Subject
    measurement: str = Field(description="sha256 over the arrays of its measurement")
    found: Found = Field(
        description="given: named by --reference; else the claimed base, found in a folder beside the model, under the "
        "adapter, or on the Hub or in its local cache"
    )


class SignalValues(Record):
    """Base of what a signal says of two models; each signal has a record of its own, with units in its fields."""


class Interval(Record):
    """A distance with the ends of its 95 % interval; smaller is nearer. The unit is the signal's."""

    value: Number
    low: Number
    high: Number


def records_by_name(found: Any, info: ValidationInfo, kind: str) -> Any:
    """Records by the name of their signal; JSON is parsed with the classes in `info.context[kind]`.

    The types below know no signal, so the reader of a report passes in the classes (`provcheck.signals.read_record`).
    """
    if not isinstance(found, Mapping):
        return found
    classes: Mapping[str, type[Record]] = (info.context or {}).get(kind, {})
    return {name: _record(name, value, classes) for name, value in found.items()}


def _record(name: str, value: Any, classes: Mapping[str, type[Record]]) -> Any:
    if isinstance(value, Record):
        return value
    if isinstance(value, Mapping) and "not_measured" in value:
        return NotMeasured.model_validate(value)
    if name not in classes:
        raise ValueError(f"the signal '{str(name)[:40]}' is not known")
    return classes[name].model_validate(value)


def _values(found: Any, info: ValidationInfo) -> Any:
    return records_by_name(found, info, "values")


class Comparison(Record):
    """Subject against one reference."""

    reference: str
    family: str | None = None
    mechanism: str | None = None
    license: str | None = None
    relation: Relation = Relation.INCONCLUSIVE
    probabilities: dict[Relation, Share] | None = Field(
        default=None, description="None where no judge is calibrated for this bank, or it has too little to read"
    )
    score: Number | None = Field(default=None, description="the judge's score; it accuses only above its threshold")
    p_value: Share | None = None
    judged_by: tuple[str, ...] = Field(default=(), description="the signals that the calibrated judge went by")
    copy_ruled_out: bool = Field(
        default=False,
        exclude_if=lambda value: not value,
        description="less alike than copies in everything that was judged by, related or not; left out where it is not",
    )
    signals: Annotated[dict[str, SerializeAsAny[SignalValues | NotMeasured]], BeforeValidator(_values)]
    same_weights: bool = Field(default=False, description="the weight files have the same digests")
    at_hand: AtHand | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="of a reference that was measured for this audit: what it is; left out for those of the bank",
    )
    named: Count = Field(
        default=0,
        exclude_if=lambda value: value == 0,
        description="of a reference that was named before anything was measured, as a claim or by --reference: how "
        "many were; its p-value is corrected for these alone",
    )
    ends: tuple[str, ...] = Field(
        default=(),
        exclude_if=lambda value: not value,
        description="of a large bank: the lists of likely relatives that end with this reference; those that were not "
        "compared in full come behind it in each",
    )

    @property
    def related_probability(self) -> float | None:
        """Probability of being related: 1 for equal weight files, None where it is unknown."""
        if self.same_weights:
            return 1.0
        if self.probabilities is None:
            return None
        return sum(value for relation, value in self.probabilities.items() if relation.related)

    def row(self) -> dict[str, Any]:
        """Its single values by their path, as `to_frame` of a report has them: `able.contrast.cosine_distance`."""
        known = {"related_probability": self.related_probability}
        return {name.removeprefix("signals."): value for name, value in (flat(self) | known).items()}

    def _repr_html_(self) -> str:
        """What notebooks show."""
        said = ((name, value) for name, value in self.row().items() if value is not None and name != "reference")
        return f"<p>{cell(self.relation.value)}: {cell(self.reference)}</p>{table(('', ''), said)}"
