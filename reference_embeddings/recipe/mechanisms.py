"""Every mechanism word of the recipe and the function that does it: (context, parents, **parameters) -> Model."""

from __future__ import annotations

from collections.abc import Callable

from provcheck.bank.ancestry import EVASIONS

from .compression import drop_layers, prune, quantize
from .disturbing import add_noise, reset_anchors
from .evading import evade, evade_and_fine_tune
from .folder import Model
from .merging import merge, merge_independent
from .plan import FROM_SCRATCH
from .resizing import make_experts, narrow, repeat_layers
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
    "depth-upscaling": repeat_layers,
    "width-pruning": narrow,
    "experts": make_experts,
    "merge-independent": merge_independent,
    "noise": add_noise,
    "anchor-reset": reset_anchors,
    **dict.fromkeys(sorted(EVASIONS), evade),
    "evasion-and-fine-tune": evade_and_fine_tune,
}
