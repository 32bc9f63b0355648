"""What a target can give, and why it cannot give the rest."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from provcheck.checkpoint import Checkpoint, NoCheckpoint
from provcheck.errors import IncompatibleError, SubjectNotFound
from provcheck.io import data
from provcheck.measurement import MeasureOptions
from provcheck.measuring import ModelOptions, find_comparable, measure, measure_model, measured
from provcheck.observer import Observer, Silent
from provcheck.signals import TABLE, find_signal
from provcheck.store import save_measurement
from provcheck.targets import DEMO, KINDS, FindOptions, OpenTarget, RunsOn, Target, find_target
from provcheck.targets.local import LocalTarget
from provcheck.targets.resolution import resolve
from provcheck.types import Basis, Capability, LogLikelihood, Measurement, NotMeasured, ProbeSet, Subject
from tests.measured import loglik_nats, same_bits
from tests.tiny import save_probes, tiny_probes


@pytest.fixture
def settings(tmp_path: Path) -> ModelOptions:
    return ModelOptions(probes=str(save_probes(tmp_path / "probes", tiny_probes())))


@pytest.fixture
def saved(tiny_folder: Path, tmp_path: Path, settings: ModelOptions) -> Path:
    path = tmp_path / "saved.safetensors"
    save_measurement(measure_model(str(tiny_folder), settings), path)
    return path


def bases(probes: ProbeSet) -> dict[str, Basis]:
    return {name: find_signal(name).basis(probes) for name in TABLE}


def test_a_full_model_gives_everything(tiny_folder: Path) -> None:
    target = find_target(str(tiny_folder))
    assert [target.lacks(capability) for capability in Capability] == [None] * len(Capability)
    assert target.saved is None
    assert target.identity()
    assert target.runs_on(MeasureOptions("cpu", "bfloat16")) == "cpu bfloat16"


def test_its_tensors_are_those_of_its_files(tiny_folder: Path) -> None:
    opened = find_target(str(tiny_folder)).open(MeasureOptions(), Silent(), NoCheckpoint())
    tensors = opened.tensors()
    expected = load_file(tiny_folder / "model.safetensors")
    assert set(tensors) == set(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(tensors[name], array)
    assert (opened.runs_on().device, opened.runs_on().dtype) == ("none", "as stored"), "the model was not run"
    assert "torch" not in opened.runs_on().versions
    opened.log_likelihoods([])
    assert (opened.runs_on().device, opened.runs_on().dtype) == ("cpu", "float32")
    assert "torch" in opened.runs_on().versions


@pytest.mark.parametrize(("method", "reason"), [("gptq", "quantized (gptq)"), ("bitsandbytes", ""), ("fp8", "")])
def test_weights_that_cannot_be_read_have_a_reason(tiny_folder: Path, tmp_path: Path, method: str, reason: str) -> None:
    folder = copied(tiny_folder, tmp_path / "model", quantization_config={"quant_method": method})
    if method != "fp8":
        save_file({"packed": np.zeros(3, dtype=np.int32)}, folder / "model.safetensors")
    target = LocalTarget(resolve(str(folder)))
    assert reason in (target.lacks(Capability.WEIGHTS) or "")
    assert (target.lacks(Capability.WEIGHTS) is None) is not bool(reason)
    assert target.lacks(Capability.GRADIENTS) is target.lacks(Capability.LOG_PROBABILITIES) is None


def test_the_config_is_that_of_the_text_model(tiny_folder: Path, tmp_path: Path) -> None:
    nested = {"hidden_size": 7, "model_type": "inner"}
    folder = copied(tiny_folder, tmp_path / "model", text_config=nested)
    stated = json.loads((folder / "config.json").read_text())
    opened = find_target(str(folder)).open(MeasureOptions(), Silent(), NoCheckpoint())
    assert opened.config() == nested | stated


def copied(folder: Path, to: Path, **changes: object) -> Path:
    shutil.copytree(folder, to)
    stated = json.loads((to / "config.json").read_text())
    (to / "config.json").write_text(json.dumps({**stated, **changes}))
    return to


def test_the_demo_is_named_so() -> None:
    target = find_target(DEMO)
    assert target.subject.source == "demo"
    assert target.subject.id == data.demo_folder().name


def test_a_saved_measurement_gives_what_it_holds_and_nothing_else(saved: Path, settings: ModelOptions) -> None:
    target = find_target(str(saved))
    assert target.saved is not None
    assert target.saved.subject == target.subject
    assert all("only what was measured then" in (target.lacks(one) or "") for one in Capability)
    assert target.identity() is None
    assert not target.stamps()
    assert not target.environment(MeasureOptions())
    assert target.runs_on(MeasureOptions("cuda")) == "cpu float32", "where it was measured"
    assert measured(target, settings, Silent()) is target.saved
    with pytest.raises(NotImplementedError):
        target.open(MeasureOptions(), Silent(), NoCheckpoint())


def test_only_the_signals_that_are_named_are_measured(tiny_folder: Path, probes: ProbeSet) -> None:
    found = measure(find_target(str(tiny_folder)), probes, signals=["likelihood"])
    assert list(found.signals) == list(found.sketches) == ["likelihood"]


class Service(Target):
    """A target as an endpoint will be: log-probabilities only, and no files."""

    def __init__(self) -> None:
        self.subject = Subject(id="host/model", source="endpoint", weights_digest=None, weight_format=None)

    def lacks(self, capability: Capability) -> str | None:
        return None if capability is Capability.LOG_PROBABILITIES else f"an endpoint gives no {capability.value}"

    def open(self, how: MeasureOptions, observe: Observer, checkpoint: Checkpoint) -> OpenTarget:
        return _OpenService()

    def runs_on(self, how: MeasureOptions) -> str:
        return "a service"


class _OpenService:
    def attributions(self, questions: object) -> list[str]:
        raise AssertionError("asked for what it lacks")

    def log_likelihoods(self, texts: object) -> list[LogLikelihood | str]:
        assert isinstance(texts, list)
        return [*(LogLikelihood(-float(len(text))) for text in texts[1:]), "refused"]

    def tensors(self) -> NoReturn:
        raise AssertionError("asked for what it lacks")

    def config(self) -> NoReturn:
        raise AssertionError("asked for what it lacks")

    def token_ids(self, texts: object) -> NoReturn:
        raise AssertionError("asked for what it lacks")

    def runs_on(self) -> RunsOn:
        return RunsOn("a service", "unknown")


def find_service(model: str, _options: FindOptions) -> Target | None:
    return Service() if model == "service" else None


@pytest.fixture
def _with_service(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = {"service": f"{__name__}:find_service", **KINDS}
    monkeypatch.setattr("provcheck.targets.KINDS", kinds)


@pytest.fixture
def served(_with_service: None, settings: ModelOptions) -> Measurement:
    return measure_model("service", settings)


def test_a_new_kind_of_target_is_one_line_in_the_table(served: Measurement, cache_folder: Path) -> None:
    assert served.signals["able"] == NotMeasured(not_measured="an endpoint gives no gradients")
    assert np.isnan(loglik_nats(served)[-1])
    assert served.sketches["likelihood"].facts.coverage.left_out == {"refused": 1}
    assert (served.run.device, served.run.dtype, served.run.versions) == ("a service", "unknown", {})
    assert not cache_folder.exists(), "nobody knows what it will say tomorrow"


def test_what_was_not_measured_is_kept_in_its_file(served: Measurement, tmp_path: Path) -> None:
    save_measurement(served, tmp_path / "service.safetensors")
    again = find_target(str(tmp_path / "service.safetensors")).saved
    assert again is not None
    assert again.facts == served.facts
    assert same_bits(again, served)


@pytest.mark.usefixtures("_with_service")
def test_a_target_must_give_one_signal_of_the_bank(
    tiny_folder: Path, saved: Path, probes: ProbeSet, settings: ModelOptions
) -> None:
    known = bases(probes)
    only = {"able": known["able"]}
    for model in (str(tiny_folder), str(saved), "service"):
        assert find_comparable(known, "bank", model, settings).subject.id
    for model in (str(tiny_folder), str(saved)):
        assert find_comparable(only, "bank", model, settings).subject.id
    with pytest.raises(IncompatibleError, match="'bank': an endpoint gives no gradients"):
        find_comparable(only, "bank", "service", settings)


def test_what_cannot_be_compared_is_refused_before_it_is_looked_for(
    saved: Path, probes: ProbeSet, settings: ModelOptions
) -> None:
    other = {name: basis.model_copy(update={"material": "0" * 64}) for name, basis in bases(probes).items()}
    for model in ("org/nowhere", str(saved)):
        with pytest.raises(IncompatibleError, match="cannot be compared with 'bank'"):
            find_comparable(other, "bank", model, settings)
    with pytest.raises(SubjectNotFound):
        find_comparable(bases(probes), "bank", "./nowhere", settings)
