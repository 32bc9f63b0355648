"""What is needed of one model: its stored tensors, its config, and the numbers of its tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from provcheck.changes.tensor_names import Names, names_of
from provcheck.signals.weights.anatomy import Anatomy, dissect
from provcheck.types import NotMeasured, Tensors


@dataclass(frozen=True, eq=False)
class Opened:
    """A model whose tensors can be read. `tokens`: number by text; empty where no tokenizer is at hand."""

    tensors: Tensors
    config: Mapping[str, Any]
    tokens: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def names(self) -> Names:
        """The tensors by block and kind."""
        return names_of(self.tensors)

    @cached_property
    def anatomy(self) -> Anatomy | None:
        """Neurons and embeddings; None where it is not known how such models store them."""
        found = dissect(self.tensors, self.config)
        return None if isinstance(found, NotMeasured) or found.blocks != len(self.names.blocks) else found

    @property
    def rows(self) -> int:
        """Rows of the embedding, 0 where it is not known which tensor that is."""
        return self.anatomy.vocabulary if self.anatomy else 0
