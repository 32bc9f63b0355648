"""Every mechanism word of the recipe and the function that does it: (context, parents, **parameters) -> Model."""

from __future__ import annotations

from collections.abc import Callable

from .compression import drop_layers, prune, quantize
from .folder import Model
from .merging import merge
from .plan import FROM_SCRATCH
from .rewriting import rewrite
from .tuning import continue_pretraining, distil, fine_tune, merge_lora, train_from_scratch, tune_preferences
from .vocabulary import extend_vocabulary, swap_tokenizer

MECHANISMS: dict[str, Callable[..., Model]] = {
    FROM_SCRATCH: train_from_scratch,
    "fine-tune": fine_tune,
    "preference": tune_preferences,
    "lora": merge_lora,
    "continued-pretraining": continue_pretraining,
    "merge": merge,
    "quantize": quantize,
    "prune": prune,
    "layer-drop": drop_layers,
    "vocabulary": extend_vocabulary,
    "tokenizer-swap": swap_tokenizer,
    "distillation": distil,
    "rewrite": rewrite,
}
