"""A resolved model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from provcheck.types.base import Count, FileDigest, Record


class Subject(Record):
    """A resolved model: where it lies, what its files are, what its card and config declare.

    What is declared is reported and checked against the evidence; it never decides a relation.
    """

    id: str = Field(description="Hub id, or the name of the folder or file; never a path of this machine")
    source: Literal["hub", "folder", "adapter", "file", "demo"]
    revision: str | None = Field(default=None, description="commit of the Hub repository")
    weights: tuple[FileDigest, ...] = ()
    weights_digest: str = Field(description="sha256 over names and digests of the weight files")
    files: tuple[FileDigest, ...] = Field(
        default=(), description="what lies beside the weights: config, tokenizer, code, card"
    )
    weight_format: Literal["safetensors", "pickle", "gguf"] = "safetensors"
    model_type: str
    architecture: str | None = None
    parameters: Count | None = None
    context_length: Count | None = Field(default=None, description="tokens; None where the config states no limit")
    tokenizer: str = Field(description="kind of tokenizer, e.g. BPE, Unigram, WordPiece")
    vocabulary_size: Count | None = None
    license: str | None = None
    declared_base: tuple[str, ...] = Field(default=(), description="base_model of the model card")
    base: Subject | None = Field(default=None, description="for an adapter: the model under it")


@dataclass(frozen=True)
class Loadable:
    """A subject with what is needed to load it: paths of this machine stay here and out of reports."""

    subject: Subject
    folder: str
    adapter_folder: str | None = None
    allow_pickle: bool = False
    trust_remote_code: bool = False
