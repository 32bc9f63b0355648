"""The two manifests: the YAML that says what to build, and the JSON that says what was built."""

from __future__ import annotations

import gc
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import FailFast, Field, JsonValue, ValidationError, model_validator

from provcheck.errors import BankError
from provcheck.io import data
from provcheck.io.schema_faults import Loc, message_and_hint, schema_faults
from provcheck.io.spelling import misspelt
from provcheck.io.text import plain, reason
from provcheck.io.untrusted import first_fault, parse_json, read_bounded
from provcheck.io.yaml import YamlFault, parse_yaml
from provcheck.types import Basis, Coverage, Digested, NotMeasured, Number, Record, Reference

BANK_SCHEMA_VERSION: Literal[3] = 3
"""3: signals by name, one file of arrays for each; since then also `initialisation`, `settings`, `step` and `fitted`,
left out where there is none.
2: block_categories.
1: manifest.json with bank.safetensors, optional words.safetensors."""

MAX_MANIFEST_BYTES = 32_000_000
"""About 50,000 references."""

MAX_BUILD_BYTES = 1_000_000
"""10,000 models; YAML is slow to parse: this much takes a quarter of a minute."""

MAX_GENERATIONS = 200
"""From a root to a reference; no real lineage is a tenth as long."""

HELP = "`provcheck bank init` drafts a manifest, `provcheck bank schema` prints its JSON Schema"
REBUILD = "get the bank again from where it came from, or build it again"

FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
SignalName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class BuildEntry(Reference):
    """One model to measure: a Hub id, or any name with `path`."""

    path: str | None = Field(default=None, description="folder or measurement file, seen from the manifest")
    revision: str | None = Field(default=None, description="branch, tag or commit on the Hub")


class BuildManifest(Record):
    """What `provcheck bank build` reads."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="what the bank is called")
    models: Annotated[tuple[BuildEntry, ...], FailFast()] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_ids(self.models)
        return self


class EntryFacts(Record):
    """What one signal measured of one reference; `sha256` is over its rows of the signal's arrays."""

    coverage: Coverage
    values: dict[str, Number | None] = Field(default_factory=dict)
    sha256: str


class BankEntry(Reference):
    """One measured model."""

    model_type: str | None
    tokenizer: str | None
    parameters: int | None
    revision: str | None = None
    weights_digest: str | None
    dtype: str
    settings: dict[str, Number | str] = Field(
        default_factory=dict,
        exclude_if=lambda value: not value,
        description="what its config.json states, as far as it changes what the same weights do; left out in banks "
        "that were built before it was kept",
    )
    signals: dict[str, EntryFacts | NotMeasured]


class BankSignal(Basis):
    """How one signal measured the references of a bank."""

    context: dict[str, JsonValue] = Field(default_factory=dict)
    fitted: dict[str, JsonValue] = Field(
        default_factory=dict,
        exclude_if=lambda value: not value,
        description="what `bank calibrate` found on these references, for the signal to read; dropped when they change",
    )

    @property
    def basis(self) -> Basis:
        """What a sketch must have in common with the bank."""
        return Basis(version=self.version, material=self.material)


class BankManifest(Digested):
    """`manifest.json` of a bank; its digest covers the digests of the arrays."""

    schema_version: Literal[3] = BANK_SCHEMA_VERSION
    name: str
    probes: str
    probes_digest: str
    signals: dict[SignalName, BankSignal] = Field(min_length=1)
    versions: dict[str, str]
    references: Annotated[tuple[BankEntry, ...], FailFast()] = Field(min_length=1)
    files: dict[FileName, Sha256] = Field(description="sha256 of each file of arrays")
    digest: str = ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_ids(self.references)
        return self

    @property
    def bases(self) -> dict[str, Basis]:
        """What a measurement must have in common with the bank, by signal."""
        return {name: signal.basis for name, signal in self.signals.items()}

    @property
    def called(self) -> dict[str, str]:
        """Name of the probe set by its digest."""
        return {self.probes_digest: self.probes}

    def rendered(self) -> bytes:
        """The content of manifest.json."""
        return (self.model_dump_json(indent=1) + "\n").encode()

    def is_rendered_as(self, content: bytes) -> bool:
        """Whether these are the bytes that were written: the digest covers neither layout nor number formatting.

        A later pydantic may format numbers differently, so Python's own format is accepted too; it is slower.
        """
        if content == self.rendered():
            return True
        return content == (json.dumps(self.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n").encode()


def read_build_manifest(path: Path) -> BuildManifest:
    """Read and validate the YAML; model paths become absolute. Raises BankError with the place of the fault."""
    name = plain(str(path))
    try:
        document = parse_yaml(read_bounded(path, MAX_BUILD_BYTES))
        manifest = BuildManifest.model_validate_json(json.dumps(document.value), strict=True)
    except FileNotFoundError:
        raise BankError(f"manifest not found: {name}") from None
    except ValidationError as error:
        faults = schema_faults(error, document, _keys, lambda _: None)
        raise BankError(*message_and_hint(name, faults, HELP)) from None
    except YamlFault as error:
        raise BankError(f"{name}, {error}") from None
    except (OSError, ValueError) as error:
        raise BankError(f"{name} cannot be read: {reason(error)}") from None
    check_parents(manifest.models)
    folder = path.resolve().parent
    models = [m if m.path is None else m.model_copy(update={"path": str(folder / m.path)}) for m in manifest.models]
    return manifest.model_copy(update={"models": tuple(models)})


def _keys(loc: Loc) -> list[str]:
    """The keys of an entry, or of the manifest."""
    return list((BuildEntry if len(loc) > 1 else BuildManifest).model_fields)


def manifest_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the manifests that `provcheck bank build` reads."""
    schema = BuildManifest.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "provcheck bank manifest"}


def check_parents(models: Sequence[Reference], known: Iterable[str] = ()) -> None:
    """Raise BankError for a parent that is nearly, but not quite, called like a model that is known.

    Known are these models, `known`, and the references of the banks that ship. A parent may be any other model.
    """
    if not any(model.parents for model in models):
        return
    ids = {model.id for model in models} | set(known)
    ids |= {one.id for folder in data.banks().values() for one in read_bank_manifest(folder).references}
    for model in models:
        for parent in model.parents:
            if meant := misspelt(parent, ids):
                raise BankError(
                    f"'{parent}', a parent of '{model.id}', is no known model; did you mean '{meant}'?",
                    "write the parent as it is called in the manifest or in the bank",
                )


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause Python's garbage collector, which would scan all the objects of a large manifest again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@collector_paused()
def read_bank_manifest(folder: Path) -> BankManifest:
    """Read manifest.json and check its digest. Raises BankError when it is broken or was changed."""
    path = folder / "manifest.json"
    try:
        if leads_outside(path):
            raise BankError(f"the manifest of bank '{folder.name}' lies outside of its folder", REBUILD)
        content = read_bounded(path, MAX_MANIFEST_BYTES)
        manifest = BankManifest.model_validate(parse_json(content))
    except ValueError as error:
        raise BankError(f"the manifest of bank '{folder.name}' is broken: {first_fault(error)}", REBUILD) from None
    except OSError as error:
        raise BankError(f"the manifest of bank '{folder.name}' cannot be read: {reason(error)}", REBUILD) from None
    if manifest.computed_digest() != manifest.digest or not manifest.is_rendered_as(content):
        raise BankError(f"the manifest of bank '{folder.name}' was changed after the bank was built", REBUILD)
    return manifest


def leads_outside(path: Path) -> bool:
    """Whether a file of a bank is a symlink, unless it ships with provcheck: installers may use links there."""
    return path.is_symlink() and not path.absolute().is_relative_to(data.root())


def _check_ids(models: tuple[Reference, ...]) -> None:
    """Check that every id occurs once, and that lines of parents have no cycle and are not too long."""
    parents = {model.id: model.parents for model in models}
    if len(parents) < len(models):
        twice, _ = Counter(model.id for model in models).most_common(1)[0]
        raise ValueError(f"the id '{twice}' occurs twice")
    generations: dict[str, int] = {}
    try:
        for id in TopologicalSorter(parents).static_order():
            generations[id] = 1 + max((generations[parent] for parent in parents.get(id, ())), default=0)
    except CycleError as error:
        raise ValueError(f"'{error.args[1][0]}' is its own ancestor") from None
    if max(generations.values()) > MAX_GENERATIONS:
        raise ValueError(f"a line of more than {MAX_GENERATIONS} generations")
