"""What is kept is found again when it must be, and only then; and a cache that fails stops nothing."""

from __future__ import annotations

import os
import resource
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import provcheck
from provcheck import cache as cache_module
from provcheck.cache import Entries, MeasurementCache, cache_root, cache_usage, measurement_key
from provcheck.io.digests import file_digest
from provcheck.io.partial_file import PartialFile
from provcheck.io.text import shown
from provcheck.signals import TABLE, find_signal
from provcheck.targets.local import LocalTarget
from provcheck.targets.resolution import resolve
from provcheck.types import ModelFiles, NotMeasured, ProbeSet
from tests.cached import Notes, change_json, change_weights, flip, the_entry
from tests.measured import same_bits
from tests.synthetic import make_blocks, make_complete, make_measurement, make_probes


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def cache(tmp_path: Path, notes: Notes) -> MeasurementCache:
    return MeasurementCache(tmp_path / "cache", notes)


@pytest.fixture
def model(tiny_folder: Path, tmp_path: Path) -> Path:
    """A model that a test may change."""
    return shutil.copytree(tiny_folder, tmp_path / "model")


def key_of(folder: Path, probes: ProbeSet | None = None, signal: str = "able", **how: object) -> str:
    identity = LocalTarget(resolve(str(folder))).identity()
    assert identity is not None
    return measurement_key(find_signal(signal), probes or make_probes(), identity, how)


# What a key depends on


CHANGES: dict[str, Callable[[Path], None]] = {
    "weights": change_weights,
    "config": lambda folder: change_json(folder, "config.json", rms_norm_eps=1e-3),
    "tokenizer": lambda folder: change_json(folder, "tokenizer.json", truncation=None, version="1.1"),
    "tokenizer config": lambda folder: change_json(folder, "tokenizer_config.json", add_prefix_space=True),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_a_file_that_changed_in_place_is_noticed(change: Callable[[Path], None], model: Path) -> None:
    before = key_of(model)
    change(model)
    assert key_of(model) != before


def test_neither_name_nor_card_matters(model: Path) -> None:
    before = key_of(model)
    (model / "README.md").write_text("---\nlicense: mit\n---\nAnother card.", "utf-8")
    renamed = model.rename(model.parent / "renamed")
    assert key_of(renamed) == before


def test_signal_probes_and_environment_matter(model: Path) -> None:
    keys = [
        key_of(model),
        key_of(model, signal="likelihood"),
        key_of(model, make_probes("others")),
        key_of(model, dtype="float32"),
        key_of(model, dtype=""),
    ]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("changed", ["the signal's", "another signal's", "the types'"])
def test_code_that_shapes_the_numbers_matters(changed: str, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = key_of(model)
    signals = Path(provcheck.__file__).parent / "signals"
    files = {
        "the signal's": signals / "able" / "views.py",
        "another signal's": signals / "likelihood" / "divergence.py",
        "the types'": Path(provcheck.__file__).parent / "types" / "measurement.py",
    }
    monkeypatch.setattr(
        "provcheck.cache.file_digest", lambda path: "0" if path == files[changed] else file_digest(path)
    )
    assert (key_of(model) == before) == (changed == "another signal's")


def test_another_version_of_a_signal_leaves_the_others_valid(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = [key_of(model, signal=name) for name in TABLE]
    monkeypatch.setattr(type(find_signal("able")), "version", "able/999")
    after = [key_of(model, signal=name) for name in TABLE]
    assert [one == two for one, two in zip(before, after, strict=True)] == [name != "able" for name in TABLE]


def test_an_adapter_depends_on_its_base(model: Path, tmp_path: Path) -> None:
    adapter = resolve(str(model)).subject
    base = adapter.model_copy(update={"weights": (adapter.weights[0].model_copy(update={"sha256": "0" * 64}),)})
    identities = [
        LocalTarget(ModelFiles(adapter.model_copy(update={"base": under}), str(model))).identity()
        for under in (None, adapter, base)
    ]
    assert all(identities)
    keys = {measurement_key(find_signal("able"), make_probes(), identity or [], {}) for identity in identities}
    assert len(keys) == 3


def test_what_code_of_a_repository_loads_is_not_known(model: Path) -> None:
    before = LocalTarget(resolve(str(model))).identity()
    trusted = LocalTarget(replace(resolve(str(model)), trust_remote_code=True))
    assert trusted.identity() == before is not None, "it asks for none"
    change_json(model, "tokenizer_config.json", auto_map={"AutoTokenizer": ["elsewhere/repo--code.Mine", None]})
    assert trusted.identity() is None
    (model / "tokenizer_config.json").write_text("[1]", "utf-8")
    assert trusted.identity() is None


def test_without_digests_of_the_files_nothing_is_kept(model: Path) -> None:
    found = resolve(str(model))
    unknown = replace(found, subject=found.subject.model_copy(update={"files": ()}))
    assert LocalTarget(unknown).identity() is None


# Finding and keeping


def test_what_is_kept_is_found(cache: MeasurementCache, notes: Notes) -> None:
    measurement = make_complete("me", 0)
    assert cache.find("a" * 64) is None
    cache.store("a" * 64, measurement)
    found = cache.find("a" * 64)
    assert found is not None and same_bits(found, measurement) and found.facts == measurement.facts
    assert cache.find("b" * 64) is None
    assert cache.root.stat().st_mode & 0o077 == 0, "what lies there is believed, so nobody else may write it"
    assert not notes.messages


@pytest.mark.parametrize("place", [0, 100, -1])
def test_a_flipped_byte_is_never_trusted(place: int, cache: MeasurementCache, notes: Notes) -> None:
    cache.store("a" * 64, make_measurement("me", make_blocks(0)))
    flip(the_entry(cache.root), place)
    assert cache.find("a" * 64) is None
    assert len(notes.messages) == 1 and "cannot be trusted" in notes.messages[0]
    assert not list(cache.root.glob("measurements/*"))
    cache.store("a" * 64, make_measurement("me", make_blocks(0)))
    assert cache.find("a" * 64) is not None


def test_a_checkpoint_gives_back_every_bit(cache: MeasurementCache) -> None:
    array = np.array([0.1, -0.0, np.nan, 5e-324, np.inf])
    cache.checkpoint("a").put("attributions-1", array)
    found = cache.checkpoint("a").get("attributions-1")
    assert found is not None and found.tobytes() == array.tobytes() and found.flags.writeable
    assert cache.checkpoint("b").get("attributions-1") is None
    cache.checkpoint("a").put("empty", array[:0])
    assert cache.checkpoint("a").get("empty") is not None
    cache.checkpoint("a").remove()
    assert cache.checkpoint("a").get("attributions-1") is None


@pytest.mark.parametrize(
    "damage",
    [lambda x: b"", lambda x: x[:20], lambda x: x[:-8], lambda x: x + bytes(8), lambda x: x[:-1] + bytes([x[-1] ^ 1])],
)
def test_a_damaged_batch_is_not_used(damage: Callable[[bytes], bytes], cache: MeasurementCache) -> None:
    checkpoint = cache.checkpoint("a")
    checkpoint.put("batch", np.arange(4.0))
    path = checkpoint.folder / "batch"
    path.write_bytes(damage(path.read_bytes()))
    assert checkpoint.get("batch") is None
    checkpoint.put("batch", np.arange(4.0))
    path.rename(checkpoint.folder / "other")
    assert checkpoint.get("other") is None, "a batch under the name of another"


def test_a_finished_measurement_needs_no_checkpoint(cache: MeasurementCache) -> None:
    for key in ("a", "b"):
        cache.checkpoint(key).put("batch", np.arange(4.0))
    assert cache.store("a", make_measurement("me", make_blocks(0)))
    cache.checkpoint("a").remove()
    assert [path.name for path in (cache.root / "checkpoints").iterdir()] == ["b"]


def test_a_target_has_an_entry_for_each_signal_and_one_checkpoint(cache: MeasurementCache) -> None:
    measurement, probes = make_measurement("me", make_blocks(0)), make_probes()
    here, elsewhere = (Entries(cache, [one], lambda signal: {}, probes) for one in "xy")
    able, likelihood = find_signal("able"), find_signal("likelihood")
    alone = replace(measurement, signals={"able": measurement.signals["able"]})
    assert here.keep(able, alone) and not elsewhere.find([able])
    assert list(here.find([able, likelihood])) == ["able"]
    lacking = replace(measurement, signals={"likelihood": NotMeasured(not_measured="no texts")})
    assert here.keep(likelihood, lacking), "nothing is lost"
    assert list(here.find([able, likelihood])) == ["able"]
    assert here.checkpoint(able).folder != elsewhere.checkpoint(able).folder


def test_another_process_may_remove_the_checkpoint_at_any_time(
    cache: MeasurementCache, notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint, move = cache.checkpoint("a"), Path.replace

    def meddle(path: Path, target: Path) -> Path:
        monkeypatch.setattr(Path, "replace", move)
        checkpoint.remove()
        return move(path, target)

    monkeypatch.setattr(Path, "replace", meddle)
    checkpoint.put("batch", np.arange(4.0))
    assert checkpoint.get("batch") is not None and not notes.messages


# Size


def test_the_most_recently_used_stay(cache: MeasurementCache, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, key in enumerate("abcd"):
        cache.store(key, make_measurement(key, make_blocks(0)))
        os.utime(cache.root / "measurements" / f"{key}.safetensors", (number, number))
    assert cache.find("a") is not None  # used just now
    monkeypatch.setattr(cache_module, "MAX_BYTES", 3.5 * the_size(cache.root, "a"))
    cache.store("e", make_measurement("e", make_blocks(0)))
    assert {path.stem for path in cache.root.glob("measurements/*")} == {"a", "d", "e"}
    assert cache_usage(cache.root).measurements == 3
    assert cache_usage(cache.root).bytes == sum(the_size(cache.root, key) for key in "ade")


def the_size(root: Path, key: str) -> int:
    return (root / "measurements" / f"{key}.safetensors").stat().st_size


def test_what_was_never_continued_goes_after_a_week(cache: MeasurementCache) -> None:
    cache.store("done", make_measurement("me", make_blocks(0)))
    old, young = time.time() - 8 * 24 * 3600, time.time() - 6 * 24 * 3600
    for name, age in (("old", old), ("young", young)):
        cache.checkpoint(name).put("batch", np.arange(4.0))
        os.utime(cache.checkpoint(name).folder, (age, age))
        part = cache.root / "measurements" / f".{name}.safetensors.0.tmp"
        part.write_bytes(b"cut off")
        os.utime(part, (age, age))
    cache.store("other", make_measurement("me", make_blocks(0)))
    assert [path.name for path in (cache.root / "checkpoints").iterdir()] == ["young"]
    assert [path.name for path in cache.root.glob("measurements/.*")] == [".young.safetensors.0.tmp"]
    assert cache.find("done") is not None


def fetch(cache: MeasurementCache, name: str, age_seconds: float) -> Path:
    """10 MB of a file of 10 GB, last used then."""
    file = PartialFile(cache.root / "fetched" / name / "model.safetensors", 10**10)
    file.write(5 * 10**9, b"x" * 10**7)
    os.utime(file.path.parent, (time.time() - age_seconds,) * 2)
    return file.path.parent


def test_parts_of_weight_files_go_after_a_week_or_when_they_take_too_much(
    cache: MeasurementCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a file with holes takes on the disk counts."""
    day = 24 * 3600
    folders = [fetch(cache, name, age) for name, age in (("new", 0), ("old", 2 * day), ("idle", 8 * day))]
    cache.store("one", make_measurement("me", make_blocks(0)))
    assert [folder.exists() for folder in folders] == [True, True, False]
    assert 2 * 10**7 <= cache_usage(cache.root).bytes < 3 * 10**7
    monkeypatch.setattr(cache_module, "MAX_FETCHED_BYTES", 15 * 10**6)
    cache.store("two", make_measurement("me", make_blocks(0)))
    assert [folder.exists() for folder in folders] == [True, False, False]


# A disk that does not do what it should


@contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    """Writing more fails as on a full disk, after the part that fits was written."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_noted_once_and_leaves_no_rubbish(cache: MeasurementCache, notes: Notes) -> None:
    checkpoint = cache.checkpoint("a")
    checkpoint.put("first", np.arange(4.0))
    with no_file_longer_than(100):
        checkpoint.put("second", np.arange(1000.0))
        checkpoint.put("third", np.arange(1000.0))
        assert not cache.store("a", make_measurement("me", make_blocks(0)))
    assert notes.messages == [f"the cache {shown(cache.root)} cannot be written, so nothing is kept: File too large"]
    assert [path.name for path in cache.root.rglob("*") if path.is_file()] == ["first"]
    assert checkpoint.get("first") is not None, "what was kept before still helps a later run"


@pytest.mark.parametrize("where", ["file/in/the/way", "loop"])
def test_a_folder_that_cannot_be_made(where: str, tmp_path: Path, notes: Notes) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "loop").symlink_to("loop")
    broken = MeasurementCache(tmp_path / where, notes)
    assert broken.find("a") is None and broken.checkpoint("a").get("batch") is None
    broken.checkpoint("a").put("batch", np.arange(4.0))
    broken.store("a", make_measurement("me", make_blocks(0)))
    assert len(notes.messages) == 1 and "cannot be written" in notes.messages[0]


# Where it lies


def test_the_folder_and_how_it_is_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PROVCHECK_CACHE", "~/mine")
    assert (cache_root(), shown(cache_root())) == (tmp_path / "mine", "~/mine")
    monkeypatch.delenv("PROVCHECK_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    assert shown(cache_root()) == "~/caches/provcheck"
    assert shown(Path("/elsewhere")) == "/elsewhere"
