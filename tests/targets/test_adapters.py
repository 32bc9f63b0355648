"""PEFT adapters: the base is found, stated and part of the digest."""

from __future__ import annotations

from pathlib import Path

import pytest

from provcheck.errors import BrokenModel, SubjectError, SubjectNotFound, UnsafeModel, UnsupportedModel
from provcheck.targets.resolution import resolve
from tests.targets.builders import adapter_files, model_files, tensors, write


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    write(tmp_path / "base", model_files())
    return write(tmp_path / "adapter", adapter_files("../base"))


def test_base_beside_the_adapter(adapter: Path, tmp_path: Path) -> None:
    loadable = resolve(str(adapter))
    subject, base = loadable.subject, loadable.subject.base
    assert base is not None
    assert (subject.id, subject.source, base.id, base.source) == ("adapter", "adapter", "base", "folder")
    assert Path(loadable.folder).resolve() == (tmp_path / "base").resolve()
    assert loadable.adapter_folder == str(adapter)
    assert [file.name for file in subject.weights] == ["adapter_model.safetensors"]
    assert (subject.parameters, base.parameters) == (9, 10)
    assert (subject.model_type, subject.tokenizer, subject.context_length) == ("llama", "BPE", 128)
    assert (subject.license, subject.declared_base) == (None, ())
    assert base == resolve(str(tmp_path / "base")).subject


def test_digest_covers_the_base(adapter: Path, tmp_path: Path) -> None:
    before = resolve(str(adapter)).subject
    write(tmp_path / "base", {"model.safetensors": tensors(a=(1,))})
    after = resolve(str(adapter)).subject
    assert before.weights == after.weights
    assert before.weights_digest != after.weights_digest


@pytest.mark.parametrize("revision", [None, "main"])
def test_base_as_absolute_path_or_from_the_working_folder(
    adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, revision: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (str(tmp_path / "base"), "base", "./base"):
        write(adapter, adapter_files(name, revision=revision))
        base = resolve(str(adapter)).subject.base
        assert base is not None
        assert base.id == "base"


@pytest.mark.parametrize(
    ("files", "error", "message"),
    [
        (adapter_files("../nowhere"), SubjectNotFound, "base model of adapter adapter: folder not found: ../nowhere"),
        (adapter_files(""), BrokenModel, "names no base model"),
        (adapter_files("../base", base_model_name_or_path=7), BrokenModel, "names no base model"),
        (adapter_files("../base", task_type="SEQ_CLS"), UnsupportedModel, "adapter for 'SEQ_CLS'"),
        (adapter_files("../adapter"), UnsupportedModel, "is an adapter itself"),
        (adapter_files("../base", peft_type="XLORA"), UnsupportedModel, "of the type 'XLORA'"),
        (adapter_files("../base", peft_type="FOURIERFT"), UnsupportedModel, "of the type 'FOURIERFT'"),
        (adapter_files("../base", peft_type="PREFIX_TUNING"), UnsupportedModel, "it changes no weights"),
        (adapter_files("../base", peft_type=None), UnsupportedModel, "of the type 'None'"),
        (adapter_files("../base", peft_type=["LORA"]), UnsupportedModel, "of the type "),
        (adapter_files("../base", unheard_of=1), UnsupportedModel, "sets 'unheard_of'"),
        ({"adapter_config.json": "{"}, BrokenModel, "adapter_config.json is not valid JSON"),
        ({"adapter_model.safetensors": None}, BrokenModel, "has no weights"),
        ({"adapter_model.safetensors": b"x"}, BrokenModel, "adapter_model.safetensors: the file ends"),
        ({"adapter_model.safetensors": None, "adapter_model.bin": b""}, UnsafeModel, "only pickled weights"),
        (
            {"adapter_model.safetensors": None, "adapter_model.safetensors.index.json": {"weight_map": {"a": "b"}}},
            BrokenModel,
            "has no weights",
        ),
        ({"model.safetensors": tensors()}, UnsupportedModel, "both a full model and an adapter"),
    ],
)
def test_broken_adapters(adapter: Path, files: dict[str, object], error: type[SubjectError], message: str) -> None:
    with pytest.raises(error, match=message):
        resolve(str(write(adapter, files)))


def test_settings_that_are_switched_off_may_be_unknown(adapter: Path) -> None:
    """Later versions of peft write keys for what they add."""
    write(adapter, adapter_files("../base", unheard_of=None, unheard_of_too=False, init_lora_weights=True))
    assert resolve(str(adapter)).subject.base is not None


@pytest.mark.slow
def test_what_transformers_and_peft_write(tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(vocab_size=64, hidden_size=8, intermediate_size=8, num_hidden_layers=3, num_attention_heads=2)
    model = LlamaForCausalLM(config)
    model.save_pretrained(tmp_path / "base", max_shard_size="2KB")
    write(tmp_path / "base", {"tokenizer.json": model_files()["tokenizer.json"]})
    model.name_or_path = str(tmp_path / "base")
    adapted = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", r=2, target_modules=["q_proj"]))
    adapted.save_pretrained(tmp_path / "adapter")
    subject = resolve(str(tmp_path / "adapter")).subject
    assert subject.base is not None
    assert len(subject.base.weights) > 1
    assert subject.base.parameters == LlamaForCausalLM(config).num_parameters()
    assert subject.parameters == sum(p.numel() for name, p in adapted.named_parameters() if "lora" in name)


def test_an_adapter_does_not_inherit_the_card_of_its_base(adapter: Path) -> None:
    write(adapter, {"README.md": "---\nlicense: mit\nbase_model: org/x\n---\n"})
    subject = resolve(str(adapter)).subject
    assert (subject.license, subject.declared_base) == ("mit", ("org/x",))


def test_a_broken_base_is_named_as_such(adapter: Path, tmp_path: Path) -> None:
    write(tmp_path / "base", {"model.safetensors": b"x"})
    with pytest.raises(BrokenModel, match=r"base model of adapter adapter: model.safetensors: the file ends") as caught:
        resolve(str(adapter))
    assert caught.value.hint
