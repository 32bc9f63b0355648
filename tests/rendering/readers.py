"""What a rendering says, read back by a real reader of its kind."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component
from junitparser import JUnitXml, TestCase, TestSuite
from markdown_it import MarkdownIt
from sarif.loader import load_sarif_file
from sarif.sarif_file import SarifRun
from spdx_python_model import v3_0_1 as spdx

from provcheck.rendering.cyclonedx import CycloneDxReport
from provcheck.rendering.html_report import HtmlReport
from provcheck.rendering.json_report import JsonReport
from provcheck.rendering.junit import JUnitReport
from provcheck.rendering.markdown import MarkdownReport
from provcheck.rendering.sarif import SarifReport
from provcheck.rendering.spdx import SpdxReport
from provcheck.rendering.terminal import make_console, print_report
from provcheck.types import Outcome, Report
from tests.rendering.page import Page

Checks = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Reading:
    """What a rendering says. None where it does not say it in a place of its own: then `text` does, in a sentence."""

    relation: str
    checks: Checks
    counts: dict[str, int]
    exit_code: int | None
    reference: str | None = None
    text: str = ""


def read_terminal(report: Report) -> Reading:
    """The lines of the terminal; the exit code is the process's own."""
    file = StringIO()
    print_report(report, make_console(file))
    text = file.getvalue()
    return Reading(
        relation=re.findall(r"^== verdict: (\S+) ==$", text, re.MULTILINE)[0],
        checks=tuple(
            (id_, word.lower()) for id_, word in re.findall(r"^(check-\d+) ([A-Z]+)(?: \(warning\))?$", text, re.M)
        ),
        counts=counted(text.splitlines()[-1]),
        exit_code=None,
        text=text,
    )


def read_json(report: Report) -> Reading:
    """The fields of report.json."""
    found = json.loads(JsonReport().render(report))
    return Reading(
        relation=found["verdict"]["relation"],
        reference=found["verdict"]["reference"],
        checks=tuple((check["id"], check["outcome"]) for check in found["checks"]),
        counts=found["summary"],
        exit_code=found["exit_code"],
    )


def read_html(report: Report) -> Reading:
    """The data attributes and the text of the page."""
    page = Page(HtmlReport().render(report))
    caption = re.findall(r"Policy .*?: (.*?)\. Exit code (\d):", page.text)[0]
    return Reading(
        relation=page.values("data-verdict")[0],
        checks=tuple(zip(page.values("data-check"), page.values("data-outcome"), strict=True)),
        counts=counted(caption[0]),
        exit_code=int(caption[1]),
        text=page.text,
    )


def read_junit(report: Report) -> Reading:
    """What junitparser reads."""
    suite = junit_suite(report)
    properties = junit_properties(suite)
    return Reading(
        relation=properties["relation"],
        reference=properties.get("reference"),
        checks=tuple((case.name, junit_outcome(case)) for case in suite),
        counts={outcome: int(properties[outcome]) for outcome in Outcome},
        exit_code=int(properties["exit_code"]),
    )


def junit_suite(report: Report) -> TestSuite:
    """The one suite of the file."""
    (suite,) = JUnitXml.fromstring(JUnitReport().render(report).encode())
    return suite


def junit_properties(suite: TestSuite) -> dict[str, str]:
    """What the suite says of the audit."""
    return {one.name: one.value for one in suite.properties()}  # type: ignore[no-untyped-call]


def junit_outcome(case: TestCase) -> str:
    """The type of the case's only child that is a result."""
    return case.result[0].type.removeprefix("provcheck.") if case.result else "passed"


def read_sarif(report: Report) -> Reading:
    """What sarif-tools reads."""
    run = sarif_run(report)
    properties = run.run_data["properties"]
    return Reading(
        relation=properties["relation"],
        reference=properties["reference"],
        checks=tuple((one["ruleId"], one["properties"]["outcome"]) for one in run.get_results()),
        counts=properties["summary"],
        exit_code=run.run_data["invocations"][0]["exitCode"],
    )


def sarif_run(report: Report) -> SarifRun:
    """The one run of the file."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "report.sarif"
        path.write_text(SarifReport().render(report), "utf-8")
        (run,) = load_sarif_file(str(path)).runs
    return run


def read_markdown(report: Report) -> Reading:
    """What a Markdown reader with GitHub's tables shows."""
    tables = MarkdownPage(markdown_html(report))
    checks, *_ = tables.tables if report.checks else [[]]
    (result,) = re.findall(r"^(.*)\. Exit code (\d): ", tables.text, re.MULTILINE)
    return Reading(
        relation=tables.headings[0].removeprefix("provcheck: "),
        checks=tuple((row[0], row[1]) for row in checks[1:]),
        counts=counted(result[0]),
        exit_code=int(result[1]),
        text=tables.text,
    )


def markdown_html(report: Report) -> str:
    """The summary as HTML; raw HTML passes, as it does on GitHub."""
    html = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return str(html.render(MarkdownReport().render(report)))


class MarkdownPage(HTMLParser):
    """Tables, headings and text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: list[list[list[str]]] = []
        self.headings: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._into: list[str] | None = None
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th", "h2"):
            self._into = self.headings if tag == "h2" else self.tables[-1][-1]
            self._into.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th", "h2"):
            self._into = None

    def handle_data(self, data: str) -> None:
        data = data.replace("\u200b", "")
        self.text += data
        if self._into is not None:
            self._into[-1] += data


def read_cyclonedx(report: Report) -> Reading:
    """What the CycloneDX library reads."""
    bom = read_bom(report)
    properties = [(one.name.removeprefix("provcheck:"), one.value or "") for one in bom.metadata.properties]
    facts = dict(properties)
    checks = [(name.removeprefix("check:"), value) for name, value in properties if name.startswith("check:")]
    return Reading(
        relation=facts["relation"],
        reference=facts.get("reference"),
        checks=tuple(sorted(checks, key=lambda check: int(check[0].removeprefix("check-")))),
        counts={outcome: int(facts[outcome]) for outcome in Outcome},
        exit_code=int(facts["exit-code"]),
    )


def read_bom(report: Report) -> Bom:
    """The bill of materials."""
    bom = Bom.from_json(json.loads(CycloneDxReport().render(report)))  # type: ignore[attr-defined]
    assert isinstance(bom, Bom)
    return bom


def read_spdx(report: Report) -> Reading:
    """The annotations of the document, as SPDX's own model reads them."""
    said = [one.statement for one in read_document(report).foreach_type(spdx.Annotation)]
    verdict = next(text for text in said if text.startswith("verdict: "))
    summary = next(text for text in said if text.startswith("summary: "))
    checks = [(one[1], one[2]) for text in said if (one := re.match(r"check (check-\d+): (\w+)\.", text))]
    return Reading(
        relation=re.findall(r"^verdict: (\S+)\.", verdict)[0],
        checks=tuple(sorted(checks, key=lambda check: int(check[0].removeprefix("check-")))),
        counts=counted(summary),
        exit_code=int(re.findall(r"Exit code (\d)\.", summary)[0]),
        text=verdict,
    )


def read_document(report: Report) -> spdx.SHACLObjectSet:
    """The objects of the document; each property is checked against the model while it is read."""
    objects = spdx.SHACLObjectSet()
    spdx.JSONLDDeserializer().deserialize_data(json.loads(SpdxReport().render(report)), objects)
    return objects


def full_name(component: Component) -> str:
    """`org/name` of a component."""
    return f"{component.group}/{component.name}" if component.group else component.name


def facts_of(component: Component) -> dict[str, str]:
    """The properties of a component that are provcheck's own."""
    return {one.name.removeprefix("provcheck:"): one.value or "" for one in component.properties}


def counted(text: str) -> dict[str, int]:
    """`5 passed, 1 failed` as numbers; what is not named is 0."""
    return {outcome: int("".join(re.findall(rf"(\d+) {outcome}\b", text)) or 0) for outcome in Outcome}


READERS: dict[str, Callable[[Report], Reading]] = {
    "terminal": read_terminal,
    "json": read_json,
    "html": read_html,
    "junit": read_junit,
    "sarif": read_sarif,
    "markdown": read_markdown,
    "cyclonedx": read_cyclonedx,
    "spdx": read_spdx,
}
