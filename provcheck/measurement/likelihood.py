"""Log-likelihood of every text: the sum of the log-probabilities of its tokens."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from provcheck.measurement.batching import Run, Stage, run_batches
from provcheck.measurement.devices import repeatable
from provcheck.measurement.encoding import Encoded
from provcheck.measurement.loading import Loaded
from provcheck.measurement.scoring import check_finite, logprobs
from provcheck.types import Floats


def loglikelihoods(loaded: Loaded, texts: Sequence[Encoded], total: int, run: Run) -> Floats:
    """(total,) float64 log-likelihood of each text in nats, summed from the second token on; NaN where left out."""
    result = np.full(total, np.nan)
    stage = Stage[Encoded](
        "log-likelihood",
        lambda batch: sum_logprobs(loaded, batch),
        values=lambda _text: 1,
        scored=all_but_the_first,
        gradients=False,
    )
    for text, (value,) in run_batches(stage, loaded, texts, run):
        result[text.probe] = value
    return result


def sum_logprobs(loaded: Loaded, batch: Sequence[Encoded]) -> Floats:
    """(len(batch),) float64 sums of the log-probabilities of all tokens but the first, in nats."""
    with repeatable(loaded.device), torch.inference_mode():
        values = logprobs(loaded, batch, list(map(all_but_the_first, batch))).double().cpu().numpy()
    check_finite(values, "outputs")
    starts = np.cumsum([0, *(len(text.ids) - 1 for text in batch[:-1])])
    return np.add.reduceat(values, starts)


def all_but_the_first(text: Encoded) -> NDArray[np.bool_]:
    """(T,) the tokens that have a prediction."""
    return np.arange(len(text.ids)) > 0
