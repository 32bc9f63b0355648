"""A store behind the cache: what one machine measured no other measures again; nothing in it is taken on trust."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from provcheck import shared_store
from provcheck.cache import MeasurementCache
from provcheck.cli import run
from provcheck.errors import OutputError, UsageError
from provcheck.io.retries import Patience
from provcheck.measuring import ModelOptions, for_workers, measure_model
from provcheck.shared_store import SharedStore
from provcheck.store import load_measurement, measurement_digest, unpacked
from provcheck.types import Measurement
from tests.cached import Notes, entries, flip
from tests.engines.banks import Zoo, content, make_zoo
from tests.shared import Cloud
from tests.synthetic import make_complete

KEY = "ab" * 32
NAME = f"measurements/{KEY}.safetensors"
GONE = ConnectionError("the network is gone")


class Refused(Exception):
    """As the library of some service would say it."""


@pytest.fixture(autouse=True)
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Cloud]]:
    fsspec.register_implementation("cloud", Cloud, clobber=True)
    monkeypatch.setattr(shared_store, "PATIENCE", Patience(tries=4, first_seconds=0.001))
    Cloud.reset()
    yield Cloud
    Cloud.reset()


@pytest.fixture(params=["folder", "cloud"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> SharedStore:
    return SharedStore(str(tmp_path / "store") if request.param == "folder" else "cloud://bucket/store")


def cache(folder: Path, store: SharedStore, notes: Notes | None = None) -> MeasurementCache:
    """That of one machine."""
    return MeasurementCache(folder, notes or Notes(), store)


def read(cache: MeasurementCache) -> Measurement:
    """What it finds."""
    found = cache.find(KEY)
    assert found
    return found


def test_what_one_machine_measured_another_finds_and_keeps(store: SharedStore, tmp_path: Path) -> None:
    found = make_complete("org/model", 0)
    assert cache(tmp_path / "one", store).store(KEY, found)
    other = cache(tmp_path / "two", store)
    assert measurement_digest(read(other)) == measurement_digest(found)
    (kept,) = entries(tmp_path / "two")
    assert kept.read_bytes() == entries(tmp_path / "one")[0].read_bytes() == store.read(NAME, 10**9)
    assert other.find("cd" * 32) is None


def test_what_is_here_only_is_put_into_the_store(store: SharedStore, tmp_path: Path) -> None:
    assert MeasurementCache(tmp_path / "one", Notes()).store(KEY, make_complete("org/model", 0))
    assert cache(tmp_path / "one", store).find(KEY)
    assert store.has(NAME)


@pytest.mark.parametrize("damage", ["half", "changed", "another file", "too large"])
def test_a_damaged_entry_is_never_used(
    damage: str, store: SharedStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = cache(tmp_path / "one", store)
    one.store(KEY, make_complete("org/model", 0))
    (entry,) = entries(tmp_path / "one")
    whole = entry.read_bytes()
    flip(entry, len(whole) - 9)
    if damage == "too large":
        monkeypatch.setattr("provcheck.store.MAX_BYTES", len(whole) - 1)
    changed = {"half": whole[: len(whole) // 2], "changed": entry.read_bytes(), "another file": b"{}"}
    store.write(NAME, changed.get(damage, whole))
    notes = Notes()
    two = cache(tmp_path / "two", store, notes)
    assert two.find(KEY) is None and not entries(tmp_path / "two")
    assert len(notes.messages) == 1 and f"a measurement in the store {store.name} is not used" in notes.messages[0]
    if damage != "too large":
        two.store(KEY, make_complete("org/model", 0))
        assert unpacked(store.read(NAME, 10**9) or b""), "and is replaced by what was measured anew"


@pytest.mark.parametrize("failure", [GONE, Refused("503 slow down"), TimeoutError()])
def test_what_fails_for_a_moment_is_tried_again(failure: Exception, tmp_path: Path, cloud: type[Cloud]) -> None:
    store, notes = SharedStore("cloud://bucket"), Notes()
    cloud.failures[:] = [failure] * 3
    assert cache(tmp_path / "one", store, notes).store(KEY, make_complete("org/model", 0))
    cloud.failures[:] = [failure] * 3
    assert cache(tmp_path / "two", store, notes).find(KEY)
    assert notes.messages == [] and len(cloud.requests) == 8


def test_a_store_that_is_gone_costs_nothing_that_is_here(tmp_path: Path, cloud: type[Cloud]) -> None:
    """It is said once, and soon no longer waited for."""
    store, notes = SharedStore("cloud://bucket"), Notes()
    one = cache(tmp_path / "one", store, notes)
    cloud.failures[:] = [GONE] * 99
    for key in (KEY, "cd" * 32):
        assert one.find(key) is None
        assert one.store(key, make_complete("org/model", 0))
        assert one.find(key)
    assert len(notes.messages) == 2 and len(cloud.requests) == 4 + 5
    assert "cannot be read, so what it may hold is measured anew: the network is gone" in notes.messages[0]
    assert "cannot be written, so what is measured is kept here only: the network is gone" in notes.messages[1]
    cloud.failures.clear()
    assert one.find(KEY) and store.has(NAME), "and later it gets what it missed"


@pytest.mark.parametrize(
    ("failure", "tries", "said"),
    [(GONE, 4, "the network is gone"), (PermissionError(13, "Permission denied"), 1, "Permission denied")],
)
def test_a_store_that_cannot_be_used_is_an_error_before_the_work(
    failure: Exception, tries: int, said: str, cloud: type[Cloud]
) -> None:
    cloud.failures[:] = [failure] * 9
    with pytest.raises(OutputError, match=f"the store cloud://bucket cannot be used.*: {said}"):
        for_workers(ModelOptions(store="cloud://user:secret@bucket"))
    assert len(cloud.requests) == tries


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "no place"),
        ("s3:/bucket", "no place"),
        ("simplecache::cloud://bucket", "no place"),
        ("s3://bucket", "needs a package that is not here: Install s3fs"),
        ("nonsense://bucket", "Protocol not known: nonsense"),
    ],
)
def test_what_is_no_store(url: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        SharedStore(url)


def test_options_that_contradict_it() -> None:
    with pytest.raises(UsageError, match="--no-cache"):
        ModelOptions(store="folder", cache=False)
    with pytest.raises(UsageError, match="--offline never touches"):
        for_workers(ModelOptions(store="cloud://bucket", offline=True))


def test_a_folder_is_the_same_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    url = for_workers(ModelOptions(store="here/store", offline=True)).store
    assert url == f"file://{tmp_path}/here/store"
    assert SharedStore(url).read("README.txt", 1000) and SharedStore(url).url == url


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    return make_zoo(tmp_path_factory.mktemp("zoo"), 3)


def test_another_machine_builds_the_bank_without_measuring(
    zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store = ["--store", str(tmp_path / "store")]
    for place in ("one", "two"):
        monkeypatch.setenv("PROVCHECK_CACHE", str(tmp_path / f"cache-{place}"))
        assert run(zoo.build(tmp_path / place, *store)) == 1
    assert content(tmp_path / "two") == content(tmp_path / "one")
    assert capsys.readouterr().out.count("measurement from the cache") == 3
    assert len(entries(tmp_path / "store")) == 3


def test_a_build_into_no_store_ends_at_once(zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_bytes(b"")
    audit = ["audit", "--many", str(zoo.manifest), "--out", str(tmp_path / "out")]
    for command in (zoo.build(tmp_path / "bank"), audit):
        assert run([*command, "--store", str(tmp_path / "file")]) == 4
        assert "cannot be used, so nothing would be kept in it: File exists" in capsys.readouterr().err
    assert not (tmp_path / "bank").exists()


def test_a_store_in_the_bank_would_be_lost(zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(zoo.build(tmp_path / "bank", "--store", str(tmp_path / "bank" / "store"))) == 4
    assert "bank, and would be removed" in capsys.readouterr().err
    assert not (tmp_path / "bank").exists()


def test_a_single_model_goes_by_it_too(zoo: Zoo, tmp_path: Path) -> None:
    options = ModelOptions(probes=str(zoo.probes), signals=("weights",), store=str(tmp_path / "store"))
    found = measure_model(zoo.home / "seed-0", options)
    (entry,) = entries(tmp_path / "store")
    assert load_measurement(entry).sketches.keys() == found.sketches.keys() == {"weights"}
