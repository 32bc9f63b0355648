"""The objects that flow through provcheck, one after the other.

model id -> Subject -> Measurement -> Comparison (one per reference) -> Verdict + Lineage -> Checks -> Report

All of them are frozen; what is not known is None, with a reason beside it, never a zero. This module imports nothing
else of provcheck, and neither torch nor transformers.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

Floats = NDArray[np.floating[Any]]

REPORT_SCHEMA_VERSION = 1
"""1: first version."""

ALGORITHM = "able-kl/1"
"""Name and version of the measuring algorithm; measurements of different versions are never compared.

able-kl/1: ABLE with both views, 256 dimensions, 48 blocks; log-likelihood of every text from the second token on.
"""


class ExitCode(IntEnum):
    """pytest's exit codes, the same for every output format."""

    OK = 0
    CHECK_FAILED = 1
    INTERRUPTED = 2
    INTERNAL_ERROR = 3
    USAGE_ERROR = 4
    NO_CHECKS = 5


class Relation(StrEnum):
    """How a subject's weights relate to those of a reference."""

    IDENTICAL = "identical"
    DERIVED = "derived"
    SAME_RECIPE = "same-recipe"
    UNRELATED = "unrelated"
    INCONCLUSIVE = "inconclusive"

    @property
    def related(self) -> bool:
        """Whether it counts as an accusation."""
        return self in (Relation.IDENTICAL, Relation.DERIVED)

    @property
    def independent(self) -> bool:
        """Whether it counts as an acquittal."""
        return self in (Relation.SAME_RECIPE, Relation.UNRELATED)


class Outcome(StrEnum):
    """What became of a check."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"


class Record(BaseModel):
    """Base of everything that is written to a file: frozen, and unknown fields are an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class FileDigest(Record):
    """One file that went into a measurement. `sha256` is taken from the file itself."""

    name: str
    bytes: int
    sha256: str


class Subject(Record):
    """A resolved model: where it lies, what its files are, what its card and config declare.

    What is declared is reported and checked against the evidence; it never decides a relation.
    """

    id: str = Field(description="Hub id, or the name of the folder or file; never a path of this machine")
    source: Literal["hub", "folder", "adapter", "file", "demo"]
    revision: str | None = Field(None, description="commit of the Hub repository")
    weights: tuple[FileDigest, ...] = ()
    weights_digest: str = Field(description="sha256 over names and digests of the weight files")
    weight_format: Literal["safetensors", "pickle", "gguf"] = "safetensors"
    model_type: str
    architecture: str | None = None
    parameters: int | None = None
    context_length: int | None = Field(None, description="tokens; None where the config states no limit")
    tokenizer: str = Field(description="kind of tokenizer, e.g. BPE, Unigram, WordPiece")
    vocabulary_size: int | None = None
    license: str | None = None
    declared_base: tuple[str, ...] = Field((), description="base_model of the model card")
    base: Subject | None = Field(None, description="for an adapter: the model under it")


@dataclass(frozen=True)
class Loadable:
    """A subject with what is needed to load it: paths of this machine stay here and out of reports."""

    subject: Subject
    folder: str
    adapter_folder: str | None = None
    allow_pickle: bool = False
    trust_remote_code: bool = False


class Question(Record):
    """A multiple-choice question of a probe set."""

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    category: str
    subject: str
    question: str = Field(min_length=1)
    options: tuple[str, ...] = Field(min_length=2)
    answer: int


class Text(Record):
    """A text of a probe set."""

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    domain: str
    text: str = Field(min_length=1)


@dataclass(frozen=True)
class ProbeSet:
    """Fixed questions (for ABLE) and texts (for log-likelihood); `digest` covers content and order."""

    name: str
    digest: str
    questions: tuple[Question, ...]
    texts: tuple[Text, ...]


@dataclass(frozen=True)
class Basis:
    """What two measurements must have in common to be compared."""

    algorithm: str
    probes: str
    probes_digest: str


class Coverage(Record):
    """How many probes were really measured; the rest was left out, for the reasons counted in `left_out`."""

    questions: int
    questions_total: int
    texts: int
    texts_total: int
    left_out: dict[str, int] = {}

    @property
    def share(self) -> float:
        """The smaller of the two measured shares, 0 to 1."""
        return min(self.questions / max(1, self.questions_total), self.texts / max(1, self.texts_total))


class MeasurementFacts(Record):
    """How a measurement was made."""

    algorithm: str
    probes: str
    probes_digest: str
    coverage: Coverage
    bits_per_byte: float | None = Field(description="mean code length of the model on the texts")
    device: str
    dtype: str
    versions: dict[str, str]
    seconds: float
    measured_at: datetime

    @property
    def basis(self) -> Basis:
        """What the measurement can be compared with."""
        return Basis(self.algorithm, self.probes, self.probes_digest)


@dataclass(frozen=True, eq=False)
class Measurement:
    """The numbers one model gives.

    paper_blocks, contrast_blocks: (B, 256) float32, projected word attributions of each block of questions, for the
    two ABLE views; their sum over B is the embedding. loglik_nats: (N,) float64, NaN where a text was left out.
    words: (W,) float32 word attributions before any normalisation, or None when not kept.
    """

    subject: Subject
    facts: MeasurementFacts
    paper_blocks: Floats
    contrast_blocks: Floats
    loglik_nats: Floats
    words: Floats | None = None

    @property
    def paper(self) -> Floats:
        """(256,) ABLE embedding of the paper's view."""
        return np.asarray(self.paper_blocks.sum(axis=0))

    @property
    def contrast(self) -> Floats:
        """(256,) ABLE embedding of the contrast view."""
        return np.asarray(self.contrast_blocks.sum(axis=0))


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

    cosine_distance: float
    ci95: tuple[float, float]


class AbleDistances(Record):
    """Distances in both views; None with a reason where either model lacks too many questions."""

    paper: Distance | None
    contrast: Distance | None
    reason: str | None = None


class KLDivergence(Record):
    """KL divergence in bits/byte; `scale_band` is its place on the papers' scale, or None with `reason`."""

    bits_per_byte: float | None
    se: float | None
    scale_band: str | None
    reason: str | None = None
    texts: int = Field(description="texts that both models measured")


class Comparison(Record):
    """Subject against one reference."""

    reference: str
    family: str | None = None
    mechanism: str | None = None
    license: str | None = None
    relation: Relation
    probabilities: dict[Relation, float] | None = Field(description="None while no judge is calibrated for this bank")
    able: AbleDistances
    kl: KLDivergence
    p_value: float | None
    same_weights: bool = Field(False, description="the weight files have the same digests")


class Parent(Record):
    """One parent of a merge; weights need not sum to 1."""

    reference: str
    weight: float


class Verdict(Record):
    """The relation to the nearest reference, or `inconclusive`, with reasons in plain English."""

    relation: Relation
    reference: str | None
    probability: float | None
    p_value: float | None
    reasons: tuple[str, ...]
    parents: tuple[Parent, ...] = ()
    """Both parents, where the subject looks like a merge of two references."""


class Lineage(Record):
    """A Neighbor-Joining tree over the subject and its nearest references."""

    newick: str | None
    nearest_on_tree: str | None
    reason: str | None = None


class Check(Record):
    """One line of a policy applied to a verdict."""

    id: str
    severity: Literal["error", "warning"] = "error"
    outcome: Outcome
    message: str
    seconds: float = 0.0


class Summary(Record):
    """Number of checks by outcome."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    inconclusive: int = 0
    error: int = 0


class Tool(Record):
    """The program that wrote a report."""

    name: str = "provcheck"
    version: str
    command: str = Field(description="command that repeats the audit")


class BankFacts(Record):
    """The bank that a subject was compared with."""

    name: str
    digest: str
    references: int
    judge: str = Field(description="what turned distances into relations")


class Report(Record):
    """Everything an audit found out; every output format is a rendering of this object."""

    schema_version: int = REPORT_SCHEMA_VERSION
    tool: Tool
    subject: Subject
    measurement: MeasurementFacts
    bank: BankFacts
    comparisons: tuple[Comparison, ...]
    verdict: Verdict
    lineage: Lineage
    checks: tuple[Check, ...]
    summary: Summary
    exit_code: ExitCode
    limitations: tuple[str, ...]
