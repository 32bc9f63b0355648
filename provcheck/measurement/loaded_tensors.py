"""The weights of a model in memory, as those of files: float32 arrays by name, each made when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch

from provcheck.types import Floats, Ints, Tensors

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class LoadedTensors(Tensors):
    """Parameters and buffers under their names in the model."""

    def __init__(self, model: PreTrainedModel) -> None:
        self._state = model.state_dict()

    def __getitem__(self, name: str) -> Floats:
        return _array(self._state[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._state)

    def __len__(self) -> int:
        return len(self._state)

    def shape(self, name: str) -> tuple[int, ...]:
        """As the model has it."""
        return tuple(self._state[name].shape)

    def holds_floats(self, name: str) -> bool:
        """False for buffers of masks and places."""
        return bool(self._state[name].is_floating_point())

    def rows(self, name: str, places: Ints) -> Floats:
        """Only these rows become an array."""
        tensor = self._state[name]
        return _array(tensor[torch.from_numpy(places).to(tensor.device)])


def _array(tensor: torch.Tensor) -> Floats:
    return tensor.detach().float().cpu().numpy()
