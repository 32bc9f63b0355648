"""The logit lens: log-likelihoods that a model gives when its output is read after each of its layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from torch.nn import Module, ModuleList

from provcheck.errors import UnsupportedModel
from provcheck.measurement import MeasureOptions
from provcheck.measurement.engine import RunningModel
from provcheck.measurement.loader import load
from provcheck.observer import Observer
from provcheck.types import Floats, ModelFiles

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def layer_log_likelihoods(files: ModelFiles, texts: Sequence[str], how: MeasureOptions, observe: Observer) -> Floats:
    """(L, N) log-likelihoods in nats of N texts after layer 1 ... L; NaN where a text was left out.

    After layer l the final norm and the output embedding are applied to its output (nostalgebraist, 2020): what the
    model is without the layers behind it, so it is scored as any model. Raises UnsupportedModel, and SubjectError as
    `RunningModel` does.
    """
    loaded = load(files, how.device, how.dtype)
    count = len(_blocks(loaded.model)[1])
    rows = []
    for depth in range(1, count + 1):
        with _truncated(loaded.model, depth):
            found = RunningModel(files, how, observe, loaded=loaded).log_likelihoods(texts)
        rows.append([np.nan if isinstance(one, str) else one.nats for one in found])
    return np.array(rows, dtype=np.float64)


@contextmanager
def _truncated(model: PreTrainedModel, depth: int) -> Iterator[None]:
    """Inside, the model ends after that many layers."""
    (parent, name), blocks = _blocks(model)
    setattr(parent, name, blocks[:depth])
    try:
        yield
    finally:
        setattr(parent, name, blocks)


def _blocks(model: PreTrainedModel) -> tuple[tuple[Module, str], ModuleList]:
    """The list of the model's layers, with the module that holds it and its name there."""
    count: Any = getattr(model.config.get_text_config(), "num_hidden_layers", None)
    for path, module in model.named_modules():
        if isinstance(module, ModuleList) and len(module) == count:
            parent, _, name = path.rpartition(".")
            return (model.get_submodule(parent), name), module
    raise UnsupportedModel(
        f"{type(model).__name__} does not tell where its layers are", "name a model whose layers stand in one list"
    )
