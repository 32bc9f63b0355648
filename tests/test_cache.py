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

from provcheck import cache as cache_module
from provcheck.cache import MeasurementCache, cache_root, cache_usage, measurement_key
from provcheck.reading import shown
from provcheck.subject import resolve
from provcheck.types import Loadable, ProbeSet
from tests.cached import Notes, change_json, change_weights, flip, same_bits, the_entry
from tests.synthetic import make_blocks, make_measurement, make_probes


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


def key_of(folder: Path, probes: ProbeSet | None = None, **how: object) -> str:
    key = measurement_key(resolve(str(folder)), probes or make_probes(), how)
    assert key is not None
    return key


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


def test_probes_and_circumstances_matter(model: Path) -> None:
    keys = [
        key_of(model),
        key_of(model, make_probes("others")),
        key_of(model, dtype="float32"),
        key_of(model, dtype=""),
    ]
    assert len(set(keys)) == len(keys)


def test_an_adapter_depends_on_its_base(model: Path, tmp_path: Path) -> None:
    adapter = resolve(str(model)).subject
    base = adapter.model_copy(update={"weights": (adapter.weights[0].model_copy(update={"sha256": "0" * 64}),)})
    keys = {
        measurement_key(Loadable(adapter.model_copy(update={"base": under}), str(model)), make_probes(), {})
        for under in (None, adapter, base)
    }
    assert len(keys) == 3


def test_what_code_of_a_repository_loads_is_not_known(model: Path) -> None:
    before = key_of(model)
    trusted = replace(resolve(str(model)), trust_remote_code=True)
    assert measurement_key(trusted, make_probes(), {}) == before, "it asks for none"
    change_json(model, "tokenizer_config.json", auto_map={"AutoTokenizer": ["elsewhere/repo--code.Mine", None]})
    assert measurement_key(trusted, make_probes(), {}) is None
    (model / "tokenizer_config.json").write_text("[1]", "utf-8")
    assert measurement_key(trusted, make_probes(), {}) is None


def test_without_digests_of_the_files_nothing_is_kept(model: Path) -> None:
    found = resolve(str(model))
    unknown = replace(found, subject=found.subject.model_copy(update={"files": ()}))
    assert measurement_key(unknown, make_probes(), {}) is None


# Finding and keeping


def test_what_is_kept_is_found(cache: MeasurementCache, notes: Notes) -> None:
    measurement = make_measurement("me", make_blocks(0))
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


def test_a_journal_gives_back_every_bit(cache: MeasurementCache) -> None:
    array = np.array([0.1, -0.0, np.nan, 5e-324, np.inf])
    cache.journal("a").put("attributions-1", array)
    found = cache.journal("a").get("attributions-1")
    assert found is not None and found.tobytes() == array.tobytes() and found.flags.writeable
    assert cache.journal("b").get("attributions-1") is None
    cache.journal("a").put("empty", array[:0])
    assert cache.journal("a").get("empty") is not None
    cache.journal("a").remove()
    assert cache.journal("a").get("attributions-1") is None


@pytest.mark.parametrize(
    "damage",
    [lambda x: b"", lambda x: x[:20], lambda x: x[:-8], lambda x: x + bytes(8), lambda x: x[:-1] + bytes([x[-1] ^ 1])],
)
def test_a_damaged_batch_is_not_used(damage: Callable[[bytes], bytes], cache: MeasurementCache) -> None:
    journal = cache.journal("a")
    journal.put("batch", np.arange(4.0))
    path = journal.folder / "batch"
    path.write_bytes(damage(path.read_bytes()))
    assert journal.get("batch") is None
    journal.put("batch", np.arange(4.0))
    path.rename(journal.folder / "other")
    assert journal.get("other") is None, "a batch under the name of another"


def test_a_finished_measurement_needs_no_journal(cache: MeasurementCache) -> None:
    for key in ("a", "b"):
        cache.journal(key).put("batch", np.arange(4.0))
    cache.store("a", make_measurement("me", make_blocks(0)))
    assert [path.name for path in (cache.root / "journals").iterdir()] == ["b"]


def test_another_process_may_remove_the_journal_at_any_time(
    cache: MeasurementCache, notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, move = cache.journal("a"), Path.replace

    def meddle(path: Path, target: Path) -> Path:
        monkeypatch.setattr(Path, "replace", move)
        journal.remove()
        return move(path, target)

    monkeypatch.setattr(Path, "replace", meddle)
    journal.put("batch", np.arange(4.0))
    assert journal.get("batch") is not None and not notes.messages


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
        cache.journal(name).put("batch", np.arange(4.0))
        os.utime(cache.journal(name).folder, (age, age))
        part = cache.root / "measurements" / f".{name}.safetensors.0.tmp"
        part.write_bytes(b"cut off")
        os.utime(part, (age, age))
    cache.store("other", make_measurement("me", make_blocks(0)))
    assert [path.name for path in (cache.root / "journals").iterdir()] == ["young"]
    assert [path.name for path in cache.root.glob("measurements/.*")] == [".young.safetensors.0.tmp"]
    assert cache.find("done") is not None


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
    journal = cache.journal("a")
    journal.put("first", np.arange(4.0))
    with no_file_longer_than(100):
        journal.put("second", np.arange(1000.0))
        journal.put("third", np.arange(1000.0))
        cache.store("a", make_measurement("me", make_blocks(0)))
    assert notes.messages == [f"the cache {shown(cache.root)} cannot be written, so nothing is kept: File too large"]
    assert [path.name for path in cache.root.rglob("*") if path.is_file()] == ["first"]
    assert journal.get("first") is not None, "what was kept before still helps a later run"


@pytest.mark.parametrize("where", ["file/in/the/way", "loop"])
def test_a_folder_that_cannot_be_made(where: str, tmp_path: Path, notes: Notes) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "loop").symlink_to("loop")
    broken = MeasurementCache(tmp_path / where, notes)
    assert broken.find("a") is None and broken.journal("a").get("batch") is None
    broken.journal("a").put("batch", np.arange(4.0))
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
