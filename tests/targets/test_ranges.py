"""Models on the Hub whose weight files are fetched in part, from a fake endpoint that redirects to a fake storage."""

from __future__ import annotations

import gc
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from provcheck.errors import BrokenModel, OutputError, SubjectError, SubjectNotFound
from provcheck.io.partial_file import PartialFile
from provcheck.io.retries import Patience
from provcheck.measuring import ModelOptions, measure_model
from provcheck.targets import range_requests, ranged_files
from provcheck.targets.local import LocalTarget
from provcheck.targets.ranged_files import RangedTensors
from provcheck.targets.resolution import resolve
from provcheck.types import Capability, Floats, Measurement, NotMeasured
from tests.cached import Notes
from tests.targets.builders import adapter_files, pack
from tests.targets.fake_hub import COMMITS, FakeHub, Repository
from tests.targets.fake_storage import Storage, serve_storage
from tests.targets.test_hub import encode, hub
from tests.tiny import save_tiny, tiny_model, tiny_tokenizer

__all__ = ["hub"]

OLD, NEW = COMMITS
ONLY = ModelOptions(signals=("weights",), cache=False)
KEEP = ModelOptions(signals=("weights",))
WEIGHTS = "model.safetensors"
TOKEN = "hf_secret"  # noqa: S105
DEEP: dict[str, dict[str, Any]] = {"gpt2": {"n_layer": 12}, "llama": {"num_hidden_layers": 12}}


@pytest.fixture
def storage(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    """Where weight files lie; requests are small, and nobody waits."""
    monkeypatch.setattr(ranged_files, "GAP_BYTES", 512)
    monkeypatch.setattr(range_requests, "PIECE_BYTES", 4096)
    monkeypatch.setattr(range_requests, "PATIENCE", Patience(first_seconds=0.0))
    with serve_storage() as found:
        hub.storage = found
        yield found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A llama of 12 blocks, of which 8 are sketched."""
    return save_tiny(tmp_path_factory.mktemp("models") / "deep", **DEEP["llama"])


@pytest.fixture(scope="module")
def expected(folder: Path) -> Measurement:
    return measure_model(str(folder), ONLY)


def publish(hub: FakeHub, folder: Path, name: str = "org/model") -> Path:
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    hub.repositories[name] = Repository({OLD: files})
    return folder


def check_same(found: Measurement, expected: Measurement) -> None:
    """Bit for bit."""
    one, two = found.sketches["weights"], expected.sketches["weights"]
    assert one.arrays.keys() == two.arrays.keys()
    for name, array in one.arrays.items():
        np.testing.assert_array_equal(array, two.arrays[name])
    assert one.facts.values == two.facts.values


def read(options: ModelOptions = ONLY) -> dict[str, Floats]:
    """All tensors of the model on the Hub, every byte of them fetched by ranges."""
    tensors = resolve("org/model", options).partial
    assert tensors is not None
    return {name: tensors[name] for name in tensors}


def check_read(found: dict[str, Floats], folder: Path) -> None:
    stored = load_file(folder / WEIGHTS)
    assert found.keys() == stored.keys()
    for name, array in found.items():
        np.testing.assert_array_equal(array, stored[name].numpy())


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))


# The same sketches


@pytest.mark.parametrize("architecture", ["llama", "mixtral", "phi3", "gpt2", "opt", "falcon", "bloom", "mamba"])
def test_sketches_are_those_of_the_files(architecture: str, hub: FakeHub, storage: Storage, tmp_path: Path) -> None:
    folder = publish(hub, save_tiny(tmp_path / "m", architecture, **DEEP.get(architecture, {})))
    found = measure_model("org/model", ONLY)
    check_same(found, measure_model(str(folder), ONLY))
    assert storage.sent < size_of(folder)
    assert WEIGHTS not in hub.downloaded


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float8"])
def test_number_formats(dtype: str, hub: FakeHub, storage: Storage, folder: Path, tmp_path: Path) -> None:
    import torch

    tensors = load_file(folder / WEIGHTS)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    if dtype == "float8":
        scale = torch.ones(1, 1) / 4
        packed = {name: one for name, one in tensors.items() if "_proj" in name}
        tensors |= {name: (one * 4).to(torch.float8_e4m3fn) for name, one in packed.items()}
        tensors |= {f"{name}_scale_inv": scale.clone() for name in packed}
        config["quantization_config"] = {"quant_method": "fp8"}
    else:
        tensors = {name: one.to(getattr(torch, dtype)) for name, one in tensors.items()}
    save_file(tensors, tmp_path / WEIGHTS, metadata={"format": "pt"})
    (tmp_path / "config.json").write_text(json.dumps(config))
    tiny_tokenizer().save_pretrained(tmp_path)
    (tmp_path / "cache").mkdir(exist_ok=True)
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    hub.repositories["org/model"] = Repository({OLD: files})
    found = measure_model("org/model", ONLY)
    check_same(found, measure_model(str(tmp_path), ONLY))
    assert found.subject.in_part and storage.sent < size_of(tmp_path)


def test_shards(hub: FakeHub, storage: Storage, tmp_path: Path) -> None:
    tiny_model("llama", **DEEP["llama"]).save_pretrained(tmp_path / "m", max_shard_size="100KB")
    tiny_tokenizer().save_pretrained(tmp_path / "m")
    folder = publish(hub, tmp_path / "m")
    found = measure_model("org/model", ONLY)
    check_same(found, measure_model(str(folder), ONLY))
    assert len(found.subject.weights) > 2 and storage.sent < 0.9 * size_of(folder)


def test_only_what_the_sketch_needs_is_fetched(
    hub: FakeHub, storage: Storage, folder: Path, expected: Measurement
) -> None:
    """Header, 8 of 12 blocks, norms, and rows of the embeddings; every byte once."""
    publish(hub, folder)
    files = resolve("org/model", ONLY)
    after_header = storage.sent
    tensors = LocalTarget(files)
    assert tensors.lacks(Capability.WEIGHTS) is None and storage.sent == after_header
    check_same(measure_model("org/model", ONLY), expected)
    stored = load_file(folder / WEIGHTS)
    unused = sum(
        one.nbytes
        for name, one in stored.items()
        if any(f"layers.{number}." in name for number in (1, 4, 7, 10)) and "norm" not in name
    )
    assert storage.sent - 2 * after_header < size_of(folder) - 0.9 * unused
    spans = sorted(storage.ranges[2:])
    assert len(set(spans)) > len(stored) / 2


# What the report says


def test_how_much_comes_of_how_much_is_said_before_it_comes(hub: FakeHub, storage: Storage, folder: Path) -> None:
    """Eight of twelve blocks; what is here already is not said to come."""
    publish(hub, folder)
    notes = Notes()
    measure_model("org/model", KEEP, notes)
    (said,) = [one for one in notes.messages if "from the Hub" in one]
    match = re.fullmatch(r"org/model: fetching (0\.\d\d) MB of (0\.\d\d) MB from the Hub, .*", said)
    assert match, said
    fetched, total = map(float, match.groups())
    assert total == round(size_of(folder) / 1e6, 2)
    assert 0.4 * total < fetched <= storage.sent / 1e6 < total
    tensors, again = resolve("org/model", KEEP).partial, Notes()
    assert isinstance(tensors, RangedTensors)
    tensors.tell(again.note)
    tensors.announce(name for name in tensors if ".layers.0." in name)
    assert again.messages == []


def test_digests_are_not_computed_and_the_hub_is_quoted(hub: FakeHub, storage: Storage, folder: Path) -> None:
    import hashlib

    publish(hub, folder)
    subject = resolve("org/model", ONLY).subject
    whole = resolve(str(folder)).subject
    (weights,) = subject.weights
    assert (weights.sha256, subject.weights_digest, subject.in_part) == (None, None, (WEIGHTS,))
    assert weights.stated_etag == hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    assert weights.bytes == size_of(folder)
    assert subject.files == whole.files and subject.parameters == whole.parameters
    assert "stated_etag" not in whole.weights[0].model_dump()


def test_the_key_of_the_cache_is_no_digest_of_a_file(hub: FakeHub, storage: Storage, folder: Path) -> None:
    publish(hub, folder)
    in_part, whole = (LocalTarget(resolve("org/model", options)) for options in (KEEP, ModelOptions()))
    assert in_part.identity() != whole.identity()
    assert "stated by the Hub" in str(in_part.identity()) and "stated by the Hub" not in str(whole.identity())


def test_a_second_audit_finds_the_measurement(
    hub: FakeHub, storage: Storage, folder: Path, expected: Measurement
) -> None:
    publish(hub, folder)
    notes = Notes()
    measure_model("org/model", KEEP)
    before = storage.sent
    check_same(measure_model("org/model", KEEP, notes), expected)
    assert storage.sent == before
    assert any("from the cache" in message for message in notes.messages)


# When files come whole


@pytest.mark.parametrize(
    "options",
    [ModelOptions(), ModelOptions(signals=("weights", "able")), ModelOptions(signals=("weights",), whole_files=True)],
)
def test_other_signals_and_digests_take_whole_files(
    options: ModelOptions, hub: FakeHub, storage: Storage, folder: Path
) -> None:
    publish(hub, folder)
    subject = resolve("org/model", options).subject
    assert subject.weights == resolve(str(folder)).subject.weights and not storage.ranges


def test_files_in_the_hub_cache_are_read_there(
    hub: FakeHub, storage: Storage, folder: Path, expected: Measurement
) -> None:
    publish(hub, folder)
    resolve("org/model")
    before = len(storage.requests)
    found = measure_model("org/model", ONLY)
    check_same(found, expected)
    assert found.subject.weights == expected.subject.weights and len(storage.requests) == before
    hub.repositories["org/model"].commits[NEW] = hub.repositories["org/model"].commits[OLD] | {"README.md": b"new"}
    hub.repositories["org/model"].branches["main"] = NEW
    moved = resolve("org/model", ONLY).subject
    assert (moved.revision, moved.weights) == (NEW, expected.subject.weights)
    assert len(storage.requests) == before


def test_offline_asks_nobody(hub: FakeHub, storage: Storage, folder: Path) -> None:
    publish(hub, folder)
    measure_model("org/model", KEEP)
    before = (len(hub.requests), len(storage.requests))
    with pytest.raises(BrokenModel, match="has no weights") as caught:
        resolve("org/model", ModelOptions(signals=("weights",), offline=True))
    assert "run once without --offline" in caught.value.hint
    resolve("org/model")
    asked = (len(hub.requests), len(storage.requests))
    assert not resolve("org/model", ModelOptions(signals=("weights",), offline=True)).subject.in_part
    assert before < asked == (len(hub.requests), len(storage.requests))


def test_packed_numbers_take_whole_files(hub: FakeHub, storage: Storage, folder: Path, tmp_path: Path) -> None:
    import torch

    publish(hub, folder)
    files = hub.repositories["org/model"].commits[OLD]
    config = json.loads(files["config.json"]) | {"quantization_config": {"quant_method": "gptq"}}
    name = "model.layers.0.mlp.up_proj.weight"
    tensors = load_file(folder / WEIGHTS) | {name: torch.zeros(4, 4, dtype=torch.int32)}
    save_file(tensors, tmp_path / "packed", metadata={"format": "pt"})
    files |= {"config.json": json.dumps(config).encode(), WEIGHTS: (tmp_path / "packed").read_bytes()}
    found = measure_model("org/model", ONLY)
    assert isinstance(found.signals["weights"], NotMeasured) and not found.subject.in_part


def test_adapters_and_their_bases_come_whole(hub: FakeHub, storage: Storage, folder: Path) -> None:
    publish(hub, folder)
    hub.repositories["me/adapter"] = Repository({OLD: encode(adapter_files("org/model"))})
    subject = resolve("me/adapter", ONLY).subject
    assert subject.base and not subject.in_part and not subject.base.in_part and not storage.ranges


def test_small_files_in_git_are_answered_by_the_hub_itself(hub: FakeHub, folder: Path) -> None:
    """Without a redirect, and this Hub knows no ranges: it is refused, and the body is left alone."""
    publish(hub, folder)
    with pytest.raises(SubjectNotFound, match="ignores ranges") as caught:
        resolve("org/model", ONLY)
    assert f"hf download org/model --revision {OLD}" in caught.value.hint


# Faults that pass


@pytest.mark.parametrize("fault", ["wait0", "429", "500", "503", "408", "drop", "cut"])
def test_faults_that_pass(fault: str, hub: FakeHub, storage: Storage, folder: Path) -> None:
    publish(hub, folder)
    storage.faults = [fault] * 3
    check_read(read(), folder)
    assert not storage.faults


def test_every_answer_is_cut(hub: FakeHub, storage: Storage, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each one gives half of what was asked for, and nothing is fetched twice."""
    publish(hub, folder)
    read()
    whole, storage.sent, storage.always = storage.sent, 0, "cut"
    monkeypatch.setattr(range_requests, "PATIENCE", Patience(tries=20, first_seconds=0.0))
    check_read(read(), folder)
    assert storage.sent == whole


def test_the_hub_is_busy(hub: FakeHub, storage: Storage, folder: Path) -> None:
    publish(hub, folder)
    hub.faults = [429, 503]
    check_read(read(), folder)


def test_addresses_expire(hub: FakeHub, storage: Storage, folder: Path) -> None:
    publish(hub, folder)
    tensors = resolve("org/model", ONLY).partial
    assert tensors is not None
    issued = storage.issued
    storage.oldest = issued + 1
    check_read({name: tensors[name] for name in tensors}, folder)
    assert storage.issued == issued + 1, "all threads use the new address"


def test_waiting_times(monkeypatch: pytest.MonkeyPatch, hub: FakeHub, storage: Storage, folder: Path) -> None:
    """The server's, or else twice as long each time."""
    publish(hub, folder)
    waited: list[float] = []
    monkeypatch.setattr(range_requests.RemoteFile, "_sleep", lambda _self, seconds: waited.append(seconds))
    monkeypatch.setattr(range_requests, "PATIENCE", Patience())
    storage.faults = ["503", "503", "wait7", "503"]
    resolve("org/model", ONLY)
    assert waited == [1, 2, 7, 8]


# Faults that do not


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("503", "cannot be fetched from the Hub: HTTP 503"),
        ("drop", "cannot be fetched from the Hub: "),
        ("wait999", "asks to wait 999 seconds"),
        ("whole", "ignores ranges and would send the whole file"),
        ("shift", "sends another range than it was asked for"),
        ("gzip", "sends a range without saying which, or compressed"),
        ("long", "sends more bytes than it was asked for"),
        ("size", "changed on the Hub while it was read"),
        ("416", "changed on the Hub while it was read"),
        ("418", "answered HTTP 418"),
    ],
)
def test_faults_that_stay(fault: str, said: str, hub: FakeHub, storage: Storage, folder: Path) -> None:
    publish(hub, folder)
    storage.always = fault
    with pytest.raises(SubjectError, match=said) as caught:
        resolve("org/model", ONLY)
    assert caught.value.hint
    assert len(storage.requests) <= range_requests.PATIENCE.tries


def test_another_etag_halfway(hub: FakeHub, storage: Storage, folder: Path) -> None:
    publish(hub, folder)
    storage.faults = ["", "", "etag"]
    with pytest.raises(BrokenModel, match="changed on the Hub while it was read"):
        read()


def test_the_file_changes_before_the_address_is_renewed(hub: FakeHub, storage: Storage, folder: Path) -> None:
    """A force push can even give other content to an old commit."""
    publish(hub, folder)
    tensors = LocalTarget(resolve("org/model", ONLY)).files.partial
    assert tensors is not None
    files = hub.repositories["org/model"].commits[OLD]
    files[WEIGHTS] = files[WEIGHTS][:-1] + b"\1"
    storage.oldest = storage.issued + 1
    with pytest.raises(BrokenModel, match=r"model\.safetensors of org/model changed on the Hub"):
        tensors["model.norm.weight"]


def test_the_token_stays_with_the_hub(
    hub: FakeHub, storage: Storage, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    publish(hub, folder)
    read()
    assert set(hub.tokens) == {f"Bearer {TOKEN}"}
    assert storage.requests and not any("authorization" in one for one in storage.requests)
    assert TOKEN not in str(storage.requests)


def test_a_fault_that_stays_ends_all_waiting(
    hub: FakeHub, storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.repositories["org/model"] = Repository({OLD: {WEIGHTS: bytes(100_000)}})
    remote = range_requests.RemoteFile("org/model", OLD, WEIGHTS)
    storage.faults, storage.always = ["wait200", "wait200", "", "418"], "wait200"
    started = time.monotonic()
    with pytest.raises(SubjectError, match="418"):
        remote.fetch([(0, 100_000)], PartialFile(tmp_path / "part" / WEIGHTS, remote.size))
    assert time.monotonic() - started < 100


# Resuming


def test_an_interrupted_run_goes_on_where_it_stopped(hub: FakeHub, storage: Storage, folder: Path) -> None:
    publish(hub, folder)
    read()
    whole, storage.sent = storage.sent, 0
    storage.faults, storage.always = [""] * 40, "418"
    with pytest.raises(SubjectError, match="418"):
        read(KEEP)
    first = storage.sent
    storage.always = ""
    check_read(read(KEEP), folder)
    assert 0 < first < storage.sent == whole


def test_what_is_kept_belongs_to_one_file(hub: FakeHub, storage: Storage, folder: Path, tmp_path: Path) -> None:
    """Another content of the same name and size takes nothing from the first."""
    publish(hub, folder)
    read(KEEP)
    other = publish(hub, save_tiny(tmp_path / "other", seed=1, **DEEP["llama"]))
    assert size_of(other) == size_of(folder)
    check_read(read(KEEP), other)


def test_a_cache_that_was_changed_is_not_used(hub: FakeHub, storage: Storage, folder: Path, cache_folder: Path) -> None:
    publish(hub, folder)
    read(KEEP)
    (kept,) = cache_folder.glob("fetched/*/model.safetensors")
    kept.write_bytes(b"\7" * kept.stat().st_size)
    check_read(read(KEEP), folder)


def test_a_cache_that_cannot_be_written(
    hub: FakeHub, storage: Storage, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("PROVCHECK_CACHE", str(tmp_path / "file"))
    publish(hub, folder)
    check_read(read(KEEP), folder)


def test_without_the_cache_nothing_stays(
    hub: FakeHub, storage: Storage, folder: Path, cache_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    publish(hub, folder)
    files = resolve("org/model", ONLY)
    assert list((tmp_path / "temporary").iterdir())
    del files
    gc.collect()
    assert not list((tmp_path / "temporary").iterdir()) and not cache_folder.exists()


def test_a_full_disk(hub: FakeHub, storage: Storage, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    publish(hub, folder)
    monkeypatch.setattr(PartialFile, "write", full)
    with pytest.raises(OutputError, match="No space left on device") as caught:
        resolve("org/model", KEEP)
    assert "PROVCHECK_CACHE" in caught.value.hint


# Hostile headers


@pytest.mark.parametrize(
    "content",
    [
        b"\xff" * 8 + b"{}",
        (50).to_bytes(8, "little") + b"{}",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n",
        b"<html>not here</html>",
        b"1234",
        pack({"a": {"dtype": "F32", "shape": [9], "data_offsets": [0, 36]}}, b"\0" * 4),
        pack({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, b"\0" * 80),
        pack({"a": {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 8]}}, b"\0" * 8),
        pack(b'{"a": {}, "a": {}}', b"\0" * 8),
    ],
)
def test_headers_are_checked_as_those_of_files(content: bytes, hub: FakeHub, storage: Storage, folder: Path) -> None:
    publish(hub, folder)
    hub.repositories["org/model"].commits[OLD][WEIGHTS] = content
    with pytest.raises(BrokenModel, match=r"model\.safetensors: ") as remote:
        resolve("org/model", ONLY)
    with pytest.raises(BrokenModel) as local:
        resolve("org/model")
    assert str(remote.value) == str(local.value)
    assert storage.ranges[0][1] <= ranged_files.GAP_BYTES


def test_memory_is_bounded(tmp_path: Path, hub: FakeHub, storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    """By connections and pieces, whatever is asked for at once."""
    import tracemalloc

    monkeypatch.setattr(range_requests, "PIECE_BYTES", 1 << 16)
    content = bytes(30 << 20)
    hub.repositories["org/model"] = Repository({OLD: {WEIGHTS: content}})
    remote = range_requests.RemoteFile("org/model", OLD, WEIGHTS)
    file = PartialFile(tmp_path / "part" / WEIGHTS, remote.size)
    answered = len(content) // 100
    assert remote.size == len(content)
    tracemalloc.start()
    remote.fetch([(0, answered)], file)  # what connections take once
    base, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    remote.fetch([(answered, len(content))], file)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert file.missing([(0, len(content))]) == []
    assert peak - base < 8 << 20
