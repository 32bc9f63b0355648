"""What config.json states and what the files hold, as far as it may be odd: the numbers that signs of disguise rest on.

Nothing is judged here (`provcheck.disguise`), and nothing is run. A look that cannot be taken says why.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from provcheck.architectures import CONTEXT_KEYS
from provcheck.errors import SubjectError
from provcheck.io.tensor_files import TensorFiles
from provcheck.io.text import clean
from provcheck.signals.weights.families import layout_of
from provcheck.signals.weights.stored import Unfit
from provcheck.targets.looks import TENSOR_LOOKS, StoredModel
from provcheck.targets.model_files import MAX_SMALL_BYTES, Place, read_json
from provcheck.targets.sizes import LAYERS
from provcheck.targets.token_facts import TOKENIZER_LOOKS, read_tokens
from provcheck.targets.weight_files import Weights
from provcheck.types import Makeup, Tensors

SETTINGS = {
    "layers": LAYERS,
    "heads": ("num_attention_heads", "n_head", "n_heads", "num_heads"),
    "key_value_heads": ("num_key_value_heads", "num_kv_heads"),
    "norm_epsilon": ("rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon", "norm_eps", "norm_epsilon"),
    "context": CONTEXT_KEYS,
    "rope_theta": ("rope_theta", "rotary_emb_base"),
    "activation": ("hidden_act", "activation_function", "hidden_activation"),
    "sliding_window": ("sliding_window",),
}
"""Our name of a setting, and the keys of config.json that may hold it."""

SCALING = "rope_scaling"
PLAIN_ROPE = "default"
MAX_TEXT = 200

IN_PART = "only parts of the weight files were fetched from the Hub"
Look = dict[str, float]
Looks = dict[str, Look]


def read_makeup(place: Place, weights: Weights) -> Makeup:
    """The makeup of a full model in a folder or on the Hub; its files were checked before."""
    if weights.format == "gguf":
        every = (*TENSOR_LOOKS, *TOKENIZER_LOOKS, "settings")
        return Makeup(not_looked_at=dict.fromkeys(every, "the model is in a GGUF file"))
    config = _flat(read_json(place.folder / "config.json"))
    looks: Looks = {}
    missing: dict[str, str] = {}
    _take(looks, missing, TENSOR_LOOKS, lambda: _stored(place, weights, config))
    _take(looks, missing, TOKENIZER_LOOKS, lambda: read_tokens(_tokenizer(place)))
    return Makeup(stated=_settings(config), looks=looks, not_looked_at=missing)


def _take(
    looks: Looks, missing: dict[str, str], asked: Mapping[str, Callable[[Any], Look]], of: Callable[[], Any]
) -> None:
    """Take looks at what `of` opens; those that cannot be taken go to `missing`, with the reason."""
    try:
        opened = of()
    except (Unfit, SubjectError, OSError) as fault:
        missing.update(dict.fromkeys(asked, _why(fault)))
        return
    for name, look in asked.items():
        try:
            looks[name] = look(opened)
        except (Unfit, SubjectError, OSError) as fault:
            missing[name] = _why(fault)


def _why(fault: Exception) -> str:
    return clean(str(fault)) or type(fault).__name__


def _stored(place: Place, weights: Weights, config: Mapping[str, Any]) -> StoredModel:
    if weights.format != "safetensors":
        raise Unfit("the weights are pickled, and not opened for this")
    layout = layout_of(config)
    if layout is None:
        raise Unfit(f"how models of the type {clean(config.get('model_type'))} store their weights is not known")
    tensors: Tensors = weights.partial or TensorFiles([place.folder / file.name for file in weights.files])
    return StoredModel(tensors, config, layout, IN_PART if weights.partial else "")


def _tokenizer(place: Place) -> dict[str, Any]:
    if "tokenizer.json" not in place.names:
        raise Unfit("there is no tokenizer.json")
    return read_json(Path(place.folder) / "tokenizer.json", MAX_SMALL_BYTES)


def _flat(config: dict[str, Any]) -> dict[str, Any]:
    """Entries of a nested text_config beside those at the top."""
    nested = config.get("text_config")
    return {**nested, **config} if isinstance(nested, dict) else config


def _settings(config: Mapping[str, Any]) -> dict[str, float | str]:
    """The settings that config.json states, by our names."""
    rope = config.get("rope_parameters") or config.get(SCALING) or {}
    rope = rope if isinstance(rope, dict) else {}
    found = {
        name: _first(config if name != "rope_theta" else {**config, **rope}, keys) for name, keys in SETTINGS.items()
    }
    scaling = {key: value for key, value in rope.items() if key not in ("rope_theta", "partial_rotary_factor")}
    kind = scaling.pop("rope_type", scaling.pop("type", None)) or PLAIN_ROPE
    said = json.dumps({"type": kind, **scaling}, sort_keys=True) if kind != PLAIN_ROPE or scaling else PLAIN_ROPE
    return {name: value for name, value in found.items() if value is not None} | {SCALING: said[:MAX_TEXT]}


def _first(config: Mapping[str, Any], keys: tuple[str, ...]) -> float | str | None:
    """The number or text under the first of the keys that has one."""
    for key in keys:
        value = config.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e30:
            return float(value)
        if isinstance(value, str):
            return clean(value)
    return None
