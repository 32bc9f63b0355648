"""The manifest of the zoo, as `provcheck bank build` reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .plan import Member, Recipe


def manifest_of(recipe: Recipe, out: Path, set_name: str | None = None, without: str | None = None) -> dict[str, Any]:
    """Every model of a set (all where none is named), without another set, whose folder is there."""
    members = [
        m for m in recipe.members().values() if (set_name is None or set_name in m.sets) and without not in m.sets
    ]
    there = [m for m in members if (out / m.name / "config.json").exists()]
    entries = [_entry(m, out, recipe.license) for m in there]
    return {"name": f"zoo-{set_name}" if set_name else "zoo", "models": entries}


def _entry(member: Member, out: Path, license_name: str) -> dict[str, Any]:
    entry = {
        "id": f"zoo/{member.name}",
        "path": str(out / member.name),
        "family": member.family,
        "parents": [f"zoo/{parent}" for parent in member.parents],
        "mechanism": member.mechanism,
        "license": license_name,
        "split": member.split,
    }
    return entry | {"initialisation": f"zoo/{member.init}"} if member.init else entry
