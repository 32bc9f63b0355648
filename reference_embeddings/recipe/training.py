"""One training loop, and the losses that make it pretraining, instruction tuning, preference tuning or distillation."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

Loss = Callable[[torch.Tensor], torch.Tensor]
After = Callable[[int], None]
WEIGHT_DECAY = 0.05
CLIP = 1.0
TAIL_STEPS = 50


@dataclass(frozen=True)
class Burst:
    """The steps from `start` to before `end` are trained at `factor` times the peak rate, to provoke a loss spike."""

    start: int
    end: int
    factor: float


def fit(
    model: Any,
    batches: Iterator[torch.Tensor],
    loss: Loss,
    *,
    steps: int,
    rate: float,
    burst: Burst | None = None,
    after: After = lambda _step: None,
) -> float:
    """Train in place with AdamW, warm-up and cosine decay; returns the mean loss of the last 50 steps.

    `after` is called with the number of steps done, 0 before the first; `burst` is a stretch of a higher rate.
    """
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=rate, betas=(0.9, 0.95), weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate_factor(step, steps, burst))
    device = next(model.parameters()).device
    model.train()
    after(0)
    losses = []
    for step in range(steps):
        losses.append(_step(trained, optimizer, schedule, loss(next(batches).to(device))))
        after(step + 1)
    model.eval()
    tail = losses[-TAIL_STEPS:]
    return sum(tail) / max(1, len(tail))


def _step(trained: list[Any], optimizer: Any, schedule: Any, value: torch.Tensor) -> float:
    value.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(trained, CLIP)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    schedule.step()
    found = float(value.detach())
    if not math.isfinite(found):
        raise FloatingPointError("the loss is not finite")
    return found


def _rate_factor(step: int, steps: int, burst: Burst | None) -> float:
    warmup = max(1, min(100, steps // 10))
    if burst and burst.start <= step < burst.end:
        return burst.factor
    if step < warmup:
        return (step + 1) / warmup
    return 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def language_loss(model: Any, prompt_share: float = 0.0) -> Loss:
    """Next-token loss in nats a token; with a prompt share only the rest of each row, the answer, counts."""

    def loss(batch: torch.Tensor) -> torch.Tensor:
        start = int(prompt_share * batch.shape[1])
        logits = model(input_ids=batch).logits[:, start:-1]
        return functional.cross_entropy(logits.flatten(0, 1), batch[:, start + 1 :].flatten())

    return loss


def preference_loss(model: Any, reference: Any, beta: float, generator: torch.Generator) -> Loss:
    """DPO: the real continuation is preferred over the same tokens in random order."""

    def loss(batch: torch.Tensor) -> torch.Tensor:
        half = batch.shape[1] // 2
        order = torch.randperm(batch.shape[1] - half, generator=generator).to(batch.device)
        rejected = torch.cat([batch[:, :half], batch[:, half:][:, order]], dim=1)
        with torch.no_grad():
            before = _answer_nats(reference, batch, half) - _answer_nats(reference, rejected, half)
        margin = _answer_nats(model, batch, half) - _answer_nats(model, rejected, half) - before
        return -functional.logsigmoid(beta * margin).mean()

    return loss


def distillation_loss(student: Any, teacher: Any, teacher_share: float) -> Loss:
    """The teacher's distribution (KL) mixed with the text itself."""

    def loss(batch: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            target = teacher(input_ids=batch).logits[:, :-1].log_softmax(-1).flatten(0, 1)
        found = student(input_ids=batch).logits[:, :-1].log_softmax(-1).flatten(0, 1)
        copied = functional.kl_div(found, target, log_target=True, reduction="batchmean")
        return teacher_share * copied + (1 - teacher_share) * functional.nll_loss(found, batch[:, 1:].flatten())

    return loss


@torch.no_grad()
def bits_per_byte(model: Any, tokenizer: Any, texts: list[str], context: int) -> float:
    """Mean cost of texts in bits a byte, as `provcheck` counts it: own special tokens, from the second token on."""
    device = next(model.parameters()).device
    nats = size = 0.0
    for text in texts:
        ids = torch.tensor([tokenizer(text)["input_ids"][:context]], device=device)
        logits = model(input_ids=ids).logits[0, :-1]
        nats += float(functional.cross_entropy(logits.float(), ids[0, 1:], reduction="sum"))
        size += len(text.encode())
    return nats / size / math.log(2)


def _answer_nats(model: Any, batch: torch.Tensor, start: int) -> torch.Tensor:
    logits = model(input_ids=batch).logits[:, start - 1 : -1]
    nats: torch.Tensor = logits.log_softmax(-1).gather(-1, batch[:, start:, None]).squeeze(-1)
    return nats.sum(-1)
