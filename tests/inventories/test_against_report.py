"""An inventory against the evidence of a report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from provcheck.cli import run
from provcheck.errors import UsageError
from provcheck.inventories import Declared, check_inventory, inventory_exit_code, read_inventory
from provcheck.rendering.cyclonedx import CycloneDxReport
from provcheck.rendering.json_report import JsonReport
from provcheck.rendering.spdx import SpdxReport
from provcheck.types import ExitCode, Outcome, Relation
from tests.rendering.factory import BASE, DIGEST, SUBJECT, make_report


def declared(*ancestors: str, digest: str = DIGEST) -> list[Declared]:
    return [Declared(("numpy",), frozenset(), ()), Declared((SUBJECT,), frozenset({digest}), ancestors)]


@pytest.mark.parametrize(
    ("relation", "outcome", "code"),
    [
        (Relation.DERIVED, Outcome.PASSED, ExitCode.OK),
        (Relation.UNRELATED, Outcome.FAILED, ExitCode.CHECK_FAILED),
        (Relation.INCONCLUSIVE, Outcome.INCONCLUSIVE, ExitCode.NO_CHECKS),
    ],
)
def test_an_ancestor_is_as_the_evidence_says(relation: Relation, outcome: Outcome, code: ExitCode) -> None:
    model, ancestor = checks = check_inventory(declared(BASE), make_report(relation))
    assert (model.outcome, ancestor.outcome) == (Outcome.PASSED, outcome)
    assert inventory_exit_code(checks) is code


@pytest.mark.parametrize("ancestors", [("elsewhere/unknown",), ()])
def test_what_was_not_compared_never_counts_as_passed(ancestors: tuple[str, ...]) -> None:
    checks = check_inventory(declared(*ancestors), make_report())
    assert checks[1].outcome is Outcome.SKIPPED
    assert inventory_exit_code(checks) is ExitCode.NO_CHECKS


def test_other_weights_under_the_same_name() -> None:
    checks = check_inventory(declared(BASE, digest="f" * 64), make_report())
    assert checks[0].outcome is Outcome.FAILED
    assert inventory_exit_code(checks) is ExitCode.CHECK_FAILED


def test_an_inventory_without_digests_is_not_known_to_speak_of_the_model() -> None:
    checks = check_inventory([Declared((SUBJECT,), frozenset(), (BASE,))], make_report())
    assert [check.outcome for check in checks] == [Outcome.SKIPPED, Outcome.PASSED]
    assert inventory_exit_code(checks) is ExitCode.NO_CHECKS


def test_a_model_under_another_name_is_known_by_its_weights() -> None:
    model, _ = check_inventory([Declared(("renamed",), frozenset({DIGEST}), (BASE,))], make_report())
    assert model.message == "the weight files of renamed are those of the report"


def test_a_model_that_is_not_listed() -> None:
    with pytest.raises(UsageError, match="it lists numpy"):
        check_inventory(declared()[:1], make_report())


@pytest.mark.parametrize("renderer", [CycloneDxReport, SpdxReport])
def test_our_own_inventories_are_read(renderer: type[CycloneDxReport | SpdxReport], tmp_path: Path) -> None:
    path = tmp_path / "bom.json"
    path.write_text(renderer().render(make_report()), "utf-8")
    ours = next(one for one in read_inventory(path) if SUBJECT in one.names)
    assert ours.files == {DIGEST} and BASE in ours.ancestors


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    Path("report.json").write_text(JsonReport().render(make_report()), "utf-8", newline="\n")
    bom = json.loads(CycloneDxReport().render(make_report()))
    bom["metadata"]["component"]["pedigree"]["ancestors"] = [{"type": "machine-learning-model", "name": BASE}]
    Path("bom.json").write_text(json.dumps(bom), "utf-8")
    assert run(["sbom", "check", "bom.json", "report.json"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith(f"ancestor {BASE} PASSED  the evidence says derived, related with probability ")
    assert lines[-1].startswith("== 2 passed in ")
    assert run(["sbom", "check", "bom.json", "bom.json"]) == 4
