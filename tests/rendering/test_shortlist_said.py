"""Of a large bank, every format that people read says how much was compared in full, and what that may miss."""

from __future__ import annotations

import pytest

from provcheck.rendering import FORMATS
from provcheck.types import Report, Shortlist
from provcheck.wording import shortlisted
from tests.rendering.factory import make_report
from tests.rendering.readers import read_terminal

FOUND = Shortlist(compared=187, listed=9813, lists=("ABLE distance", "fingerprints of weights", "neurons as stored"))
SAID = (
    "Of the 10,000 references of the bank, 187 were compared in full: the likeliest relatives by ABLE distance, "
    "fingerprints of weights and neurons as stored, and those that were named. The other 9,813 come behind these in "
    "every list, and were not compared in full: a relative that is far in every list is missed."
)


@pytest.fixture
def report() -> Report:
    made = make_report()
    return made.model_copy(update={"bank": made.bank.model_copy(update={"references": 10_000, "shortlist": FOUND})})


def test_the_sentence() -> None:
    assert shortlisted(FOUND) == SAID


@pytest.mark.parametrize("name", ["html", "markdown"])
def test_a_page_says_it_beside_the_nearest(name: str, report: Report) -> None:
    text = FORMATS[name].load().render(report) or ""
    assert SAID in " ".join(text.split())
    assert "compared in full" not in (FORMATS[name].load().render(make_report()) or "")


def test_the_terminal_says_it_beside_the_nearest(report: Report) -> None:
    assert SAID in " ".join(str(read_terminal(report)).split())


def test_a_report_of_a_small_bank_keeps_its_digest() -> None:
    assert "shortlist" not in make_report().model_dump(mode="json")["bank"]
    assert all("ends" not in one for one in make_report().model_dump(mode="json")["comparisons"])
