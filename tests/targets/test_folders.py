"""Models in folders: what is stated about whole ones, and one clear sentence for each broken one."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from provcheck.errors import (
    BrokenModel,
    ProvcheckError,
    SubjectError,
    SubjectNotFound,
    UnsafeModel,
    UnsupportedModel,
    UsageError,
)
from provcheck.targets import FindOptions
from provcheck.targets.resolution import resolve
from provcheck.types import ExitCode
from tests.targets.builders import model_files, tensors, write

INDEX = "model.safetensors.index.json"
SHARDS = {"model-1.safetensors": tensors(a=(5,)), "model-2.safetensors": tensors(b=(2, 2))}


def sharded(**weight_map: object) -> dict[str, object]:
    files = model_files(**{INDEX: {"weight_map": weight_map}}, **SHARDS)
    del files["model.safetensors"]
    return files


def test_states_what_a_whole_folder_holds(tmp_path: Path) -> None:
    folder = write(tmp_path / "my-model", model_files())
    loadable = resolve(str(folder))
    subject = loadable.subject
    content = (folder / "model.safetensors").read_bytes()
    assert loadable.folder == str(folder)
    assert loadable.adapter_folder is None
    assert (subject.id, subject.source, subject.revision) == ("my-model", "folder", None)
    assert (subject.model_type, subject.architecture, subject.tokenizer) == ("llama", "LlamaForCausalLM", "BPE")
    assert (subject.parameters, subject.context_length, subject.vocabulary_size) == (10, 128, 64)
    assert (subject.license, subject.declared_base) == ("apache-2.0", ("org/parent",))
    (digest,) = subject.weights
    assert digest.sha256 == hashlib.sha256(content).hexdigest()
    assert digest.bytes == len(content)
    assert subject.weights_digest == hashlib.sha256(f"{digest.sha256}  model.safetensors\n".encode()).hexdigest()


def test_no_path_of_this_machine_reaches_the_subject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(tmp_path / "deep" / "my-model", model_files())
    monkeypatch.chdir(folder)
    for name in (".", str(folder) + "/", "../my-model", "./"):
        subject = resolve(name).subject
        assert subject.id == "my-model"
        assert str(tmp_path) not in subject.model_dump_json()


def test_home_and_names_without_a_slash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "mine", model_files())
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert resolve("~/mine").subject.id == resolve("mine").subject.id == "mine"


def test_shards_count_once_each_and_in_any_order(tmp_path: Path) -> None:
    weights = {"a": "model-1.safetensors", "b": "model-2.safetensors", "c": "model-1.safetensors"}
    subject = resolve(str(write(tmp_path / "m", sharded(**weights)))).subject
    assert [file.name for file in subject.weights] == ["model-1.safetensors", "model-2.safetensors"]
    assert subject.parameters == 9
    again = resolve(str(write(tmp_path / "n", sharded(**dict(reversed(weights.items())))))).subject
    assert again.weights_digest == subject.weights_digest


def test_one_changed_byte_changes_the_digest(tmp_path: Path) -> None:
    folder = write(tmp_path / "m", model_files())
    before = resolve(str(folder)).subject.weights_digest
    content = (folder / "model.safetensors").read_bytes()
    write(folder, {"model.safetensors": content[:-1] + b"\1"})
    assert resolve(str(folder)).subject.weights_digest != before


def test_links_into_a_hub_cache_are_followed(tmp_path: Path) -> None:
    blobs = write(tmp_path / "blobs", model_files())
    snapshot = tmp_path / "snapshot"
    snapshot.mkdir()
    for blob in blobs.iterdir():
        (snapshot / blob.name).symlink_to(os.path.relpath(blob, snapshot))
    assert resolve(str(snapshot)).subject.parameters == 10
    (blobs / "model.safetensors").unlink()
    with pytest.raises(BrokenModel, match="has no weights"):
        resolve(str(snapshot))


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"n_positions": 7, "max_position_embeddings": None}, 7),
        ({"max_position_embeddings": None, "text_config": {"max_seq_len": 9}}, 9),
        ({"max_position_embeddings": -1}, None),
        ({"max_position_embeddings": True}, None),
        ({"max_position_embeddings": "2048"}, None),
        ({"model_type": "mamba", "architectures": ["MambaForCausalLM"]}, None),
    ],
)
def test_context_length(tmp_path: Path, config: dict[str, object], expected: int | None) -> None:
    assert resolve(str(write(tmp_path / "m", model_files(config=config)))).subject.context_length == expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"tokenizer.json": {"model": {"type": "Unigram"}}}, "Unigram"),
        ({"tokenizer.json": {"model": {"vocab": {}, "merges": []}}}, "BPE"),
        ({"tokenizer.json": {"model": {"vocab": [["a", 0.5]]}}}, "Unigram"),
        ({"tokenizer.json": None, "vocab.json": {}, "merges.txt": ""}, "BPE"),
        ({"tokenizer.json": None, "vocab.txt": ""}, "WordPiece"),
        ({"tokenizer.json": None, "tokenizer.model": b""}, "SentencePiece"),
        (
            {
                "tokenizer.json": None,
                "tokenizer.model": b"",
                "tokenizer_config.json": {"tokenizer_class": "LlamaTokenizerFast"},
            },
            "BPE",
        ),
    ],
)
def test_kind_of_tokenizer(tmp_path: Path, files: dict[str, object], expected: str) -> None:
    folder = write(write(tmp_path / "m", model_files()), files)
    assert resolve(str(folder)).subject.tokenizer == expected


@pytest.mark.parametrize(
    "config",
    [
        {"architectures": None},
        {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]},
        {"model_type": "bert", "architectures": ["BertLMHeadModel"], "is_decoder": True},
        {"model_type": "gemma3", "architectures": ["Gemma3ForConditionalGeneration"]},
        {"model_type": "bart", "architectures": ["BartForCausalLM"], "is_decoder": True},
    ],
)
def test_causal_models(tmp_path: Path, config: dict[str, object]) -> None:
    assert resolve(str(write(tmp_path / "m", model_files(config=config)))).subject.parameters == 10


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "bert", "architectures": ["BertForMaskedLM"]},
        {"model_type": "bert", "architectures": ["BertLMHeadModel"], "is_decoder": False},
        {"model_type": "bert", "architectures": None},
        {"model_type": "t5", "architectures": ["T5ForConditionalGeneration"], "is_encoder_decoder": True},
        {"model_type": "bart", "architectures": ["BartForConditionalGeneration"], "is_encoder_decoder": True},
        {"model_type": "llama", "architectures": ["LlamaForSequenceClassification"]},
        {"model_type": "xlnet", "architectures": ["XLNetLMHeadModel"]},
        {"model_type": "clip", "architectures": ["CLIPModel"]},
        {"model_type": "from-the-future", "architectures": ["FutureForCausalLM"]},
    ],
)
def test_other_models_are_named(tmp_path: Path, config: dict[str, object]) -> None:
    with pytest.raises(UnsupportedModel, match=f"not a causal language model.* model_type {config['model_type']} "):
        resolve(str(write(tmp_path / "m", model_files(config=config))))


BROKEN: list[tuple[dict[str, object], type[SubjectError], str]] = [
    ({"config.json": None}, SubjectNotFound, "m has no config.json"),
    ({"config.json": "{"}, BrokenModel, "config.json is not valid JSON"),
    ({"config.json": b"\xff\xfe\x00"}, BrokenModel, "config.json is not valid JSON"),
    ({"config.json": "[" * 100_000}, BrokenModel, "config.json is not valid JSON"),
    ({"config.json": []}, BrokenModel, "config.json holds no JSON object"),
    ({"config.json": {"architectures": ["LlamaForCausalLM"]}}, UnsupportedModel, "states no model_type"),
    ({"config.json": {"model_type": ["llama"]}}, UnsupportedModel, "states no model_type"),
    ({"tokenizer.json": None}, UnsupportedModel, "m has no tokenizer"),
    ({"tokenizer.json": "{"}, BrokenModel, "tokenizer.json is not valid JSON"),
    ({"tokenizer.json": {}}, BrokenModel, "no model section"),
    ({"tokenizer.json": {"model": {"type": "\u202eBPE"}}}, UnsupportedModel, "unknown type"),
    ({"tokenizer.json": {"model": {"type": ["BPE"]}}}, UnsupportedModel, "unknown type"),
    ({"model.safetensors": None}, BrokenModel, "m has no weights"),
    ({"model.safetensors": None, "model.onnx": b""}, UnsupportedModel, "only 'model.onnx'"),
    ({"model.safetensors": tensors(a=(8,))[:-3]}, BrokenModel, "model.safetensors: tensor 'a' reaches past the end"),
    ({"model.safetensors": b"no"}, BrokenModel, "model.safetensors: the file ends inside its header"),
]


@pytest.mark.parametrize(("changes", "error", "message"), BROKEN)
def test_broken_folders(tmp_path: Path, changes: dict[str, object], error: type[SubjectError], message: str) -> None:
    folder = write(write(tmp_path / "m", model_files()), changes)
    with pytest.raises(error, match=message) as caught:
        resolve(str(folder))
    assert caught.value.exit_code == ExitCode.USAGE_ERROR
    assert caught.value.message.isprintable()
    assert str(tmp_path) not in caught.value.message


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors", "README.md"])
def test_pipes_and_folders_in_place_of_files_do_not_hang(tmp_path: Path, name: str) -> None:
    folder = write(write(tmp_path / "m", model_files()), {name: None})
    os.mkfifo(folder / name)
    if name == "README.md":
        assert resolve(str(folder)).subject.license is None
    else:
        with pytest.raises(SubjectError, match="has no "):
            resolve(str(folder))


@pytest.mark.parametrize(
    ("shard", "message"),
    [
        ("model-3.safetensors", "'model-3.safetensors' is missing"),
        ("../model-1.safetensors", "no .safetensors file of this folder"),
        ("/etc/passwd", "no .safetensors file of this folder"),
        ("..\\model-1.safetensors", "no .safetensors file of this folder"),
        ("pytorch_model.bin", "no .safetensors file of this folder"),
        ("model\n-1.safetensors", "no .safetensors file of this folder"),
        (7, "no .safetensors file of this folder"),
    ],
)
def test_index_with_a_bad_shard(tmp_path: Path, shard: object, message: str) -> None:
    with pytest.raises(BrokenModel, match=message):
        resolve(str(write(tmp_path / "m", sharded(a="model-1.safetensors", b=shard))))


@pytest.mark.parametrize(
    ("second", "weight_map"),
    [
        (tensors(b=(2, 2), a=(5,)), {"a": "model-1.safetensors", "b": "model-2.safetensors"}),
        (tensors(b=(2, 2), a=(5,)), {"a": "model-2.safetensors", "x": "model-1.safetensors"}),
        (tensors(b=(2, 2), a=(5,)), {"x": "model-1.safetensors", "b": "model-2.safetensors"}),
        (tensors(b=(2, 2)), {"a": "model-2.safetensors", "b": "model-2.safetensors", "x": "model-1.safetensors"}),
    ],
    ids=["twice, first named", "twice, second named", "twice, none named", "elsewhere"],
)
def test_a_tensor_is_in_one_shard_and_there_the_index_has_it(
    tmp_path: Path, second: bytes, weight_map: dict[str, object]
) -> None:
    """transformers would take the last shard that holds it; another program the one that the index names."""
    folder = write(tmp_path / "m", {**sharded(**weight_map), "model-2.safetensors": second})
    with pytest.raises(BrokenModel, match="not clear which tensor 'a' counts: model-") as caught:
        resolve(str(folder))
    assert "save the model anew" in caught.value.hint


@pytest.mark.parametrize("index", [{}, {"weight_map": {}}, {"weight_map": ["a"]}])
def test_index_without_a_map(tmp_path: Path, index: object) -> None:
    with pytest.raises(BrokenModel, match="no weight_map"):
        resolve(str(write(tmp_path / "m", {**sharded(), INDEX: index})))


def test_pickles_need_a_flag(tmp_path: Path) -> None:
    files = {"model.safetensors": None, "pytorch_model.bin": b"\x80\x04N."}
    folder = write(write(tmp_path / "m", model_files()), files)
    with pytest.raises(UnsafeModel, match="only pickled weights") as caught:
        resolve(str(folder))
    assert "--allow-pickle" in caught.value.hint
    assert "run code" in caught.value.hint
    loadable = resolve(str(folder), FindOptions(allow_pickle=True))
    assert loadable.allow_pickle
    assert (loadable.subject.weight_format, loadable.subject.parameters) == ("pickle", None)
    write(folder, {"model.safetensors": tensors(a=(1,))})
    assert resolve(str(folder), FindOptions(allow_pickle=True)).subject.weight_format == "safetensors"


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
def test_remote_code_needs_a_flag(tmp_path: Path, name: str) -> None:
    auto_map = {"AutoModelForCausalLM": "modeling.Mine"}
    files = model_files()
    folder = write(tmp_path / "m", {**files, name: {**dict(files.get(name, {})), "auto_map": auto_map}})  # type: ignore[call-overload]
    with pytest.raises(UnsafeModel, match=f"auto_map in {name}") as caught:
        resolve(str(folder))
    assert "--trust-remote-code" in caught.value.hint
    assert "all your rights" in caught.value.hint
    assert resolve(str(folder), FindOptions(trust_remote_code=True)).trust_remote_code


def test_remote_code_may_bring_new_model_types_but_only_causal_ones(tmp_path: Path) -> None:
    config: dict[str, object] = {"model_type": "mine", "auto_map": {"AutoModelForCausalLM": "modeling.Mine"}}
    folder = write(tmp_path / "m", model_files(config=config))
    assert resolve(str(folder), FindOptions(trust_remote_code=True)).subject.model_type == "mine"
    config["auto_map"] = {"AutoModel": "modeling.Mine"}
    with pytest.raises(UnsupportedModel):
        resolve(str(write(folder, model_files(config=config))), FindOptions(trust_remote_code=True))


def test_a_config_cannot_redirect_to_other_weights(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModel, match="transformers_weights"):
        resolve(str(write(tmp_path / "m", model_files(config={"transformers_weights": "other.safetensors"}))))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("./nowhere", "folder not found: ./nowhere"),
        ("/no/where", "folder not found"),
        ("~/nowhere-at-all", "folder not found"),
        ("~no-such-user/x", "folder not found"),
        ("a/b/c", "folder not found"),
        ("a\\b", "folder not found"),
        ("../" + "x" * 5000, "folder not found"),
        ("", "name is empty"),
        ("  ", "name is empty"),
        ("a b/c", "neither a folder nor a Hub id"),
        ("org/na\0me", "neither a folder nor a Hub id"),
        ("org/na..me", "neither a folder nor a Hub id"),
        ("org/\u202ename", "neither a folder nor a Hub id"),
        ("org/name@../../x", "cannot be a revision"),
        ("org/name@-x", "cannot be a revision"),
    ],
)
def test_names_that_cannot_be(model: str, message: str) -> None:
    with pytest.raises(SubjectNotFound, match=message) as caught:
        resolve(model)
    assert caught.value.hint
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 300


def test_a_file_is_not_a_folder(tmp_path: Path) -> None:
    folder = write(tmp_path / "m", model_files())
    with pytest.raises(SubjectNotFound, match="is a file, not a folder"):
        resolve(str(folder / "model.safetensors"))


def test_revisions_that_make_no_sense(tmp_path: Path) -> None:
    folder = write(tmp_path / "m", model_files())
    for model, revision in ((str(folder), "main"), ("org/name@v1", "v2")):
        with pytest.raises(UsageError) as caught:
            resolve(model, FindOptions(revision=revision))
        assert isinstance(caught.value, ProvcheckError)
        assert caught.value.hint
