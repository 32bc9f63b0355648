"""What the documented lineage of a bank says about any two of its references."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

from provcheck.types import Reference, Relation

EVASIONS = frozenset(
    f"evasion-{kind}"
    for kind in ("rotation", "rescaling", "duplication", "vocabulary", "norms", "heads", "shift", "all")
)
"""Rewrites meant to hide a copy, each by its own name so that an evaluation can list them."""

SAME_FUNCTION = frozenset({"copy", "conversion", "quantize", "rewrite"}) | EVASIONS
"""Mechanisms that keep the weights' function: parent and child count as identical."""

DISTILLATION = "distillation"
"""Mechanism whose student has weights of its own: its parent taught it, and is no ancestor of its weights."""

UNDOCUMENTED = "undocumented"
"""Mechanism of a model of unstated origin: no parent is named, but it is not known to be trained from scratch."""


class Ancestry:
    """Ancestors, roots and documented relations of the references of a bank; parents may lie outside of it."""

    def __init__(self, references: Sequence[Reference]) -> None:
        self._by_id = {reference.id: reference for reference in references}
        self._lines: dict[str, frozenset[str]] = {}
        self._descents: dict[str, frozenset[str]] = {}
        self._undocumented = frozenset(id for id, one in self._by_id.items() if one.mechanism == UNDOCUMENTED)

    def line(self, id: str) -> frozenset[str]:
        """The model and all its ancestors, teachers among them."""
        if id not in self._lines:
            self._lines[id] = _reached(id, self._parents)
        return self._lines[id]

    def descent(self, id: str) -> frozenset[str]:
        """The model and those that its weights descend from: nothing beyond a distillation."""
        if id not in self._descents:
            self._descents[id] = _reached(id, self._sources)
        return self._descents[id]

    def only_distilled(self, first: str, second: str) -> bool:
        """Whether a distillation is all that connects the two, in whichever place of their lines."""
        return self.descent(first).isdisjoint(self.descent(second)) and not self.line(first).isdisjoint(
            self.line(second)
        )

    def roots(self, id: str) -> frozenset[str]:
        """The ancestors without parents: where the weights begin."""
        return frozenset(member for member in self.line(id) if not self._parents(member))

    def initialisations(self, id: str) -> frozenset[str]:
        """The models that first had the random weights which its roots started from."""
        return frozenset(self._initialisation(root) for root in self.roots(id))

    def share_start(self, first: str, second: str) -> bool:
        """Whether some of their roots began with the same random weights."""
        return not self.initialisations(first).isdisjoint(self.initialisations(second))

    def relation(self, first: str, second: str) -> Relation:
        """The documented relation, in either direction.

        Inconclusive where a lineage is not documented, and where only a distillation connects the two: such a pair is
        neither related nor independent.
        """
        if self._original(first) == self._original(second):
            return Relation.IDENTICAL
        if not self.descent(first).isdisjoint(self.descent(second)):
            return Relation.DERIVED
        undocumented = not self._undocumented.isdisjoint(self.line(first) | self.line(second))
        if undocumented or self.only_distilled(first, second):
            return Relation.INCONCLUSIVE
        one_family = self._by_id[first].family == self._by_id[second].family
        return Relation.SAME_RECIPE if one_family or self.share_start(first, second) else Relation.UNRELATED

    def children(self, id: str) -> list[str]:
        """References whose first parent is `id`, in the bank's order."""
        return self._children.get(id, [])

    @cached_property
    def _children(self) -> dict[str, list[str]]:
        children: dict[str, list[str]] = {}
        for id, reference in self._by_id.items():
            for parent in reference.parents[:1]:
                children.setdefault(parent, []).append(id)
        return children

    def _parents(self, id: str) -> tuple[str, ...]:
        return self._by_id[id].parents if id in self._by_id else ()

    def _initialisation(self, root: str) -> str:
        reference = self._by_id.get(root)
        return reference.initialisation or root if reference else root

    def _sources(self, id: str) -> tuple[str, ...]:
        """The parents that the weights come from."""
        return () if id in self._by_id and self._by_id[id].mechanism == DISTILLATION else self._parents(id)

    def _original(self, id: str) -> str:
        """The model whose function this one has kept."""
        while (reference := self._by_id.get(id)) and reference.mechanism in SAME_FUNCTION:
            if len(reference.parents) != 1:
                break
            id = reference.parents[0]
        return id


def _reached(id: str, parents: Callable[[str], tuple[str, ...]]) -> frozenset[str]:
    """The model and everything that its parents, and theirs, lead to."""
    seen, todo = {id}, [id]
    while todo:
        new = set(parents(todo.pop())) - seen
        seen |= new
        todo += new
    return frozenset(seen)
