"""The yaml as objects: which models there are, what they come from, and in which order they are made."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

RECIPE_FILE = Path(__file__).with_name("zoo.yaml")
FROM_SCRATCH = "from-scratch"
Split = Literal["calibration", "held-out"]


class Strict(BaseModel):
    """A part of the yaml: frozen, and no key that is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Size(Strict):
    """The shape of a network."""

    width: int
    layers: int
    heads: int


class Shape(Strict):
    """The shape of one batch: rows of `length` tokens."""

    rows: int
    length: int


class Scale(Strict):
    """How large the zoo is made: sizes, vocabularies, batches and the number of steps."""

    sizes: dict[str, Size]
    vocabulary_factor: int = 1
    steps_factor: float = 1.0
    root_steps: int
    root_rate: float
    context: int
    batch: Shape
    long_batch: Shape
    long_every: int
    corpus_characters: int


class Vocabulary(Strict):
    """One tokenizer: its kind, its number of entries (at scale tiny) and whether a text starts with a special token."""

    kind: Literal["byte-bpe", "sentencepiece-bpe", "unigram", "wordpiece"]
    entries: int
    bos: bool


class Root(Strict):
    """A model trained from random weights."""

    architecture: str
    corpus: str
    tokenizer: str
    size: str = "base"
    seed: int
    init: str | None = None  # an earlier root whose random weights it starts from; its seed is for the data alone
    steps: int | None = None  # instead of the scale's root_steps
    split: Split
    sets: tuple[str, ...] = ()

    @property
    def family(self) -> str:
        """Roots of one family differ only in seed and size."""
        return f"{self.architecture}-{self.corpus}-{self.tokenizer}"


class Derived(Strict):
    """A model made from others; `do` is the mechanism, `with` its parameters."""

    parents: tuple[str, ...] = Field(alias="from", min_length=1)
    mechanism: str = Field(alias="do")
    parameters: dict[str, Any] = Field(alias="with", default_factory=dict)
    sets: tuple[str, ...] = ()


class Member(Strict):
    """One model of the zoo with everything resolved, root or derived."""

    name: str
    parents: tuple[str, ...]
    mechanism: str
    parameters: dict[str, Any]
    seed: int
    family: str
    split: Split
    sets: tuple[str, ...]
    init: str | None = None


class Recipe(Strict):
    """The whole yaml."""

    license: str
    scales: dict[str, Scale]
    mixes: dict[str, dict[str, float]]
    tokenizers: dict[str, Vocabulary]
    roots: dict[str, Root]
    derived: dict[str, Derived]

    def members(self) -> dict[str, Member]:
        """Every model by name, parents before children, in the order of the yaml."""
        found: dict[str, Member] = {}
        for name, root in self.roots.items():
            found[name] = _root_member(name, root, self.roots)
        for name, derived in self.derived.items():
            found[name] = _derived_member(name, derived, found)
        return found


def load_recipe(path: Path = RECIPE_FILE) -> Recipe:
    """Read the recipe."""
    return Recipe.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))


def seed_of(text: str) -> int:
    """A seed that depends on nothing but the text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def select(members: Mapping[str, Member], names: Iterable[str] = (), set_name: str | None = None) -> list[Member]:
    """The named models (all where none is named) and the members of a set, with their ancestors, in making order."""
    wanted = set(names) | {m.name for m in members.values() if set_name and set_name in m.sets}
    if not wanted and not set_name:
        wanted = set(members)
    unknown = wanted - set(members)
    if unknown:
        raise KeyError(f"no such model in the recipe: {', '.join(sorted(unknown))}")
    return [m for m in making_order(members) if m.name in _with_ancestors(wanted, members)]


def making_order(members: Mapping[str, Member]) -> list[Member]:
    """The demo set and its ancestors first, then each root followed by what descends from it and from none later."""
    demo = _with_ancestors({m.name for m in members.values() if "demo" in m.sets}, members)
    place = {name: number for number, name in enumerate(name for name, m in members.items() if not m.parents)}
    last = {name: max(place[one] for one in _with_ancestors({name}, members) if one in place) for name in members}
    return sorted(members.values(), key=lambda m: (m.name not in demo, last[m.name]))


def root_of(name: str, members: Mapping[str, Member]) -> str:
    """The root at the end of the line of first parents."""
    while members[name].parents:
        name = members[name].parents[0]
    return name


def _with_ancestors(names: set[str], members: Mapping[str, Member]) -> set[str]:
    found, left = set(names), list(names)
    while left:
        new = set(members[left.pop()].parents) - found
        found |= new
        left += new
    return found


def _root_member(name: str, root: Root, roots: Mapping[str, Root]) -> Member:
    if root.init and not _may_start_as(root, roots.get(root.init)):
        raise ValueError(f"{name} cannot start from the random weights of {root.init}")
    return Member(
        name=name,
        parents=(),
        mechanism=FROM_SCRATCH,
        parameters=root.model_dump(include={"architecture", "size", "corpus", "tokenizer", "steps"}, exclude_none=True),
        seed=seed_of(f"{name}/{root.seed}"),
        family=root.family,
        split=root.split,
        sets=root.sets,
        init=root.init,
    )


def _may_start_as(root: Root, first: Root | None) -> bool:
    """Whether a root is there, had its weights first, and has the same architecture, entries and split."""
    same = ("architecture", "tokenizer", "split")
    return first is not None and not first.init and all(getattr(root, name) == getattr(first, name) for name in same)


def _derived_member(name: str, derived: Derived, known: Mapping[str, Member]) -> Member:
    missing = [parent for parent in derived.parents if parent not in known]
    if missing:
        raise ValueError(f"{name} comes from {', '.join(missing)}, which no earlier line describes")
    first = known[derived.parents[0]]
    return Member(
        name=name,
        parents=derived.parents,
        mechanism=derived.mechanism,
        parameters=derived.parameters,
        seed=seed_of(name),
        family=first.family,
        split=first.split,
        sets=derived.sets,
    )
