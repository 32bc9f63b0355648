from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from provcheck.bank import Bank, load_bank
from provcheck.bank.saving import add_file
from provcheck.errors import StudyError
from provcheck.studies import StudyOptions, run_study
from provcheck.studies import routing as module
from provcheck.studies.statistics import Estimate
from provcheck.studies.tables import ANSWERS
from provcheck.types import Finding, Floats, Study
from tests.studies.banks import family
from tests.synthetic import PROBES, write_bank

TOPICS = {"cats": "the cat and her kitten sleep", "ships": "a ship sails with sailors aboard"}


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    models = [model for n in range(5) for model in family(f"org/root-{n}", n, {"fine-tune": 2.0})]
    return write_bank(tmp_path_factory.mktemp("routing") / "bank", models)


def options(folder: Path, bank: Bank, *, lines: int = 60) -> StudyOptions:
    """Every second reference knows cats, the others ships; the questions say which they are about."""
    rows = [
        f"{one.id},{TOPICS[topic]} {number},{int((at % 2 == 0) == (topic == 'cats'))}\n"
        for at, one in enumerate(bank.references)
        for number in range(lines // 2)
        for topic in TOPICS
    ]
    path = folder / "correct.csv"
    path.write_text("id,question,correct\n" + "".join(rows), encoding="utf-8")
    return StudyOptions(csv=path)


@pytest.fixture
def study(bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.setattr(module, "probes_of", lambda _bank, _options: PROBES)
    return run_study("routing", bank, options(tmp_path, bank))


def accuracy(study: Study, way: str, setting: str = module.KNOWN) -> Finding:
    return next(one for one in study.findings if one.name == f"accuracy, {module.SAID[way]}, {setting}")


def test_routers_learn_who_knows_what_and_no_single_model_does(study: Study) -> None:
    assert accuracy(study, "oracle").value == 1
    assert accuracy(study, "chance").value == pytest.approx(0.5)
    assert (accuracy(study, "single").value or 1) < 0.65
    assert (accuracy(study, "nearest").value or 0) > 0.95
    assert (accuracy(study, "classifier").value or 0) > 0.95
    assert all(one.ci95 for one in study.findings)


def test_labels_of_items_left_out_are_not_read() -> None:
    stream = np.random.default_rng(0)
    correct = (stream.random((10, 60)) < 0.5).astype(np.float64)
    able = stream.standard_normal((10, 20))
    able /= np.linalg.norm(able, axis=1, keepdims=True)
    texts = tuple(f"word{n % 7} word{n % 5}" for n in range(60))
    choices = []
    for labels in (correct, np.where(np.arange(60) % 2, 1 - correct, correct)):
        material = module.Material(labels, texts, able, np.arange(10), about="")
        out, known = np.flatnonzero(np.arange(60) % 2), np.flatnonzero(np.arange(60) % 2 == 0)
        chosen: dict[str, Floats] = {}
        module._route(chosen, material, module.embed(texts, known), out, known, np.arange(10), np.arange(10))
        choices.append({way: found[out] for way, found in chosen.items()})
    for way in ("single", "nearest", "classifier"):
        assert np.array_equal(choices[0][way], 1 - choices[1][way])


def test_a_bank_may_hold_the_answers_of_its_models(bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "probes_of", lambda _bank, _options: PROBES)
    with pytest.raises(StudyError, match="no answers of its models"):
        run_study("routing", bank)
    table = options(tmp_path, bank)
    assert table.csv
    own = shutil.copytree(bank.folder, tmp_path / "own")
    add_file(load_bank(str(own)), ANSWERS, table.csv.read_bytes())
    found = run_study("routing", load_bank(str(own)))
    assert found.findings == run_study("routing", bank, table).findings
    assert "the bank's answers.csv" in found.limits[0]


def test_models_that_guess_are_said_to_guess() -> None:
    questions = PROBES.questions
    found = {way: Estimate(0.29, 0.25, 0.33, 80) for way in module.SAID}
    guess = module._guess(questions, [one.id for one in questions])
    assert guess == pytest.approx(float(np.mean([1 / len(one.options) for one in questions])))
    assert "guesses is right on 0.283" in module._why(module.KNOWN, found, 0.2833)
    assert "guess" not in module._why(module.KNOWN, found, 0.1)
    assert module._guess(questions, ["another"]) is None


def test_too_few_questions_are_an_error(bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "probes_of", lambda _bank, _options: PROBES)
    with pytest.raises(StudyError, match="6 and 40 are needed"):
        run_study("routing", bank, options(tmp_path, bank, lines=10))
