"""The two manifests: the YAML that says what to build, and the JSON that says what was built."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Literal, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from provcheck.errors import BankError
from provcheck.types import Basis, Coverage, Record, Reference

BANK_SCHEMA_VERSION: Literal[2] = 2
"""2: block_categories.
1: manifest.json with bank.safetensors, optional words.safetensors."""

MAX_MANIFEST_BYTES = 64_000_000


class BuildEntry(Reference):
    """One model to measure: a Hub id, or any name with `path`."""

    path: str | None = None
    revision: str | None = None


class BuildManifest(Record):
    """What `provcheck bank build` reads."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    models: tuple[BuildEntry, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_ids(self.models)
        return self


class BankEntry(Reference):
    """One measured model; `sha256` is over its rows of the arrays."""

    model_type: str
    tokenizer: str
    parameters: int | None
    revision: str | None = None
    weights_digest: str
    coverage: Coverage
    bits_per_byte: float | None
    dtype: str
    sha256: str


class BankManifest(Record):
    """`manifest.json` of a bank; `digest` is over everything else in it, which holds the digests of the arrays."""

    schema_version: Literal[2] = BANK_SCHEMA_VERSION
    name: str
    algorithm: str
    probes: str
    probes_digest: str
    block_categories: tuple[str, ...] = Field(description="category of the questions of each block")
    mean_text_bytes: float
    versions: dict[str, str]
    references: tuple[BankEntry, ...] = Field(min_length=1)
    files: dict[str, str] = Field(description="sha256 of each file of arrays")
    digest: str = ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_ids(self.references)
        return self

    @property
    def basis(self) -> Basis:
        """What a measurement must have in common with the bank."""
        return Basis(self.algorithm, self.probes, self.probes_digest)

    def computed_digest(self) -> str:
        """sha256 (hex) over the canonical JSON of everything but the digest itself."""
        content = json.dumps(self.model_dump(mode="json", exclude={"digest"}), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(content.encode()).hexdigest()


def read_build_manifest(path: Path) -> BuildManifest:
    """Read and validate the YAML; model paths become absolute. Raises BankError with the place of the fault."""
    try:
        manifest = BuildManifest.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise BankError(f"manifest not found: {path}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BankError(f"{path.name} cannot be read: {error}") from None
    except ValidationError as error:
        raise BankError(f"{path.name}: {_first(error)}") from None
    folder = path.resolve().parent
    models = [m if m.path is None else m.model_copy(update={"path": str(folder / m.path)}) for m in manifest.models]
    return manifest.model_copy(update={"models": tuple(models)})


def read_bank_manifest(folder: Path) -> BankManifest:
    """Read manifest.json and check its digest. Raises BankError when it is broken or was changed."""
    path = folder / "manifest.json"
    try:
        if path.stat().st_size > MAX_MANIFEST_BYTES:
            raise BankError(f"{path} is larger than any bank's manifest")
        manifest = BankManifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise BankError(f"the bank '{folder.name}' cannot be read: {error.strerror}") from None
    except ValidationError as error:
        raise BankError(f"the manifest of bank '{folder.name}' is broken: {_first(error)}") from None
    if manifest.computed_digest() != manifest.digest:
        raise BankError(
            f"the manifest of bank '{folder.name}' was changed after the bank was built",
            "get the bank again from where it came from, or build it again",
        )
    return manifest


def _check_ids(models: tuple[Reference, ...]) -> None:
    ids = [model.id for model in models]
    if len(set(ids)) < len(ids):
        raise ValueError(f"the id '{next(i for i in ids if ids.count(i) > 1)}' occurs twice")
    parents = {model.id: model.parents for model in models}
    for start in ids:
        seen, todo = set(), list(parents[start])
        while todo:
            parent = todo.pop()
            if parent == start:
                raise ValueError(f"'{start}' is its own ancestor")
            if parent not in seen:
                seen.add(parent)
                todo += parents.get(parent, ())


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
