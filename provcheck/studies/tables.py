"""Tables of the user's or the bank's: a line for each model and task or question. Raises StudyError with the line."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

from provcheck.bank import Bank
from provcheck.errors import StudyError
from provcheck.io.text import plain, reason
from provcheck.io.untrusted import read_bounded

MAX_BYTES = 50_000_000

ANSWERS, SCORES = "answers.csv", "scores.csv"
"""Tables that a bank may hold: `id,question,correct` and `id,task,score`."""


def read_values(path: Path, bank: Bank, item: str, value: str) -> dict[tuple[str, str], float]:
    """Numbers by (id of a reference, item) of a CSV with the columns id, `item` and `value`; other ids are left out."""
    try:
        text = read_bounded(path, MAX_BYTES).decode("utf-8-sig")
    except (OSError, ValueError) as error:
        raise StudyError(f"{plain(str(path))} cannot be read: {reason(error)}") from None
    lines = csv.DictReader(io.StringIO(text))
    columns = ("id", item, value)
    if not set(columns) <= set(lines.fieldnames or ()):
        raise StudyError(f"{plain(str(path))} lacks columns", f"its first line must name {', '.join(columns)}")
    found: dict[tuple[str, str], float] = {}
    for line in lines:
        try:
            number = float(line[value] or "")
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise StudyError(
                f"{plain(str(path))}, line {lines.line_num}: {value} is no number", "leave out what was not measured"
            )
        if line["id"] in bank.rows:
            found[line["id"], line[item] or ""] = number
    if not found:
        raise StudyError(f"{plain(str(path))} has no line for a reference of bank '{bank.manifest.name}'")
    return found
