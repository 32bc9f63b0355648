"""`python -m tests.measurement.peak ARCHITECTURE THREADS`: budget of a measurement and its real peak, as JSON lines.

The peak is that of the process's resident memory above what it was before, as Linux reports it.
"""

from __future__ import annotations

import gc
import json
import sys
from pathlib import Path

import numpy as np
import torch

from provcheck.measurement.batching import Run, Stage, run_batches
from provcheck.measurement.encoding import EncodedOption
from provcheck.measurement.loader import Loaded
from provcheck.measurement.memory import limits_for
from provcheck.measurement.scoring import all_but_the_first, attribute_tokens, mean_embedding, token_logprobs
from tests.tiny import ARCHITECTURES, tiny_model, tiny_tokenizer

VOCABULARY = 8000
SIZES = {
    **dict.fromkeys(("hidden_size", "n_embd", "d_model", "word_embed_proj_dim"), 256),
    **dict.fromkeys(("num_attention_heads", "num_key_value_heads", "n_head", "n_heads", "num_heads"), 4),
    **dict.fromkeys(("intermediate_size", "ffn_dim"), 1024),
    **dict.fromkeys(("num_hidden_layers", "n_layer", "n_layers", "num_layers"), 6),
    "head_dim": 64,
}


def main(architecture: str, threads: int) -> None:
    torch.set_num_threads(threads)
    sizes = {name: SIZES[name] for name in ARCHITECTURES[architecture] if name in SIZES}
    model = tiny_model(architecture, vocab_size=VOCABULARY, **sizes)
    loaded = Loaded(model, tiny_tokenizer(), torch.device("cpu"), torch.float32)
    questions = [sequence(120 - place % 20, place) for place in range(40)]
    baseline = mean_embedding(loaded, questions)
    options = Stage[EncodedOption](
        "options",
        lambda batch: attribute_tokens(loaded, batch, baseline),
        values=lambda option: 2 * len(option.ids),
        scored=lambda option: option.in_option,
        gradients=True,
    )
    texts = Stage[EncodedOption](
        "texts",
        lambda batch: token_logprobs(loaded, batch),
        values=lambda text: len(text.ids) - 1,
        scored=all_but_the_first,
        gradients=False,
    )
    report(options, loaded, questions)
    report(texts, loaded, [sequence(400 - place % 20, place) for place in range(20)])


def report(stage: Stage[EncodedOption], loaded: Loaded, sequences: list[EncodedOption]) -> None:
    """Run a stage once to warm up, then with two budgets."""
    stage.compute(sequences[:1])
    scored = int(stage.scored(sequences[0]).sum())
    limits = limits_for(loaded, sequences[0], scored, gradients=stage.gradients, tokens=None, memory=None)
    one = limits.footprint.batch(1, len(sequences[0].ids), scored)
    for budget in (3 * one, 9 * one):
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
        before = resident("VmRSS")
        for _ in run_batches(stage, loaded, sequences, Run(memory_bytes=budget)):
            pass
        print(json.dumps({"stage": stage.name, "budget": budget, "peak": resident("VmHWM") - before}))


def resident(name: str) -> int:
    """A line of /proc/self/status in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024


def sequence(length: int, place: int) -> EncodedOption:
    """Random tokens; the last fifth is the option."""
    ids = np.random.default_rng(place).integers(3, VOCABULARY, length)
    spans = np.stack([np.arange(length), np.arange(length) + 1], axis=1)
    return EncodedOption(ids, spans, np.zeros(length, dtype=bool), place, 0, question_end=4 * length // 5)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
