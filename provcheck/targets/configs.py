"""What config.json says, and whether that is a causal language model."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from provcheck.architectures import CONTEXT_KEYS, architecture
from provcheck.errors import SubjectNotFound, UnsafeModel, UnsupportedModel
from provcheck.io.text import clean
from provcheck.targets.model_files import Place, read_json
from provcheck.targets.sizes import check_lists

IMPLEMENTATION = ("attn_implementation", "experts_implementation", "implementation_internal")
"""Endings of the keys that choose kernels."""


@dataclass(frozen=True)
class Config:
    """The facts of config.json that a subject states."""

    model_type: str
    architecture: str | None
    context_length: int | None
    vocabulary_size: int | None
    quantized: bool = False
    """If so, tensors hold packed numbers, and their elements are not the parameters."""


def read_config(place: Place, *, trust_remote_code: bool) -> Config:
    """The facts of a causal language model's config.json; raises if it is not one."""
    if "config.json" not in place.names:
        raise SubjectNotFound(
            f"{place.id} has no config.json",
            "A model is a folder or repository with config.json and safetensors files.",
        )
    data = read_json(place.folder / "config.json")
    check_lists(place.id, data)
    _check_weights_name(place, data)
    _check_kernels(place, data)
    remote = _check_remote_code(place, data, trusted=trust_remote_code)
    config = _facts(place, data)
    _check_causal(config, data, remote)
    return config


def read_gguf_config(place: Place, name: str) -> Config:
    """The facts in a GGUF file, as transformers translates them; raises if the model is not causal."""
    from transformers import AutoConfig  # slow to import

    try:
        data = AutoConfig.from_pretrained(place.folder, gguf_file=name, local_files_only=True).to_dict()
    except Exception as error:
        raise UnsupportedModel(
            f"transformers cannot load {name[:80]!a}: {clean(str(error)) or type(error).__name__}",
            "Audit the safetensors that it was converted from; or update transformers, if the architecture is new.",
        ) from error
    config = _facts(place, data)
    _check_causal(config, data, {})
    return config


@cache
def class_names(task: str) -> Mapping[str, Any]:
    """transformers' classes for a task, by model_type.

    Read from its source, since importing it takes seconds, and torch; imported if they are not written there.
    """
    name = f"MODEL_FOR_{task}_MAPPING_NAMES"
    try:
        return dict(ast.literal_eval(_assigned()[name]))
    except (KeyError, ValueError, TypeError):
        from transformers.models.auto import modeling_auto

        return dict(getattr(modeling_auto, name))


def _facts(place: Place, data: dict[str, Any]) -> Config:
    model_type = clean(data.get("model_type"))
    if model_type is None:
        raise UnsupportedModel(
            f"config.json of {place.id} states no model_type", "Add the model_type it was saved with."
        )
    architectures = data.get("architectures")
    return Config(
        model_type=model_type,
        architecture=clean(architectures[0]) if isinstance(architectures, list) and architectures else None,
        context_length=None if architecture(model_type).recurrent else _number(data, *CONTEXT_KEYS),
        vocabulary_size=_number(data, "vocab_size"),
        quantized=bool(data.get("quantization_config")),
    )


def _number(data: dict[str, Any], *keys: str) -> int | None:
    """The first positive integer under one of the keys, at the top or in the nested text_config."""
    nested = data.get("text_config")
    for scope in (data, nested if isinstance(nested, dict) else {}):
        for key in keys:
            value = scope.get(key)
            if type(value) is int and 0 < value < 2**40:
                return value
    return None


def _check_remote_code(place: Place, data: dict[str, Any], *, trusted: bool) -> dict[str, Any]:
    """The `auto_map` of config.json; raises UnsafeModel if it has one that may not run."""
    found = {"config.json": data.get("auto_map")}
    if "tokenizer_config.json" in place.names:
        found["tokenizer_config.json"] = read_json(place.folder / "tokenizer_config.json").get("auto_map")
    for name, auto_map in found.items():
        if auto_map and not trusted:
            raise UnsafeModel(
                f"{place.id} wants to run Python code of its own (auto_map in {name})",
                "Read that code first. --trust-remote-code runs it with all your rights on this machine.",
            )
    auto_map = found["config.json"]
    return auto_map if isinstance(auto_map, dict) else {}


def _check_kernels(place: Place, data: object, inside: bool = False) -> None:
    """Refuse kernels from the Hub: transformers would fetch the repository that such a key names, and run its code.

    The key may occur anywhere, and hold one name or a mapping of names. Names without a slash are built in; the config
    does not choose among them (`provcheck.measurement.loader`).
    """
    if inside and isinstance(data, str) and "/" in data:
        raise UnsafeModel(
            f"config.json of {place.id} names code to run: the kernels {clean(data)!a}",
            "Remove the entry *_implementation from config.json; no number of provcheck depends on it.",
        )
    for key, value in data.items() if isinstance(data, dict) else ():
        _check_kernels(place, value, inside or str(key).endswith(IMPLEMENTATION))


def _check_weights_name(place: Place, data: dict[str, Any]) -> None:
    """Refuse another name: transformers would load that file, and what is digested must be what is measured."""
    if data.get("transformers_weights") is not None:
        raise UnsupportedModel(
            f"config.json of {place.id} names other weight files (transformers_weights)",
            "Remove the entry, and name the weights model.safetensors.",
        )


def _check_causal(config: Config, data: dict[str, Any], remote: dict[str, Any]) -> None:
    causal = "AutoModelForCausalLM" in remote if remote else _is_causal(config, data)
    if causal:
        return
    stated = config.architecture or "no architecture stated"
    raise UnsupportedModel(
        f"not a causal language model that can be measured: model_type {config.model_type} ({stated})",
        "provcheck measures decoder-only models that transformers can load; if this one is new, update transformers.",
    )


def _is_causal(config: Config, data: dict[str, Any]) -> bool:
    kind, stated = config.model_type, config.architecture
    causal, encoders = class_names("CAUSAL_LM"), class_names("MASKED_LM")
    if kind not in causal or architecture(kind).bidirectional or data.get("is_encoder_decoder") is True:
        return False
    if kind in encoders and data.get("is_decoder") is not True:
        return False
    if stated is None or stated.endswith("ForConditionalGeneration"):
        return kind not in class_names("SEQ_TO_SEQ_CAUSAL_LM")
    return stated == causal[kind] or stated.endswith(("ForCausalLM", "LMHeadModel"))


@cache
def _assigned() -> Mapping[str, ast.expr]:
    """What transformers' modeling_auto.py assigns, by name: the pairs in `NAME = OrderedDict([...])`."""
    spec = find_spec("transformers")
    folder = Path(next(iter((spec and spec.submodule_search_locations) or ["."])))
    try:
        body = ast.parse((folder / "models" / "auto" / "modeling_auto.py").read_text("utf-8")).body
    except (OSError, ValueError, SyntaxError):
        return {}
    return {
        ast.unparse(one.targets[0]): one.value.args[0]
        for one in body
        if isinstance(one, ast.Assign) and isinstance(one.value, ast.Call) and one.value.args
    }
