"""A bank of tiny models that were really measured, with its raw attributions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from provcheck.bank import Bank, load_bank
from provcheck.building import build_bank
from provcheck.measuring import ModelOptions
from provcheck.observer import Silent
from provcheck.studies import StudyOptions
from tests.tiny import save_probes, save_tiny, tiny_probes

SEEDS = 6


@dataclass(frozen=True)
class Measured:
    """The bank, and options that name its probes and its first three models."""

    bank: Bank
    options: StudyOptions


@pytest.fixture(scope="session")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    home = tmp_path_factory.mktemp("measured")
    probes = str(save_probes(home / "tiny", tiny_probes(texts=80)))
    models = [save_tiny(home / f"seed-{n}", seed=n) for n in range(SEEDS)]
    lines = "".join(f"  - {{id: org/{one.name}, path: {one}, family: f, mechanism: from-scratch}}\n" for one in models)
    (home / "bank.yaml").write_text(f"name: tiny\nmodels:\n{lines}", "utf-8")
    options = ModelOptions(probes=probes, cache=False)
    build_bank(Path(home / "bank.yaml"), home / "bank", options, Silent(), raw=True)
    named = StudyOptions(tuple(map(str, models[:3])), None, replace(options, probes=probes))
    return Measured(load_bank(str(home / "bank")), named)
