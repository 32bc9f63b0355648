"""Adapters from strangers: whatever they say, nothing is fetched, and only what their files hold is measured."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
import torch
from safetensors.torch import load_file, save_file

from provcheck.errors import BrokenModel, UnsupportedModel
from provcheck.measurement import patterns
from provcheck.measurement.loader import load
from provcheck.targets import FindOptions
from provcheck.targets.resolution import resolve
from tests.cached import change_json
from tests.measurement.test_formats import lora
from tests.tiny import save_tiny

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
Change = Callable[[dict[str, torch.Tensor]], object]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA on the model in the folder `base` beside it."""
    folder = tmp_path_factory.mktemp("adapters")
    base = save_tiny(folder / "base")
    change_json(base, "config.json", use_cache=False)  # XLORA insists on it
    made = lora(base, folder / "lora", base)
    change_json(made, CONFIG, init_lora_weights=True)
    return made


@pytest.fixture
def adapter(whole: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may change."""
    return Path(shutil.copytree(whole, tmp_path / "adapter"))


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of the network, which does not answer."""
    found: list[str] = []

    def send(_self: object, request: httpx2.Request, **_options: object) -> None:
        found.append(f"{request.method} {request.url}")
        raise httpx2.ConnectError("no network")

    monkeypatch.setattr(httpx2.Client, "send", send)
    return found


def change_tensors(adapter: Path, change: Change) -> None:
    tensors = load_file(adapter / WEIGHTS)
    change(tensors)
    save_file(tensors, adapter / WEIGHTS, metadata={"format": "pt"})


def load_offline(adapter: Path | str) -> None:
    load(resolve(str(adapter), FindOptions(offline=True)), "cpu", "float32")


def test_a_whole_adapter_is_loaded(adapter: Path, asked: list[str]) -> None:
    """Else the tests below prove nothing."""
    load_offline(adapter)
    assert not asked


@pytest.mark.parametrize("beside", [True, False], ids=["in a folder", "on the Hub"])
def test_no_further_adapters_are_loaded(adapter: Path, whole: Path, asked: list[str], beside: bool) -> None:
    """Those that an XLORA names would come from the network, or stay without a digest."""
    base = json.loads((adapter / CONFIG).read_text())["base_model_name_or_path"]
    config = {"peft_type": "XLORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": base, "hidden_size": 32}
    (adapter / CONFIG).write_text(json.dumps({**config, "adapters": {"0": str(whole) if beside else "evil/lora"}}))
    with pytest.raises(UnsupportedModel, match="'XLORA'"):
        load_offline(adapter)
    assert not asked


def test_shards_of_an_adapter_are_not_looked_for_on_the_hub(
    adapter: Path, asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """peft does not read the index: it takes the folder's name for a repository."""
    shutil.move(adapter, tmp_path / "org" / "lora")
    monkeypatch.chdir(tmp_path)
    shard = Path("org/lora/adapter_model-1.safetensors")
    Path("org/lora", WEIGHTS).rename(shard)
    index = {"metadata": {}, "weight_map": dict.fromkeys(load_file(shard), shard.name)}
    Path("org/lora", f"{WEIGHTS}.index.json").write_text(json.dumps(index))
    with pytest.raises(UnsupportedModel, match=r"no weights that can be read.*adapter_model-1") as caught:
        load_offline("org/lora")
    assert "adapter_model.safetensors, in one file" in caught.value.hint
    assert not asked


def lose_one(tensors: dict[str, torch.Tensor]) -> None:
    del tensors[max(tensors)]


@pytest.mark.parametrize("lose", [dict.clear, lose_one], ids=["all", "one"])
@pytest.mark.parametrize("start", [True, False], ids=["zeros", "random numbers"])
def test_missing_tensors_are_told(adapter: Path, lose: Change, start: bool) -> None:
    """peft warns, and goes on with zeros, which makes a copy of the base, or with random numbers."""
    change_json(adapter, CONFIG, init_lora_weights=start)
    change_tensors(adapter, lose)
    with pytest.raises(BrokenModel, match=r"are missing in its file: \d, first 'base_model.*lora_"):
        load_offline(adapter)


def test_a_missing_bias_is_told(tmp_path: Path) -> None:
    """Where the config says that the adapter has changed biases, they are in its file."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    base = save_tiny(tmp_path / "base", "qwen2")
    for bias in ("all", "lora_only"):
        config = LoraConfig(r=2, target_modules=["q_proj"], bias=bias, task_type="CAUSAL_LM")
        made = tmp_path / bias
        get_peft_model(AutoModelForCausalLM.from_pretrained(base), config).save_pretrained(made)
        load_offline(made)
        change_tensors(made, lambda tensors: [tensors.pop(name) for name in list(tensors) if name.endswith("bias")])
        with pytest.raises(BrokenModel, match=r"are missing in its file: \d, first 'base_model.*bias"):
            load_offline(made)


def test_whole_layers_that_are_missing_are_told(adapter: Path) -> None:
    change_json(adapter, CONFIG, modules_to_save=["lm_head"])
    with pytest.raises(BrokenModel, match="adapter does not fit"):
        load_offline(adapter)


def test_tensors_without_a_place_are_told(adapter: Path) -> None:
    """Such as those of layers that the config does not name: whoever names them gets another model."""
    change_json(adapter, CONFIG, target_modules=["q_proj"])
    with pytest.raises(BrokenModel, match=r"have no place in its base model: 4, first 'base_model.*up_proj"):
        load_offline(adapter)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("layer_replication", [[0, 2]] * 1000),
        ("init_lora_weights", "pissa_niter_2"),
        ("init_lora_weights", "loftq"),
        ("init_lora_weights", "/etc/hostname"),
        ("init_lora_weights", 1),
        ("corda_config", {"cache_file": "x.pt"}),
        ("megatron_config", {"tensor_model_parallel_size": 2}),
        ("alora_invocation_tokens", []),
        ("monteclora_config", {}),
        ("arrow_config", {}),
        ("something_new", "x"),
    ],
)
def test_settings_that_fetch_draw_or_inflate_are_refused(adapter: Path, key: str, value: object) -> None:
    change_json(adapter, CONFIG, **{key: value})
    with pytest.raises(UnsupportedModel, match=f"sets '{key}'") as caught:
        load_offline(adapter)
    assert "audit the merged model" in caught.value.hint


EVIL = r"(([a-z_.0-9])*)*!"
"""Takes twice as long for every further character."""


@pytest.mark.parametrize(
    "settings",
    [
        {"target_modules": EVIL},
        {"exclude_modules": EVIL},
        {"modules_to_save": [EVIL]},
        {"rank_pattern": {EVIL: 3}},
        {"alpha_pattern": {EVIL: 3}},
        {"layers_pattern": [EVIL], "layers_to_transform": [0]},
    ],
    ids=max,
)
def test_an_expression_that_never_ends_is_refused(
    adapter: Path, settings: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patterns, "SECONDS", 1)
    change_json(adapter, CONFIG, **settings)
    with pytest.raises(UnsupportedModel, match=r"regular expressions .* take more than 1 seconds"):
        load_offline(adapter)


def test_an_expression_that_is_none_is_told(adapter: Path) -> None:
    change_json(adapter, CONFIG, target_modules="(q_proj")
    with pytest.raises(BrokenModel, match="adapter does not fit"):
        load_offline(adapter)
