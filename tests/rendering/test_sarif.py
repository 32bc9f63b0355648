from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from provcheck.rendering.sarif import SarifReport, message, model_uri
from provcheck.types import Outcome, Report
from tests.rendering.factory import BASE, DIGEST, make_report, read_in_part
from tests.rendering.hostile import names
from tests.rendering.readers import sarif_run

SCHEMA = json.loads((Path(__file__).parents[1] / "data" / "sarif-2.1.0.schema.json").read_text("utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER)
EVERY = tuple(Outcome)


def results(report: Report) -> list[tuple[str, str]]:
    return [(one["kind"], one["level"]) for one in sarif_run(report).get_results()]


def with_checks(report: Report, **changes: object) -> Report:
    return report.model_copy(update={"checks": tuple(check.model_copy(update=changes) for check in report.checks)})


def run_of(report: Report) -> dict[str, Any]:
    found: dict[str, Any] = sarif_run(report).run_data
    return found


@given(subject=names, base=names, text=names)
@settings(max_examples=30, deadline=None)
def test_it_follows_the_schema(subject: str, base: str, text: str) -> None:
    report = make_report(subject=subject, base=base, text=text, outcomes=EVERY)
    rendered = SarifReport().render(with_checks(report, references=(base,), kind="not-related-to", description=text))
    VALIDATOR.validate(json.loads(rendered))
    assert rendered.isascii()


def test_the_schema_is_strict() -> None:
    broken = json.loads(SarifReport().render(make_report()))
    broken["runs"][0]["results"][0]["level"] = "fatal"
    assert [error.json_path for error in VALIDATOR.iter_errors(broken)] == ["$.runs[0].results[0].level"]


def test_outcomes_become_kinds_and_only_failures_have_a_level() -> None:
    report = make_report(outcomes=EVERY)
    assert dict(zip(EVERY, results(report), strict=True)) == {
        Outcome.PASSED: ("pass", "none"),
        Outcome.FAILED: ("fail", "error"),
        Outcome.SKIPPED: ("notApplicable", "none"),
        Outcome.INCONCLUSIVE: ("open", "none"),
        Outcome.ERROR: ("fail", "error"),
    }
    assert results(with_checks(report, severity="warning"))[1] == ("fail", "warning")


def test_inconclusive_fails_where_the_policy_says_so() -> None:
    report = make_report(outcomes=(Outcome.INCONCLUSIVE,))
    policy = report.policy.model_copy(update={"on_inconclusive": "fail"})
    assert results(report.model_copy(update={"policy": policy})) == [("fail", "error")]


def test_rules_say_what_checks_ask_for() -> None:
    report = with_checks(make_report(outcomes=EVERY), kind="not-related-to", description="No relation is allowed.")
    run = sarif_run(report)
    for check, result in zip(report.checks, run.get_results(), strict=True):
        (rule,) = run.get_rules_by_id(check.id)
        assert run.run_data["tool"]["driver"]["rules"][result["ruleIndex"]] == rule
        assert rule["shortDescription"]["text"] == "No relation is allowed."
        assert (rule["name"], rule["defaultConfiguration"]["level"]) == ("NotRelatedTo", "error")


def test_a_result_names_the_model_and_the_references_with_their_numbers() -> None:
    result = run_of(with_checks(make_report(outcomes=(Outcome.FAILED,)), references=(BASE,)))["results"][0]
    (location,) = result["locations"]
    assert location["physicalLocation"]["artifactLocation"]["uri"] == "acme/owl-7b-chat"
    assert [one["fullyQualifiedName"] for one in location["logicalLocations"]] == [BASE]
    (evidence,) = result["properties"]["evidence"]
    assert (evidence["probability"], evidence["pValue"], evidence["relation"]) == (0.973, 0.00412, "derived")
    assert evidence["signals"]["able"]["contrast"]["cosine_distance"] == 0.0432
    assert evidence["signals"]["likelihood"]["bits_per_byte"] == 0.4


def test_the_run_says_what_each_signal_covered() -> None:
    signals = run_of(make_report())["properties"]["signals"]
    assert (signals["able"]["version"], signals["able"]["coverage"]["measured"]) == ("able/3", 118)
    assert signals["likelihood"]["values"] == {"bits_per_byte": 0.912}


def test_a_finding_keeps_its_fingerprint_while_numbers_change() -> None:
    def fingerprint(report: Report) -> str:
        found: str = run_of(report)["results"][0]["partialFingerprints"]["provcheckCheck/v1"]
        return found

    assert fingerprint(make_report(text="0.1")) == fingerprint(make_report(text="0.2"))
    assert fingerprint(make_report()) != fingerprint(make_report(subject="acme/other"))


@pytest.mark.parametrize(
    ("outcomes", "code", "successful"),
    [((Outcome.PASSED,), 0, True), ((Outcome.FAILED,), 1, True), ((), 5, True), ((Outcome.ERROR,), 0, False)],
)
def test_the_invocation_tells_how_it_ended(outcomes: tuple[Outcome, ...], code: int, successful: bool) -> None:
    (invocation,) = run_of(make_report(outcomes=outcomes))["invocations"]
    assert (invocation["exitCode"], invocation["executionSuccessful"]) == (code, successful)
    assert len(invocation["toolExecutionNotifications"]) == outcomes.count(Outcome.ERROR)


def test_a_commit_is_named_only_where_one_was_audited() -> None:
    report = make_report()
    assert "versionControlProvenance" not in run_of(report)
    commit = "4f2a9c1d" * 5
    found = run_of(report.model_copy(update={"subject": report.subject.model_copy(update={"revision": commit})}))
    address = "https://huggingface.co/acme/owl-7b-chat"
    assert found["versionControlProvenance"] == [{"repositoryUri": address, "revisionId": commit}]


def test_files_that_were_read_in_part_have_no_hashes() -> None:
    (artifact,) = run_of(read_in_part(make_report()))["artifacts"]
    assert "hashes" not in artifact and artifact["properties"]["bytes"] == 14_483_464_192
    VALIDATOR.validate(json.loads(SarifReport().render(read_in_part(make_report()))))


def test_weights_are_artifacts_with_digests_and_no_length_that_readers_cannot_hold() -> None:
    (artifact,) = run_of(make_report())["artifacts"]
    assert artifact["location"]["uri"] == "acme/owl-7b-chat/model.safetensors"
    assert artifact["hashes"] == {"sha-256": DIGEST}
    assert "length" not in artifact


@given(st.text(st.characters(codec="utf-8")))
@example("../../etc/passwd")
@example("//evil.example/x")
@example("https://evil.example/..")
@example("javascript:alert(1)")
@example("C:\\x")
@example("..%2f")
@example("")
def test_a_uri_stays_below_where_it_is_read(name: str) -> None:
    base = "https://reader.example/repository/"
    uri = model_uri(name)
    assert uri.isascii()
    assert urljoin(base, uri) == base + uri
    assert not {"", ".", ".."} & set(map(unquote, uri.split("/")))
    assert not urlsplit(uri).scheme and not urlsplit(uri).netloc


def test_messages_hold_no_links_and_no_placeholders() -> None:
    assert message("[x](http://evil.example) {0} \\") == {"text": "\\[x\\](http://evil.example) {{0}} \\\\"}
