"""Which share of a device's matrix-product rate a measurement reaches."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import torch

from provcheck.measurement.batching import Run
from provcheck.measurement.encoding import Encoded, encode_questions, encode_texts
from provcheck.measurement.loader import Loaded
from tests.benchmarks.models import every_nth, random_llama
from tests.measurement.running import asked, attribute_words, loglikelihoods, texts_of

AIM_SHARE, AIM_SECONDS = 0.5, 60
FLOPS = {"attributions": 4, "log-likelihood": 2}
"""For each weight and token: a multiplication and an addition forward, and as many backward to the inputs."""


def share_of_the_rate(device: str, shape: str, dtype: str, every: int) -> Iterator[str]:
    """Lines with the device's rate, and for both stages seconds, tokens a second, and the share of the rate."""
    loaded, probes = random_llama(shape, device, dtype), every_nth(every)
    weights = sum(parameter.numel() for parameter in loaded.model.parameters())
    weights -= loaded.model.get_input_embeddings().weight.numel()  # looked up, not multiplied
    side = 8192 if loaded.device.type == "cuda" else 1024
    rate = matmul_rate(loaded, side)
    kind = str(loaded.dtype).removeprefix("torch.")
    yield f"random llama {shape} on {loaded.device_name}, {kind}, {weights:,} weights without the input embedding"
    yield f"product of two matrices of {side} x {side}: {rate / 1e12:.3g} TFLOP/s"
    options, _ = encode_questions(loaded.tokenizer, asked(probes), None)
    texts, _ = encode_texts(loaded.tokenizer, texts_of(probes), None)
    stages: dict[str, tuple[Sequence[Encoded], Callable[[], object]]] = {
        "attributions": (options, lambda: attribute_words(loaded, probes.questions, options, Run())),
        "log-likelihood": (texts, lambda: loglikelihoods(loaded, texts, len(probes.texts), Run())),
    }
    total = 0.0
    for stage, (sequences, work) in stages.items():
        tokens = sum(len(sequence.ids) for sequence in sequences)
        took = seconds(work, loaded)
        total += took
        share = FLOPS[stage] * weights * tokens / took / rate
        yield (
            f"{stage:<15} {tokens:,} tokens in {took:.1f}s, {tokens / took:,.0f} tokens/s, {FLOPS[stage]}N FLOPs a "
            f"token: {share:.0%} of the rate, aim {AIM_SHARE:.0%}: {_verdict(share >= AIM_SHARE)}"
        )
    scope = "all probes" if every == 1 else f"every {every}th probe"
    yield f"{scope} in {total:.1f}s after loading, aim {AIM_SECONDS}s for all: {_verdict(total * every < AIM_SECONDS)}"


def matmul_rate(loaded: Loaded, side: int) -> float:
    """FLOPs a second of a large matrix product in the model's dtype, best of several."""
    one, two = (torch.randn(side, side, device=loaded.device, dtype=loaded.dtype) for _ in range(2))
    return max(2 * side**3 / seconds(lambda: one @ two, loaded) for _ in range(10))


def seconds(work: Callable[[], object], loaded: Loaded) -> float:
    """Wall-clock seconds until the device has done it."""
    started = time.perf_counter()
    work()
    if loaded.device.type == "cuda":
        torch.cuda.synchronize(loaded.device)
    return time.perf_counter() - started


def _verdict(reached: bool) -> str:
    return "reached" if reached else "not reached"
