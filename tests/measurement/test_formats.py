"""Weights as they come: sharded, tied, of mixed dtype, quantized, GGUF, with adapters; each measured or refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import dispatch_model
from peft import LoraConfig, PromptTuningConfig, TaskType, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

from provcheck.errors import TooLarge, UnsupportedModel
from provcheck.measurement import devices
from provcheck.measurement.batching import Run
from provcheck.measurement.encoding import encode_questions, encode_texts
from provcheck.measurement.loader import load
from provcheck.targets.resolution import resolve
from provcheck.types import Measurement, ModelFiles, ProbeSet
from tests.measured import loglik_nats, measure, same_bits, share_of, words
from tests.measurement.conftest import in_place
from tests.measurement.running import asked, attribute_words, loglikelihoods, texts_of
from tests.measurement.test_measure import cosine_distance
from tests.tiny import save_tiny, tiny_model, tiny_tokenizer
from tests.tiny_gguf import SIZES, save_gguf


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A llama wide enough for the blocks of quantization."""
    return save_tiny(tmp_path_factory.mktemp("formats") / "full", "llama", **SIZES)


@pytest.fixture(scope="module")
def exact(folder: Path, probes: ProbeSet) -> Measurement:
    return measure(resolve(str(folder)), probes)


def with_tokenizer(folder: Path) -> ModelFiles:
    tiny_tokenizer().save_pretrained(folder)
    return resolve(str(folder))


def changed_config(folder: Path, to: Path, **changes: Any) -> Path:
    shutil.copytree(folder, to)
    config = json.loads((to / "config.json").read_text())
    (to / "config.json").write_text(json.dumps({**config, **changes}))
    return to


def distance(first: Measurement, second: Measurement) -> float:
    return cosine_distance(words(first), words(second))


def test_shards_give_the_same_bits(folder: Path, exact: Measurement, tmp_path: Path, probes: ProbeSet) -> None:
    AutoModelForCausalLM.from_pretrained(folder).save_pretrained(tmp_path, max_shard_size="100kB")
    sharded = with_tokenizer(tmp_path)
    assert len(sharded.subject.weights) > 2
    assert sharded.subject.parameters == exact.subject.parameters
    assert same_bits(measure(sharded, probes), exact)


def test_mixed_dtypes_are_measured_in_one(folder: Path, exact: Measurement, tmp_path: Path, probes: ProbeSet) -> None:
    mixed = Path(shutil.copytree(folder, tmp_path / "mixed"))
    tensors = load_file(mixed / "model.safetensors")
    kinds = (torch.float32, torch.bfloat16, torch.float16)
    half = {name: tensor.to(kinds[place % 3]) for place, (name, tensor) in enumerate(tensors.items())}
    save_file(half, mixed / "model.safetensors", metadata={"format": "pt"})
    loaded = load(resolve(str(mixed)))
    assert {parameter.dtype for parameter in loaded.model.parameters()} == {torch.float32}
    assert 0 < distance(measure(resolve(str(mixed)), probes), exact) < 0.001


def test_tied_embeddings_are_measured(tmp_path: Path, probes: ProbeSet) -> None:
    tied = resolve(str(save_tiny(tmp_path / "tied", "llama", tie_word_embeddings=True)))
    assert "lm_head.weight" not in load_file(Path(tied.folder) / "model.safetensors")
    untied = tmp_path / "untied"
    model = tiny_model("llama", tie_word_embeddings=True)
    model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.clone())
    model.config.tie_word_embeddings = False
    model.save_pretrained(untied)
    assert same_bits(measure(tied, probes), measure(with_tokenizer(untied), probes))


@pytest.mark.parametrize(("bits", "near"), [(8, 0.002), (4, 0.2)])
def test_bitsandbytes_checkpoints_are_measured(
    bits: int, near: float, folder: Path, exact: Measurement, tmp_path: Path, probes: ProbeSet
) -> None:
    quantized = resolve(str(bitsandbytes(folder, tmp_path / "quantized", bits)))
    assert quantized.subject.parameters is None, "packed numbers are no parameters"
    measured = measure(quantized, probes)
    assert share_of(measured) == 1
    assert 0 < distance(measured, exact) < near


def test_an_adapter_on_a_quantized_base_is_not_merged_into_it(folder: Path, tmp_path: Path, probes: ProbeSet) -> None:
    base = bitsandbytes(folder, tmp_path / "base", 4)
    adapter = lora(folder, tmp_path / "adapter", base)
    adapted = resolve(str(adapter))
    loaded = load(adapted)
    assert any("lora_A" in name for name, _ in loaded.model.named_parameters())
    measured, without = measure(adapted, probes), measure(resolve(str(base)), probes)
    assert share_of(measured) == 1
    assert distance(measured, without) > 0.001
    on_full = measure(replace(adapted, folder=str(folder)), probes)
    assert distance(measured, on_full) < 0.3


def test_prompt_adapters_are_refused(folder: Path, tmp_path: Path) -> None:
    config = PromptTuningConfig(task_type=TaskType.CAUSAL_LM, num_virtual_tokens=3)
    get_peft_model(AutoModelForCausalLM.from_pretrained(folder), config).save_pretrained(tmp_path / "prompt")
    point_to(tmp_path / "prompt", folder)
    with pytest.raises(UnsupportedModel, match="it changes no weights"):
        load(resolve(str(tmp_path / "prompt")))


@pytest.mark.parametrize(("kind", "near"), [("F32", 1e-9), ("Q8_0", 0.002)])
def test_gguf_files_are_measured(kind: str, near: float, exact: Measurement, tmp_path: Path, probes: ProbeSet) -> None:
    save_gguf(tmp_path / "tiny.gguf", kind)
    measured = measure(resolve(str(tmp_path)), probes)
    assert share_of(measured) == 1
    assert distance(measured, exact) < near
    np.testing.assert_allclose(loglik_nats(measured), loglik_nats(exact), rtol=near)


def test_a_gguf_file_with_a_tokenizer_beside_it_uses_that(exact: Measurement, tmp_path: Path, probes: ProbeSet) -> None:
    save_gguf(tmp_path / "tiny.gguf", "F32")
    tiny_tokenizer("byte-bpe", bos=False).save_pretrained(tmp_path)
    assert distance(measure(resolve(str(tmp_path)), probes), exact) > 0.001


def test_a_quantization_whose_package_is_missing_is_refused(folder: Path, tmp_path: Path) -> None:
    config = {"quant_method": "gptq", "bits": 4, "group_size": 32}
    there = changed_config(folder, tmp_path / "gptq", quantization_config=config)
    with pytest.raises(UnsupportedModel, match=r"is quantized \(gptq\) and cannot be loaded here") as caught:
        load(resolve(str(there)))
    assert "before it was quantized" in caught.value.hint
    assert str(tmp_path) not in caught.value.message


def test_kernels_without_gradients_are_refused(probes: ProbeSet) -> None:
    model = tiny_model()
    model.model.norm.register_forward_hook(lambda _module, _args, output: output.detach())
    loaded = in_place(model)
    options, _ = encode_questions(loaded.tokenizer, asked(probes), None)
    with pytest.raises(UnsupportedModel, match="gives no gradients"):
        attribute_words(loaded, probes.questions, options, Run())


def test_weights_that_cannot_fit_are_refused_before_they_are_loaded(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "free_bytes", lambda _device: 100_000)
    with pytest.raises(
        TooLarge, match=r"the weights of 'full' need 0\.0 GiB in float32, and .* are free on cpu"
    ) as caught:
        load(resolve(str(folder)))
    assert "--dtype bfloat16" in caught.value.hint


def test_a_model_too_large_for_one_gpu_is_spread_over_several(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = resolve(str(folder)).subject
    gpu, half = torch.device("cuda"), torch.bfloat16
    needed = devices.weight_bytes(subject, half)
    assert needed == 2 * (subject.parameters or 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(devices, "free_bytes", lambda _device: needed // 3)
    spread = devices.place_weights(subject, "auto", gpu, half)
    assert spread["device_map"] == "balanced"
    limit = int(0.8 * (needed // 3))
    assert spread["max_memory"] == {0: limit, 1: limit, 2: limit, 3: limit, "cpu": 0}
    with pytest.raises(TooLarge):
        devices.place_weights(subject, "cuda", gpu, half)
    monkeypatch.setattr(devices, "free_bytes", lambda _device: needed // 6)
    with pytest.raises(TooLarge):
        devices.place_weights(subject, "auto", gpu, half)
    monkeypatch.setattr(devices, "free_bytes", lambda _device: needed)
    assert devices.place_weights(subject, "auto", gpu, half) == {"device_map": {"": gpu}}


def test_the_hooks_work_beside_those_of_accelerate(probes: ProbeSet) -> None:
    """A model that is spread over devices runs through accelerate's hooks; here all of them are the CPU."""
    plain, spread = in_place(tiny_model()), tiny_model()
    parts = {name: "cpu" for name, module in spread.named_modules() if not list(module.children())}
    dispatched = in_place(dispatch_model(spread, parts, main_device="cpu", force_hooks=True))
    assert hasattr(dispatched.model.model.embed_tokens, "_hf_hook")
    options, _ = encode_questions(plain.tokenizer, asked(probes), None)
    texts, _ = encode_texts(plain.tokenizer, texts_of(probes), None)
    for one, two in zip(
        *(attribute_words(m, probes.questions, options, Run()) for m in (plain, dispatched)), strict=True
    ):
        assert one.tobytes() == two.tobytes()
    first, second = (loglikelihoods(m, texts, len(probes.texts), Run()) for m in (plain, dispatched))
    assert first.tobytes() == second.tobytes()


def bitsandbytes(folder: Path, to: Path, bits: int) -> Path:
    config = BitsAndBytesConfig(load_in_4bit=bits == 4, load_in_8bit=bits == 8, bnb_4bit_quant_type="nf4")
    model = AutoModelForCausalLM.from_pretrained(folder, quantization_config=config, device_map={"": "cpu"})
    model.save_pretrained(to)
    tiny_tokenizer().save_pretrained(to)
    return to


def lora(folder: Path, to: Path, base: Path) -> Path:
    config = LoraConfig(
        r=2, target_modules=["q_proj", "up_proj"], task_type=TaskType.CAUSAL_LM, init_lora_weights=False
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        get_peft_model(AutoModelForCausalLM.from_pretrained(folder), config).save_pretrained(to)
    point_to(to, base)
    return to


def point_to(adapter: Path, base: Path) -> None:
    config = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps({**config, "base_model_name_or_path": str(base)}))
