"""Many audits in one table, and in one JUnit file with a suite for each model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from junitparser import Error, JUnitXml, TestCase, TestSuite
from rich.console import Console

from provcheck.io.text import plain, short_name
from provcheck.io.writing import write_texts
from provcheck.rendering.console import print_table
from provcheck.rendering.junit import NAME, suite_of, xml_text
from provcheck.rendering.markdown import code, text
from provcheck.rendering.sentences import counts, plain_report
from provcheck.types import ExitCode, Report

HEADINGS = ("model", "verdict", "reference", "checks", "exit code")


class Failure(Protocol):
    """Why a model could not be audited."""

    @property
    def message(self) -> str:
        """One sentence."""


class Row(Protocol):
    """One model: its report, or why there is none."""

    @property
    def model(self) -> str:
        """As the user named it."""

    @property
    def report(self) -> Report | None:
        """Its report."""

    @property
    def fault(self) -> Failure | None:
        """Why there is none."""

    @property
    def exit_code(self) -> ExitCode:
        """Of this model alone."""


def print_table_of(console: Console, rows: Sequence[Row]) -> None:
    """The table in the terminal."""
    print_table(console, HEADINGS, [tuple(map(plain, _cells(row))) for row in rows])


def write_summary(folder: Path, rows: Sequence[Row], part: str | None = None) -> list[Path]:
    """Write summary.md and junit.xml; return the paths. `part` goes into their names. Raises OutputError."""
    end = f"-{part}" if part else ""
    return write_texts(folder, {f"summary{end}.md": _markdown(rows), f"junit{end}.xml": _junit(rows)})


def _cells(row: Row) -> tuple[str, str, str, str, str]:
    """The model could not be audited: that is no verdict, and stands where the checks would."""
    code = str(int(row.exit_code))
    if row.report is None:
        return short_name(row.model), "none", "", row.fault.message if row.fault else "", code
    verdict = row.report.verdict
    return short_name(row.model), verdict.relation.value, verdict.reference or "", counts(row.report.summary), code


def _markdown(rows: Sequence[Row]) -> str:
    lines = [f"| {' | '.join(HEADINGS)} |", "|---" * len(HEADINGS) + "|"]
    for row in rows:
        model, verdict, reference, checks, exit_code = map(plain, _cells(row))
        named = code(reference) if reference else ""
        lines.append(f"| {code(model)} | {verdict} | {named} | {text(checks)} | {exit_code} |")
    return "\n".join(lines) + "\n"


def _junit(rows: Sequence[Row]) -> str:
    root = JUnitXml(NAME)
    for row in rows:
        name = f"{NAME}.{short_name(plain(row.model))}"
        root.add_testsuite(suite_of(plain_report(row.report), name) if row.report else _not_audited(row, name))
    root.update_statistics()  # type: ignore[no-untyped-call]
    return xml_text(root)


def _not_audited(row: Row, name: str) -> TestSuite:
    """One test case, which could not be made."""
    case, suite = TestCase("audit", name), TestSuite(name)
    case.result = Error(plain(row.fault.message) if row.fault else "", f"{NAME}.error")
    suite.add_testcases([case])
    return suite
