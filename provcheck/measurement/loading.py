"""Load a resolved model and its tokenizer from local files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from provcheck.errors import BrokenModel, ProvcheckError, UnsupportedModel, UsageError
from provcheck.types import Loadable

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class Loaded:
    """A model in memory: evaluation mode, parameters without gradient."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    device: torch.device
    dtype: torch.dtype

    @property
    def bytes(self) -> int:
        """Size of the weights."""
        return sum(parameter.nbytes for parameter in self.model.parameters())

    @property
    def device_name(self) -> str:
        """`cpu`, or the name of the GPU."""
        return name_device(self.device)


def choose_device(device: str) -> torch.device:
    """`auto` is the first GPU, or else the CPU; raises UsageError for a device that is not there."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.empty(1, device=chosen)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"device '{device}' cannot be used: {reason}", "run `provcheck doctor`") from None
    return chosen


def name_device(device: torch.device) -> str:
    """`cpu`, or the name of the GPU."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def choose_dtype(dtype: str, device: torch.device) -> torch.dtype:
    """`auto` is float32 on the CPU and bfloat16 on a GPU; raises UsageError for an unknown name."""
    if dtype == "auto":
        return torch.float32 if device.type == "cpu" else torch.bfloat16
    if dtype not in DTYPES:
        raise UsageError(f"unknown dtype '{dtype}'", f"use one of: auto, {', '.join(DTYPES)}")
    return DTYPES[dtype]


def load(loadable: Loadable, device: str = "auto", dtype: str = "auto") -> Loaded:
    """Load model and tokenizer; nothing is fetched from the network.

    Raises UnsupportedModel or BrokenModel with a sentence when the files do not make a causal model.
    """
    chosen = choose_device(device)
    precision = choose_dtype(dtype, chosen)
    _quiet()
    tokenizer = _load_tokenizer(loadable)
    model = _load_model(loadable, precision)
    if loadable.adapter_folder is not None:
        model = _merge_adapter(model, loadable.adapter_folder)
    model = model.to(chosen).eval().requires_grad_(False)
    return Loaded(model, tokenizer, chosen, precision)


def _quiet() -> None:
    """Libraries' warnings and progress bars would mix with provcheck's own output."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


def _load_tokenizer(loadable: Loadable) -> PreTrainedTokenizerBase:
    from transformers import AutoTokenizer

    where = loadable.subject.id
    for folder in (loadable.adapter_folder, loadable.folder):
        if folder is None or not any((Path(folder) / name).exists() for name in TOKENIZER_FILES):
            continue
        try:
            tokenizer = AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=loadable.trust_remote_code
            )
        except Exception as error:
            raise UnsupportedModel(f"the tokenizer of '{where}' cannot be loaded: {_first_line(error)}") from None
        if not tokenizer.is_fast:
            raise UnsupportedModel(
                f"the tokenizer of '{where}' ({type(tokenizer).__name__}) gives no character offsets",
                "convert it to a fast tokenizer (tokenizer.json)",
            )
        return tokenizer
    raise UnsupportedModel(f"'{where}' has no tokenizer", "add tokenizer.json to the folder")


TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "tokenizer_config.json")


def _load_model(loadable: Loadable, dtype: torch.dtype) -> PreTrainedModel:
    from transformers import AutoModelForCausalLM

    where = loadable.subject.id
    try:
        model, info = AutoModelForCausalLM.from_pretrained(
            loadable.folder,
            dtype=dtype,
            local_files_only=True,
            use_safetensors=None if loadable.allow_pickle else True,
            trust_remote_code=loadable.trust_remote_code,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they are reported below, in a sentence
        )
    except ProvcheckError:
        raise
    except Exception as error:
        raise BrokenModel(f"'{where}' cannot be loaded: {_first_line(error)}") from None
    misfits = [*info.get("mismatched_keys", ()), *info.get("missing_keys", ())]
    if misfits:
        first = misfits[0] if isinstance(misfits[0], str) else misfits[0][0]
        raise BrokenModel(
            f"the weights of '{where}' do not fit its config.json: {len(misfits)} tensors are missing or of another "
            f"shape, first '{first}'",
            "check that config.json and the weight files belong together",
        )
    return model


def _merge_adapter(model: PreTrainedModel, folder: str) -> PreTrainedModel:
    from peft import PeftModel

    try:
        merged: PreTrainedModel = PeftModel.from_pretrained(model, folder).merge_and_unload()
    except Exception as error:
        raise BrokenModel(f"the adapter does not fit its base model: {_first_line(error)}") from None
    return merged


def _first_line(error: Exception) -> str:
    """First line of an error, without paths of this machine and cut to a readable length."""
    lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return " ".join(word for word in lines[0].split() if not word.strip("'\"(").startswith("/"))[:300]
