"""What the documented lineage of a bank says about any two of its references."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from provcheck.types import Reference, Relation

EVASIONS = frozenset(
    f"evasion-{kind}"
    for kind in ("rotation", "rescaling", "duplication", "vocabulary", "norms", "heads", "shift", "all")
)
"""Rewrites meant to hide a copy, each by its own name so that an evaluation can list them."""

SAME_FUNCTION = frozenset({"copy", "conversion", "quantize", "rewrite"}) | EVASIONS
"""Mechanisms that keep the weights' function: parent and child count as identical."""

UNDOCUMENTED = "undocumented"
"""Mechanism of a model of unstated origin: no parent is named, but it is not known to be trained from scratch."""


class Ancestry:
    """Ancestors, roots and documented relations of the references of a bank; parents may lie outside of it."""

    def __init__(self, references: Sequence[Reference]) -> None:
        self._by_id = {reference.id: reference for reference in references}
        self._lines: dict[str, frozenset[str]] = {}
        self._undocumented = frozenset(id for id, one in self._by_id.items() if one.mechanism == UNDOCUMENTED)

    def line(self, id: str) -> frozenset[str]:
        """The model and all its ancestors."""
        if id not in self._lines:
            seen, todo = {id}, [id]
            while todo:
                new = set(self._parents(todo.pop())) - seen
                seen |= new
                todo += new
            self._lines[id] = frozenset(seen)
        return self._lines[id]

    def roots(self, id: str) -> frozenset[str]:
        """The ancestors without parents: where the weights begin."""
        return frozenset(member for member in self.line(id) if not self._parents(member))

    def initialisations(self, id: str) -> frozenset[str]:
        """The models that first had the random weights which its roots started from."""
        return frozenset(self._initialisation(root) for root in self.roots(id))

    def relation(self, first: str, second: str) -> Relation:
        """The documented relation, in either direction; inconclusive where a lineage is not documented."""
        if self._original(first) == self._original(second):
            return Relation.IDENTICAL
        one, other = self.line(first), self.line(second)
        if not one.isdisjoint(other):
            return Relation.DERIVED
        if not (self._undocumented.isdisjoint(one) and self._undocumented.isdisjoint(other)):
            return Relation.INCONCLUSIVE
        if self._by_id[first].family == self._by_id[second].family:
            return Relation.SAME_RECIPE
        if not self.initialisations(first).isdisjoint(self.initialisations(second)):
            return Relation.SAME_RECIPE
        return Relation.UNRELATED

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

    def _original(self, id: str) -> str:
        """The model whose function this one has kept."""
        while (reference := self._by_id.get(id)) and reference.mechanism in SAME_FUNCTION:
            if len(reference.parents) != 1:
                break
            id = reference.parents[0]
        return id
