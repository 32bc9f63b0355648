"""The objects that flow through provcheck, one after the other.

model id -> Subject -> Measurement -> Comparison (one per reference) -> Verdict + Lineage -> Checks -> Report

subject, measurement, finding and report hold them in that order; base has what all of them share. All are frozen; what
is not known is None, with a reason beside it, never a zero. Nothing else of provcheck is imported here, and neither
torch nor transformers.
"""

from provcheck.types.base import (
    ALGORITHM,
    REPORT_SCHEMA_VERSION,
    ExitCode,
    FileDigest,
    Floats,
    Outcome,
    Record,
    Relation,
)
from provcheck.types.finding import (
    AbleDistances,
    Agreement,
    Background,
    BankMap,
    Comparison,
    Distance,
    KLBand,
    KLDivergence,
    Lineage,
    MapPoint,
    NullDistribution,
    Parent,
    Reference,
    Verdict,
)
from provcheck.types.measurement import (
    BLOCKS,
    Basis,
    Block,
    Coverage,
    Measurement,
    MeasurementFacts,
    ProbeSet,
    Question,
    Text,
    blocks_of,
)
from provcheck.types.report import BankFacts, Check, Digests, PolicyFacts, Report, Summary, Tool
from provcheck.types.subject import Loadable, Subject

__all__ = [
    "Floats",
    "ALGORITHM",
    "REPORT_SCHEMA_VERSION",
    "ExitCode",
    "Relation",
    "Outcome",
    "Record",
    "FileDigest",
    "Subject",
    "Loadable",
    "Question",
    "Text",
    "BLOCKS",
    "Block",
    "blocks_of",
    "ProbeSet",
    "Basis",
    "Coverage",
    "MeasurementFacts",
    "Measurement",
    "Reference",
    "Distance",
    "AbleDistances",
    "KLDivergence",
    "Comparison",
    "Parent",
    "Verdict",
    "Lineage",
    "MapPoint",
    "BankMap",
    "Agreement",
    "NullDistribution",
    "KLBand",
    "Background",
    "Check",
    "Summary",
    "Tool",
    "BankFacts",
    "PolicyFacts",
    "Digests",
    "Report",
]
