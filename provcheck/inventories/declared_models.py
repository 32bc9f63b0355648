"""The models in a bill of materials with the ancestors that it declares: CycloneDX (JSON) and SPDX 2.2 to 3.0 (JSON).

The file is untrusted: bounded, and anything that has not the form of the standard is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from provcheck.errors import UsageError
from provcheck.io.text import clean, reason
from provcheck.io.untrusted import parse_json, read_bounded

MAX_BYTES = 50_000_000
"""Limit for a file; an inventory of thousands of parts has some megabytes."""

MAX_DEPTH = 8
"""Components in components that are looked into."""

FORMS = "CycloneDX and SPDX in JSON are read"
HUB_PURL = re.compile(r"pkg:huggingface/([^@?#]+)", re.IGNORECASE)

Json = dict[str, Any]


@dataclass(frozen=True)
class Declared:
    """A model of the inventory: its names, the SHA-256 of its files, and the models that it is said to come from."""

    names: tuple[str, ...]
    files: frozenset[str]
    ancestors: tuple[str, ...]

    @property
    def name(self) -> str:
        """What the inventory calls it."""
        return self.names[0] if self.names else "a model without a name"


def read_inventory(path: Path) -> list[Declared]:
    """The models that the file lists. Raises UsageError where it cannot be read, or lists none."""
    try:
        found = parse_json(read_bounded(path, MAX_BYTES))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {reason(error)}") from None
    except ValueError as error:
        raise UsageError(f"{path.name} is no bill of materials: {reason(error)}", FORMS) from None
    models = list(_models(found)) if isinstance(found, dict) else []
    if not models:
        raise UsageError(f"{path.name} lists no machine learning model", FORMS)
    return models


def _models(found: Json) -> Iterator[Declared]:
    if found.get("bomFormat") == "CycloneDX":
        yield from map(_of_cyclonedx, _components(found))
    elif "@graph" in found:
        yield from _of_spdx3(_objects(found["@graph"]))
    elif "spdxVersion" in found:
        yield from _of_spdx2(found)


def _components(bom: Json) -> Iterator[Json]:
    """Machine learning models, that of the metadata first."""
    metadata = bom.get("metadata")
    first = metadata.get("component") if isinstance(metadata, dict) else None
    for one in _nested([*_objects([first]), *_objects(bom.get("components"))]):
        if one.get("type") == "machine-learning-model":
            yield one


def _nested(components: list[Json], depth: int = 0) -> Iterator[Json]:
    for one in components if depth < MAX_DEPTH else ():
        yield one
        yield from _nested(_objects(one.get("components")), depth + 1)


def _of_cyclonedx(component: Json) -> Declared:
    pedigree = component.get("pedigree")
    ancestors = _objects(pedigree.get("ancestors")) if isinstance(pedigree, dict) else []
    hashes = [hash_ for one in _nested([component]) for hash_ in _objects(one.get("hashes"))]
    return Declared(
        names=_names(component),
        files=_digests(one.get("content") for one in hashes if one.get("alg") == "SHA-256"),
        ancestors=tuple(name for one in ancestors for name in _names(one)[:1]),
    )


def _names(component: Json) -> tuple[str, ...]:
    """`group/name`, or the name alone, and the id in a Hub purl."""
    group, name, purl = clean(component.get("group")), clean(component.get("name")), clean(component.get("purl"))
    whole = f"{group}/{name}" if group and name else name
    on_hub = HUB_PURL.match(purl) if purl else None
    return tuple(dict.fromkeys(filter(None, (whole, clean(unquote(on_hub[1])) if on_hub else None))))


def _of_spdx3(graph: list[Json]) -> Iterator[Declared]:
    packages = {str(one.get("spdxId")): one for one in graph}
    links = [one for one in graph if one.get("type") == "Relationship"]
    for id_, package in packages.items():
        if package.get("type") not in ("ai_AIPackage", "AIPackage"):
            continue
        own = [one for one in links if one.get("from") == id_]
        inside = [
            packages.get(to, {}) for one in own if one.get("relationshipType") == "contains" for to in _texts(one)
        ]
        parents = [
            packages.get(to, {}) for one in own if one.get("relationshipType") == "descendantOf" for to in _texts(one)
        ]
        yield Declared(
            names=tuple(filter(None, (clean(package.get("name")),))),
            files=_digests(
                one.get("hashValue") for part in (package, *inside) for one in _objects(part.get("verifiedUsing"))
            ),
            ancestors=tuple(name for one in parents if (name := clean(one.get("name")))),
        )


def _of_spdx2(document: Json) -> Iterator[Declared]:
    """SPDX 2 knows no models: every package that is said to descend from another, or else all."""
    packages = {str(one.get("SPDXID")): one for one in _objects(document.get("packages"))}
    links = [one for one in _objects(document.get("relationships")) if one.get("relationshipType") == "DESCENDANT_OF"]
    descendants = {str(one.get("spdxElementId")) for one in links} & packages.keys()
    for id_ in [one for one in packages if one in descendants] or packages:
        parents = [
            packages.get(str(one.get("relatedSpdxElement")), {}) for one in links if one.get("spdxElementId") == id_
        ]
        sums = _objects(packages[id_].get("checksums"))
        yield Declared(
            names=tuple(filter(None, (clean(packages[id_].get("name")),))),
            files=_digests(one.get("checksumValue") for one in sums if one.get("algorithm") == "SHA256"),
            ancestors=tuple(name for one in parents if (name := clean(one.get("name")))),
        )


def _objects(found: Any) -> list[Json]:
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _texts(relationship: Json) -> list[str]:
    found = relationship.get("to")
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


def _digests(found: Iterator[Any]) -> frozenset[str]:
    return frozenset(one.lower() for one in found if isinstance(one, str) and re.fullmatch("[0-9a-fA-F]{64}", one))
