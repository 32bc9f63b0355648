"""The files beside the weights that have a say in a measurement or in a report, and their digests."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from provcheck.subject import tokenization
from provcheck.subject.files import MAX_SMALL_BYTES, digest

if TYPE_CHECKING:
    from provcheck.subject.places import Place
    from provcheck.types import FileDigest

NAMES = tokenization.FILES | {
    "README.md",
    "config.json",
    "generation_config.json",
    "adapter_config.json",
    "model.safetensors.index.json",
    "pytorch_model.bin.index.json",
}
"""What provcheck or transformers reads; the same from the Hub, its cache and a folder, so that digests agree."""


def companions(place: Place, *, code: bool = False) -> tuple[FileDigest, ...]:
    """Digests of the companions that the place has, by name; `code` fetches and adds Python files that may be run."""
    modules = {name for name in place.names if code and _is_module(name)}
    if modules:
        place.fetch(modules)
    names = modules | (place.names & NAMES) | _tokenizers_for_versions(place)
    return tuple(digest(place.folder / name, limit=MAX_SMALL_BYTES) for name in sorted(names))


def _tokenizers_for_versions(place: Place) -> set[str]:
    """`tokenizer.VERSION.json`: transformers reads one of them in place of tokenizer.json where its config lists it."""
    named = {name for name in place.names if re.fullmatch(r"tokenizer\.[\w.-]+\.json", name)}
    return {name for name in named if (place.folder / name).is_file()}


def _is_module(name: str) -> bool:
    """A module that a config can name: transformers looks for it in the folder itself, not below it."""
    return name.endswith(".py") and "/" not in name and "\\" not in name
