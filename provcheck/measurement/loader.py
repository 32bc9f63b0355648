"""Load a resolved model from local files: plain, quantized or GGUF weights, with or without an adapter."""

from __future__ import annotations

import io
import os
from contextlib import redirect_stderr
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from provcheck.errors import BrokenModel, TooLarge, UnsupportedModel
from provcheck.measurement.devices import (
    choose_device,
    choose_dtype,
    free_bytes,
    is_out_of_memory,
    name_device,
    place_weights,
)
from provcheck.measurement.failures import failures_said, first_line
from provcheck.measurement.merging import apply_adapter, is_packed
from provcheck.measurement.sources import gguf_file, quantization, tokenizer_source
from provcheck.measurement.tokens import refuse_dropout
from provcheck.types import ModelFiles

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase


MOST_MISSING = 2
"""A config may describe so many times the stored parameters: a tied matrix is stored once."""


@dataclass(frozen=True)
class Loaded:
    """A model in memory: evaluation mode, parameters without gradient. `device` is that of the input embeddings."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    device: torch.device
    dtype: torch.dtype
    unused: tuple[str, ...] = ()
    """Tensors of the weight files that the model does not have."""

    @property
    def bytes(self) -> int:
        """Size of the weights."""
        return sum(parameter.nbytes for parameter in self.model.parameters())

    @property
    def devices(self) -> list[torch.device]:
        """Where the weights are."""
        return list(dict.fromkeys(parameter.device for parameter in self.model.parameters()))

    @property
    def device_name(self) -> str:
        """`cpu`, or the name of the GPU, with their number when there are several."""
        several = f"{len(self.devices)} x " if len(self.devices) > 1 else ""
        return several + name_device(self.device)


def load(
    files: ModelFiles,
    device: str = "auto",
    dtype: str = "auto",
    tokenizer: PreTrainedTokenizerBase | None = None,
    *,
    as_floats: bool = False,
) -> Loaded:
    """Load the model, and its tokenizer if none is given; nothing is fetched from the network.

    as_floats: packed weights become floats, and an adapter is merged into those too.

    Raises UnsupportedModel, BrokenModel or TooLarge in a sentence when the files give no causal model.
    """
    chosen = choose_device(device)
    precision = choose_dtype(dtype, chosen)
    tokenizer = tokenizer or load_tokenizer(files)
    model, unused = _load_model(files, precision, place_weights(files.subject, device, chosen, precision))
    if as_floats and is_packed(model):
        model = _dequantized(model, files, precision)
    if files.adapter_folder is not None:
        model = apply_adapter(model, files.adapter_folder)
    model = model.eval().requires_grad_(False)
    embeddings = model.get_input_embeddings()
    weight = getattr(embeddings, "weight", None)
    return Loaded(model, tokenizer, chosen if weight is None else weight.device, precision, unused)


def load_tokenizer(files: ModelFiles) -> PreTrainedTokenizerBase:
    """The adapter's tokenizer, or the model's, or the one in its GGUF file. Raises UnsupportedModel."""
    from transformers import AutoTokenizer

    _quiet()
    where = files.subject.id
    source = tokenizer_source(files)
    with failures_said(f"the tokenizer of '{where}' cannot be loaded"):
        tokenizer = AutoTokenizer.from_pretrained(
            **source, local_files_only=True, trust_remote_code=files.trust_remote_code
        )
    _refuse_unusable(tokenizer, f"the tokenizer of '{where}'")
    return tokenizer


def _refuse_unusable(tokenizer: PreTrainedTokenizerBase, what: str) -> None:
    """Raise UnsupportedModel for a tokenizer that gives no offsets, or other tokens each time."""
    if not tokenizer.is_fast:
        raise UnsupportedModel(
            f"{what} ({type(tokenizer).__name__}) gives no character offsets",
            "convert it to a fast tokenizer (tokenizer.json)",
        )
    refuse_dropout(tokenizer.backend_tokenizer.model, what)


def _quiet() -> None:
    """Libraries' warnings and progress bars would mix with provcheck's own output."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    import logging as standard

    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    standard.getLogger("bitsandbytes").setLevel(standard.ERROR)


def _load_model(
    files: ModelFiles, dtype: torch.dtype, device_map: dict[str, Any]
) -> tuple[PreTrainedModel, tuple[str, ...]]:
    """The model, and the names of tensors that it does not use."""
    from transformers import AutoModelForCausalLM

    where, gguf = files.subject.id, gguf_file(files)
    _quiet()
    config = None if gguf else _config(files)
    if config:
        _refuse_giant(files, config)
    try:
        with redirect_stderr(io.StringIO()):  # progress bars that cannot be switched off otherwise
            model, info = AutoModelForCausalLM.from_pretrained(
                files.folder,
                dtype=dtype,
                local_files_only=True,
                use_safetensors=None if files.allow_pickle or gguf else True,
                trust_remote_code=files.trust_remote_code,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # they are reported below, in a sentence
                **({"gguf_file": gguf} if gguf else {"config": config}),
                **device_map,
            )
    except Exception as error:
        raise _cannot_load(files, error) from None
    misfits = [*info.get("mismatched_keys", ()), *info.get("missing_keys", ())]
    if misfits:
        first = misfits[0] if isinstance(misfits[0], str) else misfits[0][0]
        raise BrokenModel(
            f"the weights of '{where}' do not fit its config.json: {len(misfits)} tensors are missing or of another "
            f"shape, first '{first}'",
            "check that config.json and the weight files belong together",
        )
    return model, tuple(sorted(info.get("unexpected_keys", ())))


def _refuse_giant(files: ModelFiles, config: PreTrainedConfig) -> None:
    """Raise BrokenModel where the config describes far more parameters than the files hold: room for all of them would
    be made before any is read. Numbers that are packed, or pickled, are not counted."""
    from transformers import AutoModelForCausalLM

    stored = (files.subject.base or files.subject).parameters
    if stored is None:
        return
    try:
        with torch.device("meta"):  # shapes without numbers
            model = AutoModelForCausalLM.from_config(deepcopy(config), trust_remote_code=files.trust_remote_code)
    except Exception:
        return  # loading it says why, in its own words
    described = sum(parameter.numel() for parameter in model.parameters())
    if described > MOST_MISSING * stored:
        raise BrokenModel(
            f"config.json of '{files.subject.id}' describes {described:,} parameters, but the weight files hold "
            f"{stored:,}",
            "check that config.json and the weight files belong together",
        )


def _config(files: ModelFiles) -> PreTrainedConfig:
    """The model's config without its choice of kernels: transformers then uses those that are built in.

    A choice that this machine does not support would make it fetch code from the Hub, or measure differently. What a
    pass returns beside the logits, and in which form, is not the config's choice either.
    """
    from transformers import AutoConfig

    config: PreTrainedConfig = AutoConfig.from_pretrained(
        files.folder, local_files_only=True, trust_remote_code=files.trust_remote_code
    )
    for one in (config, *(getattr(config, name, None) for name in getattr(config, "sub_configs", ()))):
        if one is not None:
            one.output_attentions = one.output_hidden_states = False
            one.return_dict = True
    config._attn_implementation = config._experts_implementation = None
    return config


def _cannot_load(files: ModelFiles, error: Exception) -> BrokenModel | TooLarge | UnsupportedModel:
    where, reason = files.subject.id, first_line(error)
    if is_out_of_memory(error):
        return TooLarge(f"the weights of '{where}' do not fit into memory", "try --dtype bfloat16 or another --device")
    method = quantization(files)
    if method is not None:
        return UnsupportedModel(
            f"'{where}' is quantized ({method}) and cannot be loaded here: {reason}",
            "install what is missing or use a GPU; or audit the model as it was before it was quantized",
        )
    return BrokenModel(f"'{where}' cannot be loaded: {reason}")


def _dequantized(model: PreTrainedModel, files: ModelFiles, dtype: torch.dtype) -> PreTrainedModel:
    needed, free = model.num_parameters() * dtype.itemsize, free_bytes(model.device)
    if needed > free:
        raise TooLarge(f"the weights of '{files.subject.id}' do not fit into memory as floats", "use another --device")
    try:
        plain: PreTrainedModel = model.dequantize()
    except Exception as error:
        raise UnsupportedModel(
            f"the quantized weights of '{files.subject.id}' cannot be read: {first_line(error)}"
        ) from None
    return plain
