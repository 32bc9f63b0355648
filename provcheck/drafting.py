"""Draft a manifest of a bank: from folders of models, or Hub ids, to entries that their owner corrects.

Only configs and model cards are read. They are untrusted: what they declare goes into the draft as text and decides
nothing before a person has looked at it.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import ValidationError

from provcheck.bank.ancestry import UNDOCUMENTED
from provcheck.bank.manifest import BuildEntry, BuildManifest
from provcheck.errors import SubjectError, UsageError
from provcheck.io.text import clean
from provcheck.io.untrusted import existing_folder, first_fault
from provcheck.targets.bases import holds_model
from provcheck.targets.cards import read_card, without_folders
from provcheck.targets.model_files import Place, in_folder, read_json
from provcheck.targets.resolution import ADAPTER_CONFIG, locate

UNKNOWN_FAMILY = "unknown"

MECHANISMS = {"finetune": "fine-tune", "adapter": "lora", "quantized": "quantize", "merge": "merge"}
"""The Hub's words for the relation to a base model, and ours."""

HEAD = """\
# Drafted from configs and model cards. Check families, parents and mechanisms: a bank's numbers rest on them.
# A model without parents is `from-scratch` only where you know that it is. Then: provcheck bank build {name}
"""


@dataclass(frozen=True)
class Draft:
    """A manifest in YAML, how many models it lists, and how many of them have no documented origin."""

    text: str
    models: int
    undocumented: int


def draft_manifest(names: Sequence[str], file: Path, *, offline: bool = False) -> Draft:
    """Draft the manifest for `file`: the models in these folders, in folders directly in them, or on the Hub.

    Raises SubjectError or UsageError.
    """
    places = [place for name in names for place in _places(name, offline=offline)]
    entries = [_entry(place, id, file) for place, id in zip(places, _ids(places), strict=True)]
    entries = [_with_own_parents(entry, entries) for entry in entries]
    models = [entry.model_dump(exclude_none=True) | {"parents": list(entry.parents)} for entry in entries]
    content = {"name": file.stem, "models": models}
    try:
        BuildManifest.model_validate(content)
    except ValidationError as error:
        raise UsageError(
            f"no manifest can be made of these: {first_fault(error)}", "name the models one by one"
        ) from None
    text = HEAD.format(name=file.name) + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=1000)
    return Draft(text, len(entries), sum(entry.mechanism == UNDOCUMENTED for entry in entries))


def _places(name: str, *, offline: bool) -> list[Place]:
    """The model in a folder, or else those in the folders in it; or one of the Hub."""
    folder = existing_folder(name)
    if folder is None or holds_model(folder):
        return [locate(name, None, offline=offline)]
    try:
        inside = sorted(path for path in folder.iterdir() if path.is_dir())
    except OSError as error:
        raise UsageError(f"{name!a} cannot be read: {error.strerror}", "check its rights") from None
    found = [in_folder(path) for path in inside if holds_model(path)]
    if not found:
        raise UsageError(
            f"no model lies in {name!a}, nor in the folders in it", "a model is a folder with config.json and weights"
        )
    return found


def _ids(places: Sequence[Place]) -> list[str]:
    """The models' own names; those of folders that are called alike get the name of the folder above in front."""
    counts = Counter(place.id for place in places)
    return [
        place.id
        if counts[place.id] == 1 or place.source == "hub"
        else f"{place.folder.resolve().parent.name}/{place.id}"
        for place in places
    ]


def _entry(place: Place, id: str, file: Path) -> BuildEntry:
    card = read_card(place.folder / "README.md")
    adapted = _adapted(place)
    parents = (adapted,) if adapted else card.base_model
    known = MECHANISMS.get(card.relation or "") if parents else None
    return BuildEntry(
        id=id,
        path=os.path.relpath(place.folder, file.parent) if place.source == "folder" else None,
        revision=place.revision,
        family=_family(place),
        parents=parents,
        mechanism=("lora" if adapted else known) or UNDOCUMENTED,
        license=card.license,
    )


def _adapted(place: Place) -> str | None:
    """The base that an adapter names."""
    if ADAPTER_CONFIG not in place.names:
        return None
    named = clean(read_json(place.folder / ADAPTER_CONFIG).get("base_model_name_or_path"))
    return without_folders(named) if named else None


def _family(place: Place) -> str:
    """The architecture that config.json names: a start, for makers and recipes are written nowhere."""
    if "config.json" not in place.names:
        return UNKNOWN_FAMILY
    try:
        return clean(read_json(place.folder / "config.json").get("model_type")) or UNKNOWN_FAMILY
    except SubjectError:
        return UNKNOWN_FAMILY


def _with_own_parents(entry: BuildEntry, entries: Sequence[BuildEntry]) -> BuildEntry:
    """Parents that are in the manifest under their last name, as folders are, get the id that they have there.

    An adapter without a config of its own is of the family of the model under it.
    """
    by_name = {one.id.lower(): one for one in entries if one is not entry}
    found = [by_name.get(id.lower()) or by_name.get(id.lower().rpartition("/")[2]) for id in entry.parents]
    parents = tuple(one.id if one else id for one, id in zip(found, entry.parents, strict=True))
    family = next((one.family for one in found if one), entry.family)
    return entry.model_copy(
        update={"parents": parents, "family": family if entry.family == UNKNOWN_FAMILY else entry.family}
    )
