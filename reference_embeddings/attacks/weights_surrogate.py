"""What neurons read and write, anchored and intrinsic, as a differentiable function of the weights.

The formulas are those of `provcheck.signals.weights.neurons`, before the signs are taken. Roots of singular values are
constants of a step: the gradient does not go through them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from provcheck.signals.weights.anchors import anchor_rows, load_anchors, tokens_of
from provcheck.signals.weights.neurons import (
    ANCHORED_SEED,
    BITS,
    GATE_SEED,
    INTRINSIC_BITS,
    INTRINSIC_SEED,
    random_matrix,
)
from reference_embeddings.recipe.anatomy import anatomy_of, final_norm, layers_of, part_of
from reference_embeddings.recipe.folder import Model

from .attack import DoesNotApply


@dataclass(frozen=True)
class Views:
    """Unit vectors of the n neurons of each block: what they read and write."""

    read: list[torch.Tensor]
    write: list[torch.Tensor]


class WeightsView:
    """The neurons of a model, for its weights as they are now."""

    def __init__(self, model: Model) -> None:
        self._network, self._anatomy = model.network, anatomy_of(model.network)
        if len(self._anatomy.inner[0]) > 2 or any(
            isinstance(part_of(layer, self._anatomy.inner[1]), nn.Parameter) for layer in layers_of(model.network)
        ):
            raise DoesNotApply(f"the neurons of {model.network.config.model_type} are not seen one by one")
        tokens = tokens_of(
            lambda words: model.tokenizer(list(words), add_special_tokens=False)["input_ids"],
            model.network.get_input_embeddings().num_embeddings,
        )
        size = model.network.get_input_embeddings().num_embeddings
        self._mixing = torch.from_numpy(anchor_rows(lambda ids: np.eye(size, dtype=np.float32)[ids], tokens)).float()
        self._noise = [
            torch.from_numpy(random_matrix(BITS, len(load_anchors()), seed)) for seed in (ANCHORED_SEED, GATE_SEED)
        ]

    def anchored(self) -> Views:
        """Seen through common words."""
        both, write_axes = self._axes()
        reads, writes = [], []
        for layer in layers_of(self._network):
            up, gate, down = self._neurons(layer)
            seen = _along(up, both[0])
            reads.append(seen if gate is None else _unit(seen + _along(gate, both[1])))
            writes.append(_along(down, write_axes))
        return Views(reads, writes)

    def intrinsic(self) -> Views:
        """Seen through the own attention; raises DoesNotApply where its maps are stored as one."""
        heads = self._anatomy.heads
        if heads is None or len(heads[0]) != 3:
            raise DoesNotApply("its queries, keys and values are one map")
        reads: list[torch.Tensor] = []
        writes: list[torch.Tensor] = []
        for layer in layers_of(self._network):
            up, _, down = self._neurons(layer)
            query, key, value = (self._seen(layer, name) for name in heads[0])
            output = self._centred(_weight(part_of(layer, heads[1])).T)
            shared = len(query) // len(key)
            key, value = (_repeated(one, shared, self._network.config) for one in (key, value))
            forms = ((query, key), (output, value), (down, up))
            for found, vectors in ((reads, up), (writes, down)):
                features = _flattened(_standardised(_forms_at(_unit(vectors), forms)))
                noise = random_matrix(INTRINSIC_BITS, features.shape[1], INTRINSIC_SEED)
                found.append(_unit(features @ torch.from_numpy(noise).T))
        return Views(reads, writes)

    def _axes(self) -> tuple[list[torch.Tensor], torch.Tensor]:
        network = self._network
        rows = self._centred(self._mixing @ network.get_input_embeddings().weight)
        norm: Any = final_norm(network)
        unit = 1.0 if network.config.model_type == "gemma" else 0.0
        head = self._centred(self._mixing @ network.get_output_embeddings().weight * (norm.weight + unit))
        flat, out = _rooted(rows), _rooted(head)
        return [noise @ flat for noise in self._noise], self._noise[0] @ out

    def _neurons(self, layer: nn.Module) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor]:
        """(n, d) what neurons read, their gate, and what they write."""
        names, out = self._anatomy.inner
        read = [self._seen(layer, name) for name in names]
        down = self._centred(_weight(part_of(layer, out)).T)
        return read[-1], read[0] if len(read) == 2 else None, down

    def _seen(self, layer: nn.Module, name: str) -> torch.Tensor:
        """(outputs, d) a map with the gain of the norm that it reads through."""
        norm = next(norm for norm, readers in self._anatomy.readers.items() if name in readers)
        unit = 1.0 if self._network.config.model_type == "gemma" else 0.0
        return self._centred(_weight(part_of(layer, name)) * (part_of(layer, norm).weight + unit))

    def _centred(self, rows: torch.Tensor) -> torch.Tensor:
        return rows if self._anatomy.rms else rows - rows.mean(-1, keepdim=True)


def likeness(own: Views, other: Views) -> torch.Tensor:
    """Mean over neurons of the product of both cosines with the neuron of the same number, none below 0."""
    each = [
        ((r * s).sum(1).relu() * (w * v).sum(1).relu()).mean()
        for r, w, s, v in zip(own.read, own.write, other.read, other.write, strict=True)
    ]
    return torch.stack(each).mean()


def paired(own: Views, other: Views) -> tuple[list[torch.Tensor], Views]:
    """For each block of the own model: places of neurons, and what they shall become.

    Those that read and write most alike are paired, each once; of several blocks of the victim, those of one number.
    """
    from scipy.optimize import linear_sum_assignment

    places, reads, writes = [], [], []
    for block, (read, write) in enumerate(zip(own.read, own.write, strict=True)):
        there = min(block, len(other.read) - 1)
        alike = read @ other.read[there].T + write @ other.write[there].T
        rows, columns = linear_sum_assignment(alike.numpy(), maximize=True)
        places.append(torch.from_numpy(rows))
        reads.append(other.read[there][torch.from_numpy(columns)])
        writes.append(other.write[there][torch.from_numpy(columns)])
    return places, Views(reads, writes)


def closeness(own: Views, target: Views, places: list[torch.Tensor]) -> torch.Tensor:
    """Mean over the placed neurons of the mean of both cosines, whatever their sign."""
    each = [
        ((own.read[n][rows] * target.read[n]).sum(1) + (own.write[n][rows] * target.write[n]).sum(1)).mean() / 2
        for n, rows in enumerate(places)
    ]
    return torch.stack(each).mean()


def detached(views: Views) -> Views:
    """The same as constants."""
    return Views([one.detach() for one in views.read], [one.detach() for one in views.write])


def _weight(part: Any) -> torch.Tensor:
    """(outputs, inputs), whichever way it is stored."""
    weight: torch.Tensor = part.weight
    return weight.T if isinstance(part, Conv1D) else weight


def _repeated(rows: torch.Tensor, times: int, config: Any) -> torch.Tensor:
    """Key or value heads as often as query heads share them."""
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return rows.view(-1, width, rows.shape[-1]).repeat_interleave(times, 0).reshape(-1, rows.shape[-1])


def _rooted(rows: torch.Tensor) -> torch.Tensor:
    """Rows (m, d) with their singular values rooted."""
    with torch.no_grad():
        values, vectors = torch.linalg.eigh(rows.T @ rows)
        factor = (vectors * values.clamp_min(1e-9 * values.max()) ** -0.25) @ vectors.T
    found: torch.Tensor = rows @ factor
    return found


def _along(vectors: torch.Tensor, axes: torch.Tensor) -> torch.Tensor:
    seen = _unit(vectors) @ axes.T
    return _unit(seen - seen.mean(0))


def _unit(values: torch.Tensor) -> torch.Tensor:
    found: torch.Tensor = values / values.norm(dim=1, keepdim=True).clamp_min(1e-12)
    return found


Forms = tuple[tuple[torch.Tensor, torch.Tensor], ...]


def _forms_at(vectors: torch.Tensor, forms: Forms) -> torch.Tensor:
    images = _images(vectors, forms)
    plain = images[: len(forms)]
    found = [(vectors * image).sum(1) for image in plain]
    found += [(one * two).sum(1) for place, one in enumerate(images) for two in images[place:]]
    found += [(one * two).sum(1) for image in plain for two in _images(image, forms) for one in images]
    return torch.stack(found, 1)


def _images(vectors: torch.Tensor, forms: Forms) -> list[torch.Tensor]:
    turned = tuple((right, left) for left, right in forms)
    return [vectors @ right.T @ left for left, right in (*forms, *turned)]


def _standardised(features: torch.Tensor) -> torch.Tensor:
    scaled = features / features.abs().mean(0).clamp_min(1e-30)
    rooted = scaled.sign() * (scaled.abs() + 1e-6).sqrt()
    return (rooted - rooted.mean(0)) / rooted.std(0).clamp_min(1e-12)


def _flattened(features: torch.Tensor) -> torch.Tensor:
    return _rooted(features)
