"""A resolved model, and what it can give a signal."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, Protocol

import numpy as np
from pydantic import Field

from provcheck.types.base import Count, FileDigest, Floats, Ints, Record
from provcheck.types.signs import Makeup


class Subject(Record):
    """A resolved model: where it lies, what its files are, what its card and config declare.

    What is declared is reported and checked against the evidence; it never decides a relation. A model that is only
    reached through a service states no files: then `weights` is empty, and digest and format are None.
    """

    id: str = Field(description="Hub id, or the name of the folder or file; never a path of this machine")
    source: Literal["hub", "folder", "adapter", "file", "demo", "endpoint"]
    revision: str | None = Field(default=None, description="commit of the Hub repository")
    weights: tuple[FileDigest, ...] = ()
    weights_digest: str | None = Field(
        description="sha256 over names and digests of the weight files; None where these were not computed"
    )
    files: tuple[FileDigest, ...] = Field(
        default=(), description="what lies beside the weights: config, tokenizer, code, card"
    )
    weight_format: Literal["safetensors", "pickle", "gguf"] | None = "safetensors"
    model_type: str | None = None
    architecture: str | None = None
    parameters: Count | None = None
    context_length: Count | None = Field(default=None, description="tokens; None where the config states no limit")
    tokenizer: str | None = Field(default=None, description="kind of tokenizer, e.g. BPE, Unigram, WordPiece")
    vocabulary_size: Count | None = None
    license: str | None = None
    declared_base: tuple[str, ...] = Field(default=(), description="base_model of the model card")
    declared_relation: str | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="base_model_relation of the model card, in the Hub's words; left out where it states none",
    )
    base: Subject | None = Field(default=None, description="for an adapter: the model under it")
    makeup: Makeup | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="what may be odd about its files; left out for an adapter, which has that of the model under it, "
        "and where there are no files",
    )

    @property
    def called(self) -> str:
        """`org/name@commit` for a model of the Hub; the name of a folder or file, without its path."""
        return f"{self.id}@{self.revision}" if self.revision else self.id

    @property
    def all_makeup(self) -> Makeup | None:
        """Its makeup; for an adapter that of the model under it."""
        return self.base.makeup if self.base else self.makeup

    @property
    def settings(self) -> dict[str, float | str]:
        """What config.json states, as far as it changes what the same weights do; empty where that is not known."""
        return dict(self.all_makeup.stated) if self.all_makeup else {}

    @property
    def in_part(self) -> tuple[str, ...]:
        """Names of the weight files that were read in part, so that their digests were not computed."""
        return tuple(file.name for file in self.weights if file.sha256 is None)

    @property
    def all_files(self) -> tuple[FileDigest, ...]:
        """The files beside the weights; for an adapter also those of the model under it."""
        return (*self.files, *(self.base.files if self.base else ()))


@dataclass(frozen=True)
class ModelFiles:
    """A subject whose files are at hand, ready to be loaded. Paths of this machine stay here and out of reports."""

    subject: Subject
    folder: str
    adapter_folder: str | None = None
    allow_pickle: bool = False
    trust_remote_code: bool = False
    partial: Tensors | None = field(default=None, compare=False, repr=False)
    """The weights, where some of their files do not lie in the folder and are fetched in part."""


class Capability(StrEnum):
    """What a target can give. A signal needs one of them."""

    WEIGHTS = "weights"
    GRADIENTS = "gradients"
    LOG_PROBABILITIES = "log_probabilities"


@dataclass(frozen=True, eq=False)
class TokenAttributions:
    """One option of a question: attributions (T,) float64 of the question's tokens, and the characters (T, 2) of each.

    values: gradient x input, the inner product of a token's input embedding and the gradient of the option's
    log-probability, in nats, at that embedding. relative: the same of the embedding less a baseline, the mean input
    embedding of all questions' tokens, so that a constant added to every embedding changes nothing.
    """

    spans: Ints
    values: Floats
    relative: Floats


@dataclass(frozen=True, eq=False)
class LogLikelihood:
    """How probable a text is to a model: `nats` is the sum of the tokens' log-probabilities from the second on.

    tokens: (T,) float64 nats of each token given those before it, NaN for the first, which has none, and where a server
    does not tell; ends: (T,) where each token ends in the text, counted in ASCII characters other than spaces, -1 for
    special tokens, so that two models' tokens are the same where their ends are. Both are empty where a target gives
    sums only. `left_out`: why `nats` is NaN though tokens were scored.
    """

    nats: float
    tokens: Floats = field(default_factory=lambda: np.zeros(0))
    ends: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    left_out: str = ""


class Tensors(Mapping[str, Floats]):
    """The tensors of a model by name; each is read when it is asked for."""

    @abstractmethod
    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor, without reading it."""

    @abstractmethod
    def holds_floats(self, name: str) -> bool:
        """Whether a tensor can be read; its numbers may be packed."""

    @abstractmethod
    def rows(self, name: str, places: Ints) -> Floats:
        """Rows (T, ...) of a tensor, without reading the others."""

    def announce(self, names: Iterable[str]) -> None:
        """Told which tensors will be read whole, for those that take long to come."""


class Access(Protocol):
    """An open target. A call for something that the target lacks is a bug: ask `Target.lacks` first.

    A text in place of numbers is the reason why that probe was left out.
    """

    def attributions(
        self, questions: Sequence[tuple[str, Sequence[str]]]
    ) -> Sequence[Sequence[TokenAttributions] | str]:
        """For each (question, options) the attributions of every option. Needs `gradients`."""

    def log_likelihoods(self, texts: Sequence[str]) -> Sequence[LogLikelihood | str]:
        """How probable each text is. Needs `log_probabilities`."""

    def tensors(self) -> Tensors:
        """The tensors of the model, adapters merged in. Needs `weights`. Raises SubjectError."""

    def config(self) -> Mapping[str, Any]:
        """What config.json says; entries of a nested text_config stand beside those at the top. Needs `weights`."""

    def token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of each text, without special ones. Needs `weights`. Raises SubjectError."""
