"""The objects that flow through provcheck, in order.

model id -> Subject -> Measurement -> Comparison (one per reference) -> Verdict + Lineage -> Checks -> Report

subject, measurement, comparison, verdict and report hold them in that order; base has what all of them share. All are
frozen; an unknown value is None, or NotMeasured with a reason, never zero. This package imports nothing else of
provcheck, neither torch nor transformers, and names no signal.
"""

from provcheck.types.base import (
    REPORT_SCHEMA_VERSION,
    Bools,
    CosineDistance,
    Count,
    Digested,
    ExitCode,
    FileDigest,
    Floats,
    Ints,
    Number,
    Outcome,
    Positive,
    Record,
    Relation,
    Share,
    canonical_digest,
)
from provcheck.types.comparison import Comparison, Interval, Reference, SignalValues
from provcheck.types.measurement import (
    Basis,
    Coverage,
    Measurement,
    MeasurementFacts,
    NotMeasured,
    ProbeSet,
    Question,
    RunFacts,
    SignalFacts,
    Sketch,
    Stack,
    Text,
)
from provcheck.types.report import BankFacts, Check, Digests, PolicyFacts, Report, Summary, Tool
from provcheck.types.subject import Access, Capability, ModelFiles, Subject, TokenAttributions
from provcheck.types.verdict import (
    BankMap,
    JudgeFacts,
    Lineage,
    MapPoint,
    NullDistribution,
    PanelFacts,
    Parent,
    Verdict,
)

__all__ = [
    "Floats",
    "Ints",
    "Bools",
    "Count",
    "CosineDistance",
    "Number",
    "Positive",
    "Share",
    "REPORT_SCHEMA_VERSION",
    "ExitCode",
    "Relation",
    "Outcome",
    "Record",
    "Digested",
    "canonical_digest",
    "FileDigest",
    "Subject",
    "ModelFiles",
    "Capability",
    "Access",
    "TokenAttributions",
    "Question",
    "Text",
    "ProbeSet",
    "NotMeasured",
    "Coverage",
    "Basis",
    "SignalFacts",
    "Sketch",
    "RunFacts",
    "MeasurementFacts",
    "Measurement",
    "Stack",
    "Reference",
    "SignalValues",
    "Interval",
    "Comparison",
    "Parent",
    "Verdict",
    "NullDistribution",
    "PanelFacts",
    "JudgeFacts",
    "Lineage",
    "MapPoint",
    "BankMap",
    "Check",
    "Summary",
    "Tool",
    "BankFacts",
    "PolicyFacts",
    "Digests",
    "Report",
]
