"""A signal that production code has never heard of: through every room, with one line in the table of signals."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from safetensors.numpy import load_file

from provcheck import signals
from provcheck.bank import Bank, load_bank
from provcheck.cli import run
from provcheck.comparison import compare
from provcheck.rendering import FORMATS
from provcheck.report_file import read_report
from provcheck.signals import features_of
from provcheck.store import load_measurement
from provcheck.types import Measurement, NotMeasured, Relation, SignalFacts, Sketch
from provcheck.verdict.calibration import RELATED
from provcheck.verdict.fitting import READS, calibrate
from provcheck.verdict.judge import CalibratedJudge
from provcheck.verdict.panels import FILE, load_calibrations
from tests.examples.norms import QUANTILES, NormValues
from tests.tiny import save_probes, save_tiny, tiny_probes
from tests.verdict.zoo import Model, make_zoo, zoo_models

LINE = {"norms": "tests.examples.norms:EmbeddingNorms"}
SEEDS = range(4)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny models and probes; nothing is measured yet."""
    folder = tmp_path_factory.mktemp("norms")
    for seed in SEEDS:
        save_tiny(folder / f"seed-{seed}", seed=seed)
    save_probes(folder / "probes", tiny_probes(texts=40))
    models = [{"id": f"org/{seed}", "path": f"seed-{seed}", "family": f"f{seed}"} for seed in SEEDS]
    (folder / "bank.yaml").write_text(yaml.safe_dump({"name": "tiny", "models": models}), "utf-8")
    return folder


@pytest.fixture
def with_norms(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one line that a new signal needs."""
    monkeypatch.setattr(signals, "TABLE", signals.TABLE)
    for name, place in LINE.items():
        monkeypatch.setitem(signals.TABLE, name, place)


def provcheck(home: Path, command: str, *arguments: str) -> int:
    return run([*command.split(), *arguments, "--probes", str(home / "probes")])


def audited(home: Path, out: Path, *options: str) -> int:
    """Audit the first model by a bank of all four."""
    if not (home / "bank").exists():
        assert provcheck(home, "bank build", str(home / "bank.yaml"), "--out", str(home / "bank")) == 0
    bank = ["--bank", str(home / "bank"), "--out", str(out)]
    return provcheck(home, "audit", str(home / "seed-0"), *bank, *options)


@pytest.mark.usefixtures("with_norms")
def test_it_is_measured_and_kept(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "m.safetensors"
    assert provcheck(home, "measure", str(home / "seed-1"), "-o", str(file)) == 0
    assert load_file(file)["norm_quantiles"].shape == (QUANTILES,)
    sketch = load_measurement(file).sketches["norms"]
    assert (sketch.facts.version, sketch.facts.material, sketch.facts.coverage.unit) == ("norms/1", None, "row")


@pytest.mark.usefixtures("with_norms")
def test_it_is_banked_compared_and_shown_in_every_format(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audited(home, tmp_path, "--format", "all", "--claimed-base", "org/0", "-v") == 0
    assert {"norm", "ratio"} <= set(capsys.readouterr().out.split()), "a heading may take two lines"
    assert set(load_file(home / "bank" / "norms.safetensors")) == {"norm_quantiles"}
    found = json.loads((tmp_path / "report.json").read_text("utf-8"))
    values = {one["reference"]: one["signals"]["norms"]["log_ratio"] for one in found["comparisons"]}
    assert values["org/0"] == 0 and min(value for name, value in values.items() if name != "org/0") > 0
    assert found["measurement"]["signals"]["norms"]["coverage"]["unit"] == "row"
    for name, words in {
        "html": ("Lengths of the word vectors", "norm ratio", "norms/1", "How differently long the word vectors"),
        "markdown": ("norm ratio",),
        "sarif": ("log_ratio",),
        "cyclonedx": ("norms.log_ratio",),
    }.items():
        text = (tmp_path / FORMATS[name].file_name).read_text("utf-8")
        assert not [word for word in words if word not in text], name
    assert read_report(tmp_path / "report.json").comparisons[0].signals["norms"] == NormValues(log_ratio=0)


@pytest.mark.usefixtures("with_norms")
def test_the_report_repeats_and_a_forged_value_does_not(home: Path, tmp_path: Path) -> None:
    assert audited(home, tmp_path, "--format", "json") == 0
    report = tmp_path / "report.json"
    again = ["--bank", str(home / "bank")]
    assert provcheck(home, "report verify", str(report), str(home / "seed-0"), *again) == 0
    forged = read_report(report)
    first = forged.comparisons[0]
    changed = first.model_copy(update={"signals": {**first.signals, "norms": NormValues(log_ratio=0.5)}})
    forged = forged.model_copy(update={"comparisons": (changed, *forged.comparisons[1:])}).with_digest()
    report.write_text(json.dumps(forged.model_dump(mode="json"), indent=2) + "\n", "utf-8")
    assert provcheck(home, "report verify", str(report), str(home / "seed-0"), *again) == 1


@pytest.mark.usefixtures("with_norms")
def test_two_models_head_to_head(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert provcheck(home, "compare", str(home / "seed-0"), str(home / "seed-1")) == 0
    assert "norm ratio" in capsys.readouterr().out


def test_what_was_measured_before_it_existed_stays_usable(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An old measurement and an old bank: the other signals as ever, the new one not measured, with the reason."""
    file, bank = tmp_path / "old.safetensors", tmp_path / "old-bank"
    assert provcheck(home, "measure", str(home / "seed-1"), "-o", str(file)) == 0
    assert provcheck(home, "bank build", str(home / "bank.yaml"), "--out", str(bank)) == 0
    monkeypatch.setitem(signals.TABLE, *next(iter(LINE.items())))
    capsys.readouterr()
    assert provcheck(home, "measure", str(home / "seed-1"), "-o", str(tmp_path / "new.safetensors")) == 0
    assert "measurement of able, likelihood, weights from the cache" in capsys.readouterr().out
    options = ["--bank", str(bank), "--format", "json", "--out"]
    for subject, why in ((file, "the measurement"), (tmp_path / "new.safetensors", "'tiny' holds none")):
        assert provcheck(home, "audit", str(subject), *options, str(tmp_path / "out")) == 0
        first = read_report(tmp_path / "out" / "report.json").comparisons[0]
        missing = first.signals["norms"]
        assert isinstance(missing, NotMeasured) and why in missing.not_measured
        assert first.reference == "org/1" and set(features_of(first)) >= {"able.contrast_distance"}


@pytest.fixture(scope="module")
def zoo_models_with_norms() -> list[Model]:
    return [(reference, add_norms(measurement)) for reference, measurement in zoo_models()]


def add_norms(measurement: Measurement) -> Measurement:
    """Quantiles that are alike where the attributions are."""
    blocks = next(iter(measurement.sketches["able"].arrays.values()))
    quantiles = np.exp(blocks.reshape(-1)[:QUANTILES] / 10).astype(np.float32)
    facts = measurement.sketches["able"].facts
    made = SignalFacts(version="norms/1", material=None, coverage=facts.coverage.model_copy(update={"unit": "row"}))
    return replace(
        measurement, signals={**measurement.signals, "norms": Sketch(made, {"norm_quantiles": quantiles}, {})}
    )


@pytest.mark.usefixtures("with_norms")
def test_a_judge_reads_it_by_the_name_in_its_file(zoo_models_with_norms: list[Model], tmp_path: Path) -> None:
    bank = make_zoo(tmp_path / "zoo", zoo_models_with_norms)
    reads = {**READS, RELATED: ("able.contrast_distance", "norms.log_ratio")}
    (bank.folder / FILE).write_bytes(calibrate(bank, reads=reads).save())
    found = load_calibrations(bank.folder / FILE)
    assert found.largest.facts.features[:2] == ("able.contrast_distance", "norms.log_ratio")
    assert found.largest.signals == ("able", "likelihood", "norms") and found.fits(bank)
    judge = CalibratedJudge(found, len(bank.references), 0.01)
    _, subject = next(one for one in zoo_models_with_norms if one[0].id == "org/root-3-tune")
    judged = {one.reference: one for one in judge.judge(compare(subject, bank), signals.TABLE)}
    assert judged["org/root-3"].relation is Relation.DERIVED
    assert not [one for name, one in judged.items() if one.relation.related and not name.startswith("org/root-3")]
    said = " ".join(judge.explain(judged["org/root-3"]))
    assert "word vectors" in said and "scores it above every one" in said
    [panel] = judge.facts(list(judged.values())).panels
    assert set(panel.null) == {"able.contrast_distance", "norms.log_ratio"}
    assert moved(bank, judge, subject) != judged["org/root-3"].score


def moved(bank: Bank, judge: CalibratedJudge, subject: Measurement) -> float | None:
    """The score when only the new signal says otherwise."""
    sketch = subject.sketches["norms"]
    other = replace(sketch, arrays={"norm_quantiles": sketch.arrays["norm_quantiles"] * 3})
    subject = replace(subject, signals={**subject.signals, "norms": other})
    return {one.reference: one.score for one in judge.judge(compare(subject, bank), signals.TABLE)}["org/root-3"]


@pytest.mark.usefixtures("with_norms")
def test_a_bank_without_it_is_read_as_before(tmp_path: Path) -> None:
    bank = make_zoo(tmp_path / "zoo")
    assert set(load_bank(str(bank.folder)).stacks) == {"able", "likelihood"}
