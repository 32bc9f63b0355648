"""Measuring the same model again: looked up when nothing changed, continued when it was killed, else measured."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from provcheck.cache import FileJournal
from provcheck.errors import BrokenModel
from provcheck.measurement import measure
from provcheck.source import ModelOptions, measure_model
from provcheck.types import Floats, Loadable, Measurement
from tests.cached import Notes, change_weights, flip, same_bits, the_entry
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
    put = FileJournal.put

    def counting(journal: FileJournal, key: str, array: Floats) -> None:
        names.append(key)
        put(journal, key, array)

    monkeypatch.setattr(FileJournal, "put", counting)
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
    flip(the_entry(cache_folder), -1)
    computed.clear()
    assert same_bits(measure_model(str(model), settings, notes), first)
    assert computed and len(notes.messages) == 1
    computed.clear()
    measure_model(str(model), settings)
    assert not computed


def test_without_the_cache_nothing_is_read_or_written(
    model: Path, settings: ModelOptions, cache_folder: Path, computed: list[str]
) -> None:
    measure_model(str(model), replace(settings, cache=False))
    assert not cache_folder.exists() and not computed
    measure_model(str(model), settings)
    change = the_entry(cache_folder).stat().st_mtime_ns
    notes = Notes()
    measure_model(str(model), replace(settings, cache=False), notes)
    assert not notes.messages and the_entry(cache_folder).stat().st_mtime_ns == change


def test_files_that_change_while_they_are_measured(
    model: Path, settings: ModelOptions, cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meddle(found: Loadable, *rest: object) -> Measurement:
        measurement = measure(found, *rest)  # type: ignore[arg-type]
        (model / "config.json").write_bytes((model / "config.json").read_bytes() + b"\n")
        return measurement

    monkeypatch.setattr("provcheck.measurement.measure", meddle)
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
