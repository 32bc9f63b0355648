"""Which device a model's weights go to: one, or, when one GPU is too small, several."""

from __future__ import annotations

from typing import Any

import torch

from provcheck.errors import TooLarge
from provcheck.measurement.devices import MARGIN, free_bytes
from provcheck.types import Subject

SHARE_FOR_WEIGHTS = 0.8
"""Of each GPU's free memory when a model is spread over several; the rest is for batches."""


def place(subject: Subject, asked: str, chosen: torch.device, dtype: torch.dtype) -> dict[str, Any]:
    """Arguments of from_pretrained: the chosen device, or all GPUs when `auto` was asked and one is too small.

    Raises TooLarge when the weights fit nowhere; loading them would end with the process being killed.
    """
    needed, free = weight_bytes(subject, dtype), free_bytes(chosen)
    if needed <= free / MARGIN:
        return {"device_map": {"": chosen}}
    if asked == "auto" and chosen.type == "cuda":
        gpus = [free_bytes(torch.device("cuda", number)) for number in range(torch.cuda.device_count())]
        if needed <= SHARE_FOR_WEIGHTS * sum(gpus):
            limits = {number: int(SHARE_FOR_WEIGHTS * size) for number, size in enumerate(gpus)}
            return {"device_map": "balanced", "max_memory": {**limits, "cpu": 0}}
        free = sum(gpus)
    name = str(dtype).removeprefix("torch.")
    raise TooLarge(
        f"the weights of '{subject.id}' need {_gib(needed)} in {name}, and {_gib(free)} are free on {chosen.type}",
        "use --dtype bfloat16 if that is not set yet, another --device, or a machine with more memory",
    )


def weight_bytes(subject: Subject, dtype: torch.dtype) -> int:
    """Size of the weights when they are loaded; where their number is not known, the size of their files."""
    model = subject.base or subject
    adapter = sum(file.bytes for file in subject.weights) if subject.base else 0
    if model.parameters is not None:
        return model.parameters * dtype.itemsize + adapter
    return sum(file.bytes for file in model.weights) + adapter


def _gib(size: float) -> str:
    return f"{size / 2**30:.1f} GiB"
