"""The Hub against a fake endpoint: revisions, access, what is downloaded, and the local cache."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest

from provcheck.errors import BrokenModel, SubjectError, SubjectNotFound, UnsafeModel, UnsupportedModel
from provcheck.targets import FindOptions
from provcheck.targets.resolution import resolve
from tests.targets.builders import adapter_files, model_files, tensors
from tests.targets.fake_hub import COMMITS, FakeHub, Files, Repository, reachable, use_endpoint

OLD, NEW = COMMITS
INDEX = "model.safetensors.index.json"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with reachable(monkeypatch, tmp_path / "cache") as fake:
        monkeypatch.chdir(tmp_path)
        yield fake


def encode(files: dict[str, object]) -> Files:
    return {name: as_bytes(content) for name, content in files.items() if content is not None}


def as_bytes(content: object) -> bytes:
    if isinstance(content, bytes):
        return content
    return (content if isinstance(content, str) else json.dumps(content)).encode()


def repository(**changes: object) -> Repository:
    return Repository({OLD: encode(model_files(**changes))})


def test_pins_the_commit_and_states_it(hub: FakeHub) -> None:
    hub.repositories["org/model"] = repository()
    loadable = resolve("org/model")
    subject = loadable.subject
    assert (subject.id, subject.source, subject.revision) == ("org/model", "hub", OLD)
    assert (subject.parameters, subject.license, subject.declared_base) == (10, "apache-2.0", ("org/parent",))
    assert Path(loadable.folder).name == OLD
    assert all(f"/{OLD}" in request for request in hub.requests if "/resolve/" in request or "/tree/" in request)


def test_same_files_have_the_same_digest_from_a_folder(hub: FakeHub) -> None:
    hub.repositories["org/model"] = repository()
    from_hub = resolve("org/model")
    from_folder = resolve(from_hub.folder).subject
    assert from_folder.weights_digest == from_hub.subject.weights_digest
    assert from_folder.files == from_hub.subject.files != ()


def test_main_moves_between_two_calls(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    moving = repository()
    moving.commits[NEW] = encode(model_files(**{"model.safetensors": tensors(a=(7,))}))
    hub.repositories["org/model"] = moving

    download = huggingface_hub.HfApi.snapshot_download

    def move_first(*args: Any, **kwargs: Any) -> Any:
        moving.branches["main"] = NEW
        return download(*args, **kwargs)

    monkeypatch.setattr(huggingface_hub.HfApi, "snapshot_download", move_first)
    first, second = resolve("org/model").subject, resolve("org/model").subject
    assert (first.revision, first.parameters) == (OLD, 10)
    assert (second.revision, second.parameters) == (NEW, 7)
    assert resolve("org/model", FindOptions(offline=True)).subject == second
    assert resolve(f"org/model@{OLD}", FindOptions(offline=True)).subject == first


def test_revision_as_branch_tag_or_commit(hub: FakeHub) -> None:
    hub.repositories["org/model"] = repository()
    hub.repositories["org/model"].branches.update({"v1.0": OLD, "refs/pr/2": OLD})
    for name, revision in (("org/model@v1.0", None), ("org/model", "refs/pr/2"), (f"org/model@{OLD}", OLD)):
        assert resolve(name, FindOptions(revision=revision)).subject.revision == OLD
        assert resolve(name, FindOptions(revision=revision, offline=True)).subject.revision == OLD


def test_downloads_one_format_and_nothing_else(hub: FakeHub) -> None:
    extra = {
        "pytorch_model.bin": b"pickle",
        "consolidated.safetensors": tensors(z=(1,)),
        "original/consolidated.00.pth": b"x",
        "onnx/model.onnx": b"x",
        "tf_model.h5": b"x",
        "modeling_mine.py": b"raise SystemExit",
        "training_args.bin": b"x",
    }
    hub.repositories["org/model"] = repository(**extra)
    resolve("org/model")
    assert hub.downloaded == {"config.json", "tokenizer.json", "README.md", "model.safetensors"}


def test_downloads_the_shards_that_the_index_names(hub: FakeHub) -> None:
    files = model_files(
        **{
            INDEX: {"weight_map": {"a": "model-1.safetensors", "b": "model-[2].safetensors"}},
            "model-1.safetensors": tensors(a=(2,)),
            "model-[2].safetensors": tensors(b=(3,)),
            "model-3.safetensors": tensors(c=(4,)),
        }
    )
    del files["model.safetensors"]
    hub.repositories["org/model"] = Repository({OLD: encode(files)})
    assert resolve("org/model").subject.parameters == 5
    assert "model-3.safetensors" not in hub.downloaded
    del hub.repositories["org/model"].commits[OLD]["model-1.safetensors"]
    hub.repositories["org/other"] = hub.repositories["org/model"]
    with pytest.raises(BrokenModel, match=r"'model-1\.safetensors' is missing"):
        resolve("org/other")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"config": {"model_type": "t5"}}, UnsupportedModel),
        ({"config": {"auto_map": {"AutoModelForCausalLM": "x.Y"}}}, UnsafeModel),
        ({"tokenizer.json": None}, UnsupportedModel),
        ({"model.safetensors": None, "pytorch_model.bin": b"pickle"}, UnsafeModel),
    ],
)
def test_refuses_before_weights_are_downloaded(
    hub: FakeHub, changes: dict[str, object], error: type[SubjectError]
) -> None:
    hub.repositories["org/model"] = repository(**changes)
    with pytest.raises(error):
        resolve("org/model")
    assert not hub.downloaded & {"model.safetensors", "pytorch_model.bin"}


def test_code_is_downloaded_only_when_it_is_trusted(hub: FakeHub) -> None:
    auto_map = {"AutoModelForCausalLM": "modeling.Mine"}
    hub.repositories["org/model"] = repository(config={"auto_map": auto_map}, **{"modeling.py": "x = 1"})
    loadable = resolve("org/model", FindOptions(trust_remote_code=True))
    assert (Path(loadable.folder) / "modeling.py").is_file()
    assert "modeling.py" in [file.name for file in loadable.subject.files]


def test_a_corrupt_download_is_named(hub: FakeHub) -> None:
    hub.repositories["org/model"] = repository(**{"model.safetensors": tensors(a=(9,))[:-1]})
    with pytest.raises(BrokenModel, match=r"model\.safetensors: tensor 'a' reaches past"):
        resolve("org/model")


def test_no_such_repository(hub: FakeHub) -> None:
    with pytest.raises(SubjectNotFound, match="no folder and no Hub repository org/none") as caught:
        resolve("org/none")
    assert "hf auth login" in caught.value.hint


def test_no_such_revision(hub: FakeHub) -> None:
    hub.repositories["org/model"] = repository()
    with pytest.raises(SubjectNotFound, match="org/model has no revision v9"):
        resolve("org/model@v9")


def test_gated(hub: FakeHub) -> None:
    hub.repositories["org/model"] = repository()
    hub.repositories["org/model"].gated = True
    with pytest.raises(SubjectNotFound, match="org/model is gated") as caught:
        resolve("org/model")
    assert f"{hub.url}/org/model" in caught.value.hint


@pytest.mark.parametrize("status", [403, 418, 429, 500])
def test_other_answers(hub: FakeHub, status: int) -> None:
    hub.broken = status
    with pytest.raises(SubjectNotFound, match=f"HTTP {status} for org/model"):
        resolve("org/model")


def test_an_endpoint_that_is_no_hub(hub: FakeHub) -> None:
    hub.broken = 200
    with pytest.raises(SubjectNotFound, match="org/model cannot be fetched"):
        resolve("org/model")


def test_connection_refused(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    use_endpoint(monkeypatch, url)
    with pytest.raises(SubjectNotFound, match=r"org/model cannot be fetched from the Hub: .*refused") as caught:
        resolve("org/model")
    assert "--offline" in caught.value.hint


@pytest.mark.parametrize("by_environment", [False, True])
def test_offline_never_asks(hub: FakeHub, monkeypatch: pytest.MonkeyPatch, by_environment: bool) -> None:
    hub.repositories["org/model"] = repository()
    online = resolve("org/model")
    hub.requests.clear()
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", by_environment)
    assert resolve("org/model", FindOptions(offline=not by_environment)) == online
    with pytest.raises(SubjectNotFound, match="org/none at main is not in the local Hub cache"):
        resolve("org/none", FindOptions(offline=not by_environment))
    assert hub.requests == []


def test_offline_with_half_a_model_says_so(hub: FakeHub) -> None:
    hub.repositories["org/model"] = repository()
    folder = Path(resolve("org/model").folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(BrokenModel, match="has no weights") as caught:
        resolve("org/model", FindOptions(offline=True))
    assert "run once without --offline" in caught.value.hint
    assert resolve("org/model").subject.parameters == 10


def test_adapter_and_base_on_the_hub(hub: FakeHub, tmp_path: Path) -> None:
    hub.repositories["org/model"] = repository()
    hub.repositories["org/model"].branches["v1"] = OLD
    hub.repositories["me/adapter"] = Repository({OLD: encode(adapter_files("org/model", revision="v1"))})
    (tmp_path / "org" / "model").mkdir(parents=True)  # must not stand in for the base
    loadable = resolve("me/adapter")
    base = loadable.subject.base
    assert base is not None
    assert (loadable.subject.id, loadable.subject.source, loadable.subject.revision) == ("me/adapter", "adapter", OLD)
    assert (base.id, base.source, base.revision) == ("org/model", "hub", OLD)
    assert "GET api/models/org/model/revision/v1" in hub.requests
    assert resolve("me/adapter", FindOptions(offline=True)) == loadable


@pytest.mark.parametrize("base", ["/etc", "../../base", "~/models/x"])
def test_an_adapter_from_the_hub_never_points_into_this_machine(hub: FakeHub, base: str) -> None:
    hub.repositories["me/adapter"] = Repository({OLD: encode(adapter_files(base))})
    with pytest.raises(UnsupportedModel, match="a path on the machine of its author"):
        resolve("me/adapter")


def test_the_environment_of_a_user(hub: FakeHub, tmp_path: Path) -> None:
    hub.repositories["org/model"] = repository()
    code = "from provcheck.targets.resolution import resolve; print(resolve('org/model').folder)"
    env = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    env |= {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home"), "PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=env)
    assert Path(result.stdout.strip()).is_relative_to(tmp_path / "home" / "hub")
