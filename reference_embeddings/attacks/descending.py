"""Descent on the weights under a bound on how far the function may move."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

from provcheck.probes import load_probes
from reference_embeddings.recipe.folder import Model

FIRST_TEXT, TEXTS, TOKENS = 8, 64, 128
"""Probe texts that the bound is kept on; the first ones are left for measuring what is kept."""
BATCH = 8
SHORTENINGS = 12
RATE = 4e-3
"""Of Adam, for a bound of 1 nat a token. Divergence grows as the square of a step, so the rate falls with the root."""


class Function:
    """What a model predicts on a few texts before it is attacked, and how far it has moved since."""

    def __init__(self, model: Model) -> None:
        texts = load_probes().texts[FIRST_TEXT : FIRST_TEXT + TEXTS]
        self._network = model.network
        self._ids = [torch.tensor(model.tokenizer(text.text)["input_ids"][: self._most()]) for text in texts]
        with torch.no_grad():
            self._before = [self._log_probabilities(start) for start in self._starts()]

    def divergence(self, batch: int) -> torch.Tensor:
        """KL of the old predictions from the new, in nats a token, on one of the batches."""
        start = self._starts()[batch % len(self._starts())]
        before, after = self._before[batch % len(self._starts())], self._log_probabilities(start)
        return (before.exp() * (before - after)).sum(-1).mean()

    def whole(self) -> float:
        """The same on all texts."""
        with torch.no_grad():
            return float(torch.stack([self.divergence(n) for n in range(len(self._starts()))]).mean())

    def _most(self) -> int:
        config = self._network.config
        return int(min(TOKENS, getattr(config, "max_position_embeddings", None) or TOKENS))

    def _starts(self) -> range:
        return range(0, len(self._ids), BATCH)

    def _log_probabilities(self, start: int) -> torch.Tensor:
        """(tokens, V) after every token of a batch."""
        some = self._ids[start : start + BATCH]
        padded = torch.nn.utils.rnn.pad_sequence(some, batch_first=True)
        kept = torch.nn.utils.rnn.pad_sequence([torch.ones(len(one), dtype=torch.bool) for one in some], True)
        found: torch.Tensor = self._network(input_ids=padded, use_cache=False).logits[kept].log_softmax(-1)
        return found


def descend(network: Any, loss: Callable[[int], torch.Tensor], function: Function, bound: float, steps: int) -> None:
    """Change the network in place so that `loss(step)` falls, with at most `bound` nats a token of divergence.

    Beyond the bound a penalty pulls back; in the end the whole change is shortened until the bound holds.
    """
    weights = [value.requires_grad_() for value in network.parameters()]
    start = [value.detach().clone() for value in weights]
    optimizer = torch.optim.Adam(weights, lr=RATE * bound**0.5)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(steps):
        optimizer.zero_grad()
        moved = function.divergence(step)
        torch.autograd.backward(loss(step) + (moved / bound - 0.7).relu())
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        schedule.step()
    network.requires_grad_(False)
    _shorten(weights, start, function, bound)


def batches(numbers: Sequence[int], size: int, seed: int) -> Iterator[list[int]]:
    """Endless batches in random order."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        order = torch.randperm(len(numbers), generator=generator).tolist()
        yield from ([numbers[n] for n in order[at : at + size]] for at in range(0, len(order), size))


def _shorten(weights: Sequence[torch.Tensor], start: Sequence[torch.Tensor], function: Function, bound: float) -> None:
    """The largest share of the change within the bound, by halving."""
    change = [value.detach() - old for value, old in zip(weights, start, strict=True)]

    def take(share: float) -> None:
        with torch.no_grad():
            for value, old, step in zip(weights, start, change, strict=True):
                value.copy_(old + share * step)

    low, high = 0.0, 1.0
    if function.whole() <= bound:
        return
    for _ in range(SHORTENINGS):
        middle = (low + high) / 2
        take(middle)
        low, high = (middle, high) if function.whole() <= bound else (low, middle)
    take(low)
