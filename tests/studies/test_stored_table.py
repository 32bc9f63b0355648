"""The table of studies is what the commands print."""

from __future__ import annotations

from pathlib import Path

import pytest

from provcheck.bank import load_bank
from provcheck.rendering.study_files import TABLE_FILE, studies_table
from provcheck.studies import OWN_BANK, TABLE, StudyOptions, run_study

ROOT = Path(__file__).parent.parent.parent
STORED = (ROOT / "reports" / "studies" / TABLE_FILE).read_text("utf-8")
BANK = "zoo-v2"


def bank_of(name: str) -> str:
    return OWN_BANK.get(name, BANK)


def rows_of(text: str, name: str) -> list[str]:
    return [line for line in text.splitlines() if line.endswith(f"| `provcheck study {name} {bank_of(name)}` |")]


@pytest.mark.parametrize("name", TABLE)
def test_every_study_has_its_rows(name: str) -> None:
    assert rows_of(STORED, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLE)
def test_the_table_is_what_a_study_prints(name: str) -> None:
    found = run_study(name, load_bank(bank_of(name)), StudyOptions(bank_name=bank_of(name)))
    assert studies_table([found]).splitlines()[2:] == rows_of(STORED, name)
