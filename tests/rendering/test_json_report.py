from __future__ import annotations

import json
from math import nan
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings

from provcheck.data import root
from provcheck.rendering.html_report import HtmlReport
from provcheck.rendering.json_report import JsonReport, read_report, report_schema, schema_text
from provcheck.types import Relation, Report
from tests.rendering.factory import make_report
from tests.rendering.hostile import names


@given(subject=names, text=names)
@settings(max_examples=40, deadline=None)
def test_any_report_comes_back_as_it_was(subject: str, text: str) -> None:
    report = make_report(subject=subject, text=text)
    written = JsonReport().render(report)
    assert Report.model_validate_json(written) == report
    assert written.isascii()


@pytest.mark.parametrize("relation", Relation)
def test_reports_follow_the_schema(relation: Relation) -> None:
    jsonschema.Draft202012Validator.check_schema(report_schema())
    jsonschema.validate(json.loads(JsonReport().render(make_report(relation))), report_schema())


def test_the_committed_schema_is_up_to_date() -> None:
    assert (root() / "reports" / "report.schema.json").read_text("utf-8") == schema_text()


def test_nan_is_an_error_and_never_a_number() -> None:
    broken = make_report()
    verdict = broken.verdict.model_copy(update={"p_value": nan})
    with pytest.raises(ValueError, match="JSON"):
        JsonReport().render(broken.model_copy(update={"verdict": verdict}))


def test_fields_are_those_of_the_design() -> None:
    written = json.loads(JsonReport().render(make_report()))
    assert " ".join(written) == (
        "schema_version tool subject measurement bank policy claimed_base comparisons verdict agreement lineage map "
        "background checks summary exit_code limitations digests digest"
    )
    assert set(written["verdict"]) == {"relation", "reference", "probability", "p_value", "reasons", "parents"}
    assert written["comparisons"][0]["able"]["paper"].keys() == {"cosine_distance", "ci95"}


def test_the_example_report_follows_the_schema() -> None:
    example = Path(__file__).parents[2] / "reports" / "example" / "report.json"
    jsonschema.validate(json.loads(example.read_text(encoding="utf-8")), report_schema())
    report = read_report(example)
    html = HtmlReport().render(report)
    assert html == example.with_suffix(".html").read_text(encoding="utf-8")
