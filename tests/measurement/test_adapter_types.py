"""Every type of adapter that provcheck supports: the numbers follow from the files, and are those of peft itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel, get_peft_model
from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, PreTrainedModel

from provcheck.errors import BrokenModel
from provcheck.measurement.loader import load
from provcheck.targets.adapters import TYPES
from provcheck.targets.resolution import resolve

pytestmark = pytest.mark.filterwarnings("ignore")  # peft says that some layers are unusual

SETTINGS: dict[str, dict[str, Any]] = {
    "ADALORA": {"total_step": 10, "init_r": 4, "target_r": 2},
    "IA3": {"target_modules": ["k_proj", "down_proj"], "feedforward_modules": ["down_proj"]},
    "OFT": {"oft_block_size": 8},
    "HRA": {"r": 4},
    "LN_TUNING": {"target_modules": ["norm"]},
    "TRAINABLE_TOKENS": {"token_indices": [3, 4], "target_modules": ["embed_tokens"]},
}
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *((kind, {}) for kind in TYPES),
    ("LORA", {"use_dora": True}),
    ("LORA", {"use_rslora": True, "rank_pattern": {"up_proj": 3}}),
    ("LORA", {"init_lora_weights": "pissa"}),
    ("LORA", {"init_lora_weights": "olora"}),
    ("LORA", {"init_lora_weights": "gaussian", "trainable_token_indices": [5]}),
    ("LORA", {"target_modules": r".*\.(q|up)_proj", "modules_to_save": ["lm_head"]}),
    ("LORA", {"target_modules": "all-linear"}),
    ("LORA", {"target_modules": ["embed_tokens", "q_proj"]}),
    ("LORA", {"lora_bias": False, "bias": "all"}),
]


@pytest.fixture(params=VARIANTS, ids=lambda one: "-".join((one[0], *one[1])))
def adapter(request: pytest.FixtureRequest, tiny_folder: Path, tmp_path: Path) -> Path:
    """An adapter of each type, with random changes."""
    kind, settings = request.param
    common = {"target_modules": ["q_proj", "up_proj"], "task_type": "CAUSAL_LM"}
    config = PEFT_TYPE_TO_CONFIG_MAPPING[kind](**{**common, **SETTINGS.get(kind, {}), **settings})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        adapted = get_peft_model(base(tiny_folder), config)
        for parameter in adapted.parameters():
            if parameter.requires_grad:
                parameter.data.add_(0.1 * torch.randn_like(parameter))
        adapted.save_pretrained(tmp_path / "adapter")
    return tmp_path / "adapter"


def base(folder: Path) -> PreTrainedModel:
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(folder)
    return model


def weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.detach() for name, tensor in model.named_parameters()}


def loaded_weights(adapter: Path, seed: int) -> dict[str, torch.Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return weights(load(resolve(str(adapter)), "cpu", "float32").model)


def equal(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_the_weights_follow_from_the_files(adapter: Path, tiny_folder: Path) -> None:
    found = loaded_weights(adapter, 1)
    assert equal(found, loaded_weights(adapter, 2)), "nothing is drawn at random"
    assert not equal(found, weights(base(tiny_folder))), "the adapter changes its base"
    by_peft = PeftModel.from_pretrained(base(tiny_folder), str(adapter)).merge_and_unload()
    assert equal(found, weights(by_peft))


def test_no_tensor_may_be_missing(adapter: Path) -> None:
    file = adapter / "adapter_model.safetensors"
    for name in (one for one in load_file(file) if "base_layer" not in one):  # of the base, saved once more
        tensors = load_file(file)
        lost = {name: tensors.pop(name)}
        save_file(tensors, file, metadata={"format": "pt"})
        with pytest.raises(BrokenModel, match="the adapter"):
            loaded_weights(adapter, 1)
        save_file(tensors | lost, file, metadata={"format": "pt"})
