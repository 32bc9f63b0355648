"""Quirks of architectures that affect a measurement, in one table by `model_type` of config.json.

A new quirk is a new row here, not a condition elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Architecture:
    """What is special about the models of one type; the defaults hold for all others."""

    recurrent: bool = False
    """Its state has a fixed size, so a context length in the config is not a limit."""

    bidirectional: bool = False
    """transformers lists it among the causal models, but as configured it attends to later tokens."""


ARCHITECTURES = {
    **dict.fromkeys(("mamba", "mamba2", "falcon_mamba", "rwkv", "xlstm"), Architecture(recurrent=True)),
    **dict.fromkeys(("xlnet", "xlm", "flaubert"), Architecture(bidirectional=True)),
}

CONTEXT_KEYS = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "seq_length")
"""Config keys that hold the context length."""

NORMALISED_EMBEDDINGS = "word_embeddings_layernorm"
"""The layer that normalizes every embedding before anything else reads it (BLOOM and its successors).

The output of such a model does not depend on the length of an embedding, so its inner product with the gradient would
be zero up to rounding; the output of this layer counts as the input embedding instead.
"""

TOKENIZER_CLASSES = {
    **dict.fromkeys(("Llama", "CodeLlama", "Gemma", "GPT2", "Qwen2", "GPTNeoX", "CodeGen", "Roberta", "Bart"), "BPE"),
    **dict.fromkeys(("T5", "Albert", "XLNet", "XGLM", "Camembert", "XLMRoberta", "MBart", "Pegasus"), "Unigram"),
    **dict.fromkeys(("Bert", "DistilBert", "Electra", "RoFormer"), "WordPiece"),
}
"""Kinds of tokenizers by transformers' class names, without `Tokenizer` and `Fast`.

Only classes whose files are converted when they are loaded, so that no file states the kind.
"""

GGUF_TOKENIZERS = {"gpt2": "BPE", "llama": "SentencePiece", "bert": "WordPiece", "t5": "Unigram"}
"""Kinds of tokenizers by llama.cpp's names."""


def architecture(model_type: str) -> Architecture:
    """What is special about models of that type."""
    return ARCHITECTURES.get(model_type, Architecture())
