from __future__ import annotations

import json
from math import nan
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings

from provcheck import signals
from provcheck.io.data import root
from provcheck.rendering.html_report import HtmlReport
from provcheck.rendering.json_report import JsonReport, report_schema, schema_text
from provcheck.report_file import read_report
from provcheck.types import Relation
from tests.rendering.factory import make_report
from tests.rendering.hostile import names


@given(subject=names, text=names)
@settings(max_examples=40, deadline=None)
def test_any_report_comes_back_as_it_was(subject: str, text: str) -> None:
    report = make_report(subject=subject, text=text)
    written = JsonReport().render(report)
    assert signals.read_report(json.loads(written)) == report
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
        "schema_version tool subject measurement bank judge policy claimed_base comparisons verdict lineage map "
        "background checks summary exit_code limitations digests digest"
    )
    assert set(written["verdict"]) == {
        *("relation", "reference", "probability", "p_value", "exact_p_value", "reasons", "parents"),
    }
    comparison = written["comparisons"][0]
    assert set(comparison) == {
        *("reference", "family", "mechanism", "license", "relation", "probabilities", "score", "p_value"),
        *("judged_by", "signals", "same_weights"),
    }
    assert comparison["signals"].keys() == {"able", "likelihood", "weights"}
    assert comparison["signals"]["able"]["paper"].keys() == {"cosine_distance", "ci95"}
    assert comparison["signals"]["likelihood"].keys() >= {"bits_per_byte", "se", "scale_band"}
    assert comparison["signals"]["weights"].keys() >= {"anchored_match", "coordinate_match", "exact_p_value", "blocks"}
    assert written["comparisons"][-1]["signals"]["likelihood"] == {"not_measured": "too few texts in common"}


@pytest.mark.parametrize(
    ("signal", "values"),
    [
        ("able", {"paper": {"cosine_distance": 0.1, "ci95": None}}),
        ("able", {"not_measured": ""}),
        ("likelihood", {"bits_per_byte": "0.4"}),
        ("astrology", {"not_measured": "the stars were hidden"}),
    ],
)
def test_the_schema_knows_what_each_signal_says(signal: str, values: dict[str, object]) -> None:
    written = json.loads(JsonReport().render(make_report()))
    written["comparisons"][0]["signals"][signal] = values
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(written, report_schema())


def test_the_schema_knows_what_numbers_are_seen_against() -> None:
    written = json.loads(JsonReport().render(make_report()))
    written["background"]["likelihood"]["kl_bands"][0]["median"] = "large"
    with pytest.raises(jsonschema.ValidationError, match="'large' is not of type 'number'"):
        jsonschema.validate(written, report_schema())


def test_the_example_report_follows_the_schema() -> None:
    example = Path(__file__).parents[2] / "reports" / "example" / "report.json"
    jsonschema.validate(json.loads(example.read_text(encoding="utf-8")), report_schema())
    report = read_report(example)
    html = HtmlReport().render(report)
    assert html == example.with_suffix(".html").read_text(encoding="utf-8")
