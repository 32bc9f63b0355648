"""What the model card declares: license and base model. Declared is not proven; nothing here decides a relation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any

from provcheck.io.text import clean
from provcheck.io.yaml import texts_of_yaml

MAX_FRONT_MATTER = 64_000
"""Bytes; PyYAML reads about 100 kB a second, and a card may be hostile."""

MAX_BASES = 20


@dataclass(frozen=True)
class Card:
    """License and base models that a model card declares, and how it relates to them."""

    license: str | None = None
    base_model: tuple[str, ...] = ()
    relation: str | None = None
    """To the base models, in the Hub's words: finetune, adapter, quantized or merge."""


def read_card(path: Path) -> Card:
    """The card in README.md; an empty one where there is none or it cannot be understood."""
    data = _front_matter(path)
    bases = dict.fromkeys(map(without_folders, _strings(data.get("base_model"))[:MAX_BASES]))
    return Card(license=_license(data), base_model=tuple(bases), relation=clean(data.get("base_model_relation")))


def without_folders(base: str) -> str:
    """Drop folders: training programs write the base's path on their machine, which may be this one, into the card."""
    name = PureWindowsPath(base)
    return name.name or base if name.is_absolute() or base.startswith(("/", "~", "\\")) else base


def _license(data: dict[str, Any]) -> str | None:
    names = _strings(data.get("license"))
    if names == ["other"]:
        names = _strings(data.get("license_name")) or names
    return clean(", ".join(names[:MAX_BASES]))


def _strings(value: object) -> list[str]:
    """The non-empty strings of a value that may be one string, a list, or nonsense."""
    values = value if isinstance(value, list) else [value]
    return [text for item in values if (text := clean(item)) and text not in ("null", "~")]


def _front_matter(path: Path) -> dict[str, Any]:
    try:
        if not path.is_file():
            return {}
        with path.open("rb") as file:
            text = file.read(MAX_FRONT_MATTER).decode("utf-8-sig", errors="replace")
    except OSError:
        return {}
    lines = text.splitlines()
    if not lines or lines[0].rstrip() != "---" or "---" not in lines[1:]:
        return {}
    return texts_of_yaml("\n".join(lines[1 : lines.index("---", 1)]))
