"""Which signals are measured: those that were asked for, what only reads the files first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from provcheck import signals, sketches
from provcheck.errors import IncompatibleError, UsageError
from provcheck.measurement.engine import RunningModel
from provcheck.measuring import ModelOptions, find_comparable, measure_model, read_signals, runs_on
from provcheck.signals import Signal
from provcheck.store import load_measurement, save_measurement
from provcheck.targets import find_target
from provcheck.types import Basis, Measurement, NotMeasured, Sketch
from tests.cached import Notes, entries
from tests.measured import same_bits
from tests.tiny import save_probes, tiny_probes

LEFT_OUT = NotMeasured(not_measured="--signals norms did not ask for it")


@pytest.fixture(autouse=True)
def with_norms(monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal that needs weights only."""
    monkeypatch.setitem(signals.TABLE, "norms", "tests.examples.norms:EmbeddingNorms")


@pytest.fixture
def settings(tmp_path: Path) -> ModelOptions:
    return ModelOptions(probes=str(save_probes(tmp_path / "probes", tiny_probes())))


@pytest.fixture
def norms(settings: ModelOptions) -> ModelOptions:
    return replace(settings, signals=("norms",))


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the signals that were measured, in that order."""
    names: list[str] = []
    really = sketches._measured

    def recorded(signal: Signal, *rest: Any) -> Sketch | NotMeasured:
        names.append(signal.name)
        return really(signal, *rest)

    monkeypatch.setattr(sketches, "_measured", recorded)
    return names


@pytest.fixture
def never_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise AssertionError("the model is run")

    monkeypatch.setattr(RunningModel, "__init__", fail)


def test_order_and_repetition_do_not_matter() -> None:
    assert ModelOptions().asked == tuple(signals.TABLE)
    asked = [ModelOptions(signals=read_signals(text)).asked for text in ("norms,able", " able , norms,able,")]
    assert asked == [("able", "norms")] * 2
    assert read_signals(None) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("able,smell", "there is no signal 'smell'"),
        ("Able", "there is no signal 'Able'; did you mean 'able'?"),
        ("", "no signal is named"),
    ],
)
def test_a_signal_that_there_is_not(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        ModelOptions(signals=read_signals(text))
    assert caught.value.message == message
    assert caught.value.hint == f"the signals are {', '.join(signals.TABLE)}" and caught.value.exit_code == 4


@pytest.mark.usefixtures("never_run")
def test_a_signal_that_needs_only_weights_does_not_run_the_model(tiny_folder: Path, norms: ModelOptions) -> None:
    found = measure_model(str(tiny_folder), norms)
    assert list(found.sketches) == ["norms"] and list(found.signals) == list(signals.TABLE)
    assert all(one == LEFT_OUT for name, one in found.signals.items() if name != "norms")
    assert (found.run.device, found.run.dtype, found.run.was_run) == ("none", "as stored", False)
    assert runs_on(find_target(str(tiny_folder)), norms) == "the model is not run"


def test_what_only_reads_the_files_comes_first(tiny_folder: Path, settings: ModelOptions, measured: list[str]) -> None:
    asked = replace(settings, signals=("norms", "likelihood", "able"))
    found = measure_model(str(tiny_folder), asked)
    assert measured == ["norms", "able", "likelihood"]
    assert list(found.sketches) == ["able", "likelihood", "norms"]
    assert (found.run.where, runs_on(find_target(str(tiny_folder)), asked)) == ("cpu float32", "cpu float32")


@pytest.mark.usefixtures("cache_folder")
def test_each_signal_is_measured_once_however_it_is_asked_for(
    tiny_folder: Path, settings: ModelOptions, norms: ModelOptions, measured: list[str]
) -> None:
    both = replace(settings, signals=("likelihood", "norms"))
    for options in (norms, norms, replace(settings, signals=("likelihood",)), both, replace(norms, dtype="bfloat16")):
        found = measure_model(str(tiny_folder), options)
        assert tuple(found.sketches) == options.asked
        assert found.run.was_run == ("likelihood" in options.asked)
    assert measured == ["norms", "likelihood"], "no device and no dtype matters where nothing is run"


def test_what_ran_is_said_when_only_the_files_are_read_later(
    tiny_folder: Path, settings: ModelOptions, cache_folder: Path, measured: list[str]
) -> None:
    asked = replace(settings, signals=("likelihood", "norms"))
    first = measure_model(str(tiny_folder), asked)
    next(path for path in entries(cache_folder) if "norms" in load_measurement(path).sketches).unlink()
    measured.clear()
    notes = Notes()
    second = measure_model(str(tiny_folder), asked, notes)
    assert measured == ["norms"] and same_bits(first, second) and second.run == first.run
    assert [note for note in notes.messages if note.startswith("measurement of likelihood from the cache")]


@pytest.fixture
def saved(tmp_path: Path, tiny_folder: Path, settings: ModelOptions) -> Path:
    asked = replace(settings, signals=("likelihood", "norms"))
    save_measurement(measure_model(str(tiny_folder), asked), tmp_path / "m.safetensors")
    return tmp_path / "m.safetensors"


def test_of_a_saved_measurement_only_what_is_asked_for_counts(saved: Path, norms: ModelOptions) -> None:
    whole, part = measure_model(str(saved)), measure_model(str(saved), norms)
    assert list(whole.sketches) == ["likelihood", "norms"] and list(part.sketches) == ["norms"]
    assert whole.signals["able"] == NotMeasured(not_measured="--signals likelihood,norms did not ask for it")
    assert part.signals["likelihood"] == LEFT_OUT


def test_only_what_is_asked_for_makes_it_comparable(
    saved: Path, tiny_folder: Path, settings: ModelOptions, norms: ModelOptions
) -> None:
    bases = basis_of(measure_model(str(saved)))
    for model in (saved, tiny_folder):
        assert find_comparable(bases, "bank", str(model), norms)
        with pytest.raises(IncompatibleError, match="no signal in common with 'bank': it has norms, 'bank' has likeli"):
            find_comparable({"likelihood": bases["likelihood"]}, "bank", str(model), norms)
    with pytest.raises(IncompatibleError, match="--signals likelihood,norms did not ask for it"):
        find_comparable({"able": bases["norms"]}, "bank", str(saved), replace(settings, signals=("able",)))


def basis_of(measurement: Measurement) -> dict[str, Basis]:
    return {name: sketch.facts.basis for name, sketch in measurement.sketches.items()}
