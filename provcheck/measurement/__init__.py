"""Running a causal language model from files: gradients at its input embeddings, and log-probabilities.

Nothing here knows a signal: `engine.RunningModel` serves what `provcheck.types.Access` asks for. Together with
`targets` it is the only importer of torch and transformers; importing the package itself imports neither.

engine       a running model: requests -> batches -> numbers
encoding     texts -> tokens with character spans, or the reason why one is left out
batching     sequences -> batches that are computed once and kept in a checkpoint
memory       how much a batch needs, and how large it may be
scoring      tokens -> log-probabilities and input gradients
tokens       texts -> token ids, without loading a model
loader       files -> model and tokenizer
sources      which files they are loaded from, and how the weights in them are stored
loaded_tensors  the weights of a model in memory as arrays
merging      an adapter into its base model
patterns     whether regular expressions of an adapter come to an end
devices      which there are, how much memory they have, and which of them the weights go to
settling     the device and dtype that will be used, without torch where that can be known
environment  what else the numbers depend on
failures     any failure of a library or tokenizer -> one sentence
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MeasureOptions"]


@dataclass(frozen=True)
class MeasureOptions:
    """Where and how to measure. `auto`: the GPU when there is one; float32 on CPU, bfloat16 on GPU.

    batch_tokens: most tokens in a batch, padding included; None: 2048 on the CPU, 16384 on a GPU.
    memory_bytes: memory for batches, on top of the weights; None: what is free, with a margin.
    threads: of the processor, for a model too large to run several batches at once; None: all. The last bits of such a
    model's numbers depend on it, those of a smaller one never.
    """

    device: str = "auto"
    dtype: str = "auto"
    batch_tokens: int | None = None
    memory_bytes: int | None = None
    threads: int | None = None
