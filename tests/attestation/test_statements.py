"""What is stated: as the report has it, in the forms that others check."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import model_signing
import pytest
from google.protobuf.json_format import ParseDict
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement

from provcheck import audit
from provcheck.attestation import attest, lineage, result
from provcheck.attestation.statements import subject
from provcheck.errors import UsageError
from provcheck.rendering.json_report import JsonReport
from provcheck.types import ExitCode, Outcome, Sign, Signs
from tests.rendering.factory import DIGEST, make_report

DEMO = Path(__file__).parents[2] / "reference_embeddings" / "subjects" / "llama-tech-s1-sft-short"


def test_the_library_of_in_toto_takes_every_statement(report: Path) -> None:
    for line in attest(make_report(), b"", Path("key.pem")).splitlines():
        stated = json.loads(base64.b64decode(json.loads(line)["payload"]))
        parsed = Statement.copy_from_pb(ParseDict(stated, statement_pb2.Statement()))
        parsed.validate()
        assert [one.name for one in parsed.pb.subject] == ["model.safetensors"]


def test_the_digests_are_those_of_model_signing() -> None:
    found = subject(audit(DEMO, signals="weights", cache=False))
    listed = model_signing.hashing.Config().hash(DEMO).resource_descriptors()
    assert {one["name"]: one["digest"]["sha256"] for one in found} == {
        one.identifier: one.digest.digest_hex for one in listed
    }


def test_the_lineage_is_that_of_the_report() -> None:
    report = make_report()
    stated = lineage(report, JsonReport().render(report).encode())
    assert stated["relation"] == "derived"
    assert stated["reference"]["id"] == report.verdict.reference
    assert stated["probability"] == report.verdict.probability
    assert stated["evidence"][0] == {"name": "bank:zoo-v1", "digest": {"sha256": DIGEST}}
    panel = report.judge.panels[0]
    assert stated["errorRates"]["falseAccusationUpper95"] == panel.false_accusation_upper


def test_signs_of_disguise_are_stated_where_somebody_looked() -> None:
    report = make_report().model_copy(update={"signs": None})
    assert lineage(report, b"")["signsOfDisguise"] is None
    signs = Signs(found=(Sign(name="rows-unused", finding="Odd.", innocent="Padding."),), looked_at=("rows-unused",))
    stated = lineage(report.model_copy(update={"signs": signs}), b"")["signsOfDisguise"]
    assert stated == {"found": [{"name": "rows-unused", "reference": None, "finding": "Odd."}], "notLookedAt": {}}


def test_only_what_passed_is_a_property() -> None:
    outcomes = (Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.SKIPPED)
    assert result(make_report(outcomes=outcomes))["properties"] == ["provcheck:default/check-0"]


def test_a_policy_passed_whole_only_where_nothing_was_left_out() -> None:
    report = make_report(outcomes=(Outcome.PASSED,))
    assert result(report)["properties"] == ["provcheck:default", "provcheck:default/check-0"]
    chosen = report.policy.model_copy(update={"deselected": ("another",)})
    for changed in ({"policy": chosen}, {"exit_code": ExitCode.CHECK_FAILED}):
        assert result(report.model_copy(update=changed))["properties"] == ["provcheck:default/check-0"]


def test_of_files_without_digests_nothing_is_stated() -> None:
    report = make_report()
    unread = tuple(file.model_copy(update={"sha256": None}) for file in report.subject.weights)
    with pytest.raises(UsageError, match="nothing can be stated"):
        subject(report.model_copy(update={"subject": report.subject.model_copy(update={"weights": unread})}))
