"""report.json from strangers: it is read and rendered in every format, or refused in a sentence."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from provcheck import signals
from provcheck.errors import UsageError
from provcheck.rendering import FORMATS
from provcheck.rendering.json_report import JsonReport
from provcheck.rendering.terminal import print_report
from provcheck.report_file import open_report, read_report
from provcheck.types import REPORT_SCHEMA_VERSION, Report
from tests.hostile.strategies import FEW, changed, damaged, dump, value_or_error
from tests.rendering.factory import make_report

WHOLE = JsonReport().render(make_report())


def render_everywhere(report: Report) -> None:
    for format in FORMATS.values():
        value_or_error(lambda format=format: (format.load().render(report) or "").encode())  # type: ignore[misc]
    print_report(report, Console(file=io.StringIO(), width=80))


@FEW
@given(data=st.data())
def test_any_bytes(tmp_path: Path, data: st.DataObject) -> None:
    (tmp_path / "report.json").write_bytes(data.draw(damaged(WHOLE.encode())))
    value_or_error(lambda: read_report(tmp_path / "report.json"))
    value_or_error(lambda: open_report(tmp_path / "report.json"))


@FEW
@given(data=st.data())
def test_any_values(tmp_path: Path, data: st.DataObject) -> None:
    """What follows the schema gets a digest that fits, as from one who forges a report, and is rendered."""
    content: Any = data.draw(changed(json.loads(WHOLE)))
    (tmp_path / "report.json").write_bytes(dump(content))
    value_or_error(lambda: read_report(tmp_path / "report.json"))
    try:
        forged = signals.read_report(json.loads(dump(content))).with_digest()
    except ValueError:
        return
    (tmp_path / "report.json").write_text(JsonReport().render(forged), "utf-8")
    if forged.schema_version != REPORT_SCHEMA_VERSION:
        assert isinstance(value_or_error(lambda: read_report(tmp_path / "report.json")), UsageError)
        return
    render_everywhere(read_report(tmp_path / "report.json"))


@pytest.mark.parametrize("number", [0.0, 1.0, 5e-324])
def test_one_number_everywhere(tmp_path: Path, number: float) -> None:
    def replaced(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: replaced(item) for key, item in value.items()}
        if isinstance(value, list):
            return [replaced(item) for item in value]
        return number if isinstance(value, float) else value

    render_everywhere(signals.read_report(replaced(json.loads(WHOLE))).with_digest())
