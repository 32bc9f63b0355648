from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from provcheck.bank import Bank, load_bank
from provcheck.bank.saving import add_file
from provcheck.errors import StudyError
from provcheck.studies import StudyOptions, run_study
from provcheck.studies import scores as module
from provcheck.studies.material import likelihoods_of
from provcheck.studies.tables import SCORES
from provcheck.types import ProbeSet, Study
from tests.studies.banks import family
from tests.synthetic import PROBES, make_bank, write_bank

KINDS = {"fine-tune": 2.0, "quantize": 0.5, "prune": 1.0}


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    models = [model for n in range(8) for model in family(f"org/root-{n}", n, KINDS)]
    return write_bank(tmp_path_factory.mktemp("scores") / "bank", models)


@pytest.fixture(autouse=True)
def synthetic_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    def probes(_bank: Bank, _options: StudyOptions) -> ProbeSet:
        return PROBES

    monkeypatch.setattr(module, "probes_of", probes)


def table(folder: Path, bank: Bank, score: dict[str, float]) -> StudyOptions:
    path = folder / "scores.csv"
    lines = "".join(f"{one.id},arc,{score[one.family]}\n" for one in bank.references)
    path.write_text(f"id,task,score\n{lines}", encoding="utf-8")
    return StudyOptions(csv=path)


def values(study: Study, way: str) -> list[float]:
    return [one.value for one in study.findings if one.name.endswith(way) and one.value is not None]


def test_scores_of_families_are_read_off_near_copies_but_not_off_other_families(bank: Bank, tmp_path: Path) -> None:
    study = run_study("scores", bank, table(tmp_path, bank, {f"org/root-{n}": float(n * 5 % 8) for n in range(8)}))
    easy, hard = (values(study, way) for way in ("leave-one-out", "leave-family-out"))
    assert min(easy) > 0.6
    assert np.mean(hard) < 0.5 < np.mean(easy)
    assert all(one.ci95 and "p = " in one.note for one in study.findings)


def test_without_a_table_domains_of_the_texts_are_the_tasks(bank: Bank) -> None:
    study = run_study("scores", bank)
    assert {row[0] for row in study.tables[0].rows} == {"d"}
    assert "no benchmark scores" in study.limits[0]


def test_a_bank_may_hold_scores(bank: Bank, tmp_path: Path) -> None:
    chosen = table(tmp_path, bank, {f"org/root-{n}": float(n) for n in range(8)})
    assert chosen.csv
    own = shutil.copytree(bank.folder, tmp_path / "own")
    add_file(load_bank(str(own)), SCORES, chosen.csv.read_bytes())
    found = run_study("scores", load_bank(str(own)))
    assert found.findings == run_study("scores", bank, chosen).findings
    assert "the bank's scores.csv" in found.limits[0]


def test_held_out_texts_are_not_in_the_coordinates(bank: Bank) -> None:
    known = likelihoods_of(bank)
    moved = replace(known, nats=known.nats + np.where(np.arange(known.nats.shape[1]) % 2, 5.0, 0.0))
    texts = np.flatnonzero(np.arange(known.nats.shape[1]) % 2 == 0)
    _, before = module._coordinates(bank, known, known.rows, texts)
    _, after = module._coordinates(bank, moved, known.rows, texts)
    assert np.array_equal(before["log-likelihoods"], after["log-likelihoods"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,score\na,1\n", "lacks columns"),
        ("id,task,score\norg/root-0,arc,good\n", "line 2: score is no number"),
        ("id,task,score\nsomebody/else,arc,1\n", "no line for a reference"),
    ],
)
def test_a_bad_table_says_what_is_wrong(bank: Bank, tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "scores.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(StudyError, match=message):
        run_study("scores", bank, StudyOptions(csv=path))


def test_too_few_models_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="12 models"):
        run_study("scores", make_bank(tmp_path / "bank"))
