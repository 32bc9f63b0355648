"""Measuring the same model again: looked up when nothing changed, continued when it was killed, else measured."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from provcheck.checkpoint import FileCheckpoint
from provcheck.errors import BrokenModel
from provcheck.measurement.engine import RunningModel
from provcheck.measuring import ModelOptions, measure_model
from provcheck.signals import TABLE
from provcheck.store import load_measurement
from provcheck.types import Floats
from tests.cached import Notes, change_weights, entries, flip
from tests.measured import same_bits
from tests.tiny import save_probes, tiny_probes


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def model(tiny_folder: Path, tmp_path: Path) -> Path:
    """A model that a test may change."""
    return shutil.copytree(tiny_folder, tmp_path / "model")


@pytest.fixture
def settings(tmp_path: Path) -> ModelOptions:
    return ModelOptions(probes=str(save_probes(tmp_path / "probes", tiny_probes())))


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the batches that were computed."""
    names: list[str] = []
    put = FileCheckpoint.put

    def counting(checkpoint: FileCheckpoint, key: str, array: Floats) -> None:
        names.append(key)
        put(checkpoint, key, array)

    monkeypatch.setattr(FileCheckpoint, "put", counting)
    return names


def test_a_second_measurement_is_a_look_up(
    model: Path, settings: ModelOptions, notes: Notes, computed: list[str]
) -> None:
    first = measure_model(str(model), settings)
    assert computed
    computed.clear()
    (model / "README.md").write_text("---\nlicense: mit\n---\n", "utf-8")
    renamed = model.rename(model.parent / "renamed")
    second = measure_model(str(renamed), settings, notes)
    assert not computed and same_bits(first, second) and second.facts == first.facts
    assert (first.subject.id, second.subject.id, second.subject.license) == ("model", "renamed", "mit")
    assert notes.messages == [f"measurement from the cache, made on {first.facts.measured_at:%Y-%m-%d %H:%M} UTC"]


def test_probes_of_another_name_and_the_same_content(model: Path, settings: ModelOptions, computed: list[str]) -> None:
    measure_model(str(model), settings)
    computed.clear()
    moved = Path(settings.probes).rename(model.parent / "moved")
    assert measure_model(str(model), replace(settings, probes=str(moved))).facts.probes == "moved"
    assert not computed


def test_weights_that_changed_in_place_are_measured(model: Path, settings: ModelOptions, computed: list[str]) -> None:
    first = measure_model(str(model), settings)
    computed.clear()
    change_weights(model)
    second = measure_model(str(model), settings)
    assert computed and not same_bits(first, second)


def test_another_dtype_is_measured(model: Path, settings: ModelOptions, computed: list[str]) -> None:
    measure_model(str(model), settings)
    computed.clear()
    assert measure_model(str(model), replace(settings, dtype="bfloat16")).facts.dtype == "bfloat16"
    assert computed
    computed.clear()
    assert measure_model(str(model), replace(settings, dtype="float32", device="cpu")).facts.dtype == "float32"
    assert not computed, "that is what auto means here"


def test_a_broken_entry_is_measured_again(
    model: Path, settings: ModelOptions, cache_folder: Path, notes: Notes, computed: list[str]
) -> None:
    first = measure_model(str(model), settings)
    assert len(entries(cache_folder)) == len(TABLE)
    for entry in entries(cache_folder):
        flip(entry, -1)
    computed.clear()
    assert same_bits(measure_model(str(model), settings, notes), first)
    assert computed and len(notes.messages) == len(TABLE)
    assert all("cannot be trusted" in message for message in notes.messages)
    computed.clear()
    measure_model(str(model), settings)
    assert not computed


def test_without_the_cache_nothing_is_read_or_written(
    model: Path, settings: ModelOptions, cache_folder: Path, computed: list[str]
) -> None:
    measure_model(str(model), replace(settings, cache=False))
    assert not cache_folder.exists() and not computed
    measure_model(str(model), settings)
    change = [entry.stat().st_mtime_ns for entry in entries(cache_folder)]
    notes = Notes()
    measure_model(str(model), replace(settings, cache=False), notes)
    assert not notes.messages and [entry.stat().st_mtime_ns for entry in entries(cache_folder)] == change


def test_a_signal_whose_entry_is_gone_is_measured_alone(
    model: Path, settings: ModelOptions, cache_folder: Path, notes: Notes, computed: list[str]
) -> None:
    """As when a signal is new, or has a new version: the entries of the others stay valid."""
    first = measure_model(str(model), settings)
    gone = next(path for path in entries(cache_folder) if "likelihood" in load_measurement(path).sketches)
    gone.unlink()
    computed.clear()
    second = measure_model(str(model), settings, notes)
    assert same_bits(first, second) and second.facts.signals.keys() == first.facts.signals.keys()
    assert second.facts.signals["able"] == first.facts.signals["able"]
    assert computed and {name.rpartition("-")[0] for name in computed} == {"log-likelihood"}
    others = ", ".join(name for name in TABLE if name != "likelihood")
    (note,) = notes.messages
    assert note.startswith(f"measurement of {others} from the cache, made on ")
    assert len(entries(cache_folder)) == len(TABLE)


def test_files_that_change_while_they_are_measured(
    model: Path, settings: ModelOptions, cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attributions = RunningModel.attributions

    def meddle(running: RunningModel, *questions: Any) -> Any:
        found = attributions(running, *questions)
        (model / "config.json").write_bytes((model / "config.json").read_bytes() + b"\n")
        return found

    monkeypatch.setattr(RunningModel, "attributions", meddle)
    with pytest.raises(BrokenModel, match="the files of 'model' changed while they were measured"):
        measure_model(str(model), settings)
    assert not [path for path in cache_folder.rglob("*") if path.is_file()]


def test_a_measurement_survives_a_full_disk(
    tiny_folder: Path, settings: ModelOptions, cache_folder: Path, notes: Notes
) -> None:
    cache_folder.mkdir()
    tmpfs = ["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", str(cache_folder)]
    if os.geteuid() != 0 or subprocess.run(tmpfs, check=False, capture_output=True).returncode != 0:
        pytest.skip("no small disk can be mounted here")
    try:
        measurement = measure_model(str(tiny_folder), settings, notes)
        assert f"nothing is kept: {os.strerror(errno.ENOSPC)}" in notes.messages[0] and len(notes.messages) == 1
        assert not list(cache_folder.rglob("*.safetensors"))
    finally:
        subprocess.run(["umount", str(cache_folder)], check=True)
    assert same_bits(measurement, measure_model(str(tiny_folder), replace(settings, cache=False)))
