"""Reports that repeat, and reports that do not: forged, changed, or of another model, bank or policy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from provcheck.rendering.json_report import open_report
from provcheck.store import save_measurement
from provcheck.types import Check, FileDigest, Measurement, Outcome, Parent, Relation, Report
from provcheck.verification import VerifyOptions, conclusion, exit_code, verify
from provcheck.verification.repetition import Repetition
from tests.evidence import Evidence, make_evidence, subject
from tests.synthetic import make_bank, make_blocks, roots


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return make_evidence(tmp_path_factory.mktemp("evidence"))


@pytest.fixture
def evidence(made: Evidence, tmp_path: Path) -> Evidence:
    """Evidence that a test may spoil."""
    return made.copied_to(tmp_path / "evidence")


def lines(evidence: Evidence, **options: Any) -> dict[str, Check]:
    """The lines of a verification, by id."""
    given = {"model": str(evidence.measurement), "bank": str(evidence.bank), "policy": str(evidence.policy)}
    found = list(verify(open_report(evidence.report), VerifyOptions(**given | options)))
    assert len({check.id for check in found}) == len(found)
    return {check.id: check for check in found}


def with_outcome(found: dict[str, Check], outcome: Outcome) -> set[str]:
    return {id for id, check in found.items() if check.outcome is outcome}


def failures(evidence: Evidence, **options: Any) -> set[str]:
    return with_outcome(lines(evidence, **options), Outcome.FAILED)


def replace_measurement(evidence: Evidence, measurement: Measurement) -> None:
    save_measurement(measurement, evidence.measurement)


def test_a_report_repeats_from_its_measurement_file(made: Evidence, capsys: pytest.CaptureFixture[str]) -> None:
    assert made.verify() == 0
    said = capsys.readouterr().out.splitlines()
    assert said[:3] == [
        "== provcheck report verify starts ==",
        "report.json: me/mine is derived (org/root-3), it says",
        "report PASSED  every byte is as it was written",
    ]
    assert said[-1].startswith("== 14 passed, 2 skipped in ")
    assert said[-1].endswith(
        "the numbers repeat bit for bit, and so does the verdict; not verified: signature, probes =="
    )


def test_the_order_is_that_of_the_audit(made: Evidence) -> None:
    assert " ".join(lines(made)) == (
        "report signature program bank judge probes policy kl-scale weights model-files measurement distances verdict "
        "checks tree statements"
    )


def test_without_the_model_nothing_is_verified_but_what_it_was_made_with(
    made: Evidence, capsys: pytest.CaptureFixture[str]
) -> None:
    found = lines(made, model=None)
    assert exit_code(list(found.values())) == 5
    assert with_outcome(found, Outcome.PASSED) == {"report", "program", "bank", "judge", "policy", "kl-scale"}
    assert "where me/mine lies is not known" in found["weights"].message
    assert "nothing was measured again; not verified: signature, probes, weights" in conclusion(list(found.values()))


def test_without_the_bank_only_the_measurement_is_verified(made: Evidence) -> None:
    """The report names a bank that does not ship; its name is no path, though such a folder exists."""
    found = lines(made, bank=None)
    assert found["measurement"].outcome is Outcome.PASSED
    assert with_outcome(found, Outcome.SKIPPED) >= {"bank", "judge", "distances", "verdict"}
    assert exit_code(list(found.values())) == 5
    assert conclusion(list(found.values())).startswith("the measurement repeats, but it was not judged again")


def test_what_a_report_names_is_never_a_path(evidence: Evidence, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(evidence.folder)

    def point_into_this_folder(report: Report) -> Report:
        return report.model_copy(
            update={
                "bank": report.bank.model_copy(update={"name": "bank"}),
                "policy": report.policy.model_copy(update={"name": "mine.yaml"}),
                "subject": report.subject.model_copy(update={"id": "../me.safetensors", "revision": "abcdef1"}),
                "measurement": report.measurement.model_copy(update={"probes": "bank"}),
            }
        )

    evidence.forge(point_into_this_folder)
    found = lines(evidence, model=None, bank=None, policy=None)
    assert with_outcome(found, Outcome.PASSED) == {"report", "program", "kl-scale"}


FORGERIES: dict[str, tuple[str, Callable[[Report], dict[str, Any]]]] = {
    "relation": ("verdict", lambda r: {"verdict": r.verdict.model_copy(update={"relation": Relation.UNRELATED})}),
    "reference": ("verdict", lambda r: {"verdict": r.verdict.model_copy(update={"reference": "org/root-1"})}),
    "probability": ("verdict", lambda r: {"verdict": r.verdict.model_copy(update={"probability": 0.01})}),
    "reasons": ("verdict", lambda r: {"verdict": r.verdict.model_copy(update={"reasons": ("It is fine.",)})}),
    "parents": ("verdict", lambda r: {"verdict": r.verdict.model_copy(update={"parents": (_parent(),)})}),
    "a distance": ("distances", lambda r: {"comparisons": (_nearer(r.comparisons[0]), *r.comparisons[1:])}),
    "a comparison left out": ("distances", lambda r: {"comparisons": r.comparisons[1:]}),
    "agreement": ("distances", lambda r: {"agreement": r.agreement[1:]}),
    "an outcome": ("checks", lambda r: {"checks": (_failed(r.checks[0]), *r.checks[1:])}),
    "a check left out": ("checks", lambda r: {"checks": r.checks[1:]}),
    "exit code": ("checks", lambda r: {"exit_code": 1}),
    "summary": ("checks", lambda r: {"summary": r.summary.model_copy(update={"passed": 9})}),
    "inconclusive": ("checks", lambda r: {"policy": r.policy.model_copy(update={"on_inconclusive": "pass"})}),
    "tree": ("tree", lambda r: {"lineage": r.lineage.model_copy(update={"nearest_on_tree": "org/root-1"})}),
    "length": ("tree", lambda r: {"lineage": r.lineage.model_copy(update={"newick": _longer(r.lineage.newick)})}),
    "parameters": ("statements", lambda r: {"subject": r.subject.model_copy(update={"parameters": 7_000_000_000})}),
    "licence": ("statements", lambda r: {"subject": r.subject.model_copy(update={"license": "mit"})}),
    "limits": ("statements", lambda r: {"limitations": ()}),
    "bank": ("statements", lambda r: {"bank": r.bank.model_copy(update={"references": 5000})}),
    "scale": ("statements", lambda r: {"background": r.background.model_copy(update={"kl_bands": ()})}),
    "coverage": ("statements", lambda r: {"measurement": r.measurement.model_copy(update={"bits_per_byte": 0.5})}),
}
"""What follows from the numbers, by who notices it."""

FORGED_INPUTS: dict[str, tuple[str, Callable[[Report], dict[str, Any]]]] = {
    "weights": ("weights", lambda r: {"digests": r.digests.model_copy(update={"weights": "0" * 64})}),
    "measured": ("program", lambda r: {"measurement": r.measurement.model_copy(update={"algorithm": "able-kl/0"})}),
    "judge": ("judge", lambda r: {"digests": r.digests.model_copy(update={"judge": "0" * 64})}),
    "KL scale": ("kl-scale", lambda r: {"digests": r.digests.model_copy(update={"kl_scale": "0" * 64})}),
}


def forged_by(change: Callable[[Report], dict[str, Any]], report: Report) -> Report:
    """Sealed again with a digest that fits: only measuring and judging again tells."""
    return Report.model_validate(report.model_dump() | change(report)).sealed()


@pytest.mark.parametrize("forgery", FORGERIES)
def test_what_does_not_follow_from_the_numbers_is_noticed(forgery: str, made: Evidence) -> None:
    """The honest report is what judging again gives."""
    noticed_by, change = FORGERIES[forgery]
    honest = open_report(made.report).report
    outcomes = {check.id: check.outcome for check in Repetition(forged_by(change, honest), honest, exact=True).checks()}
    assert {id for id, outcome in outcomes.items() if outcome is Outcome.FAILED} == {noticed_by}


@pytest.mark.parametrize("forgery", FORGED_INPUTS)
def test_a_report_of_other_inputs_does_not_hold(forgery: str, evidence: Evidence) -> None:
    noticed_by, change = FORGED_INPUTS[forgery]
    evidence.forge(lambda report: forged_by(change, report))
    found = lines(evidence)
    assert found["report"].outcome is Outcome.PASSED
    assert found[noticed_by].outcome is not Outcome.PASSED, found[noticed_by].message
    assert exit_code(list(found.values())) != 0


def test_what_differs_is_named(evidence: Evidence, capsys: pytest.CaptureFixture[str]) -> None:
    evidence.forge(lambda r: r.model_copy(update={"subject": r.subject.model_copy(update={"license": "mit"})}))
    assert evidence.verify() == 1
    said = capsys.readouterr().out
    assert "statements FAILED  subject.license: 'mit' became None" in said
    assert "the report does not hold: statements; not verified: signature, probes ==" in said


def test_another_version_may_word_its_sentences_otherwise(evidence: Evidence) -> None:
    def older(report: Report) -> Report:
        verdict = report.verdict.model_copy(update={"reasons": ("Worded otherwise.",)})
        tool = report.tool.model_copy(update={"version": "0.0.1"})
        return report.model_copy(update={"tool": tool, "verdict": verdict, "limitations": ("Once worded otherwise.",)})

    evidence.forge(older)
    assert exit_code(list(lines(evidence).values())) == 0


@pytest.mark.parametrize("options", ["-k related", "-k safetensors", "-x", "--claimed-base org/root-1"])
def test_the_same_checks_are_applied(options: str, made: Evidence, tmp_path: Path) -> None:
    evidence = made.copied_to(tmp_path / "evidence")
    evidence.policy.write_text(
        "name: mine\nchecks: [{kind: not-related-to}, {kind: claimed-base-supported}, {kind: safetensors-only}]",
        "utf-8",
    )
    evidence.audit(*options.split())
    assert not failures(evidence)


def test_numbers_that_moved_a_little_repeat_within_the_tolerances(evidence: Evidence) -> None:
    """As another device or dtype moves them."""
    noise = np.random.default_rng(4242).standard_normal
    moved = subject()
    blocks = (moved.contrast_blocks + 0.01 * noise(moved.contrast_blocks.shape)).astype(np.float32)
    replace_measurement(
        evidence,
        replace(moved, paper_blocks=blocks, contrast_blocks=blocks, loglik_nats=moved.loglik_nats + 0.01 * noise(40)),
    )
    found = lines(evidence)
    assert with_outcome(found, Outcome.FAILED) == set(), found["distances"].message
    assert with_outcome(found, Outcome.SKIPPED) == {"signature", "probes", "measurement", "tree"}
    assert exit_code(list(found.values())) == 0
    assert conclusion(list(found.values())).startswith("the numbers repeat within the stated tolerances")
    assert "0.005 is accepted" in found["distances"].message


@pytest.mark.parametrize(
    "change",
    [
        lambda m: {"contrast_blocks": subject(0.32).contrast_blocks},
        lambda m: {"paper_blocks": subject(0.32).paper_blocks},
        lambda m: {"loglik_nats": 1.05 * m.loglik_nats},
        lambda m: {"loglik_nats": np.full(40, np.nan)},
    ],
)
def test_numbers_that_moved_far_do_not_repeat(
    change: Callable[[Measurement], dict[str, Any]], evidence: Evidence
) -> None:
    replace_measurement(evidence, replace(subject(), **change(subject())))
    assert "distances" in failures(evidence)


def test_another_model_does_not_repeat(evidence: Evidence) -> None:
    """Neither its numbers nor what was judged of them."""
    other = replace(subject(), contrast_blocks=make_blocks(77), paper_blocks=make_blocks(77))
    replace_measurement(evidence, other)
    assert failures(evidence) == {"distances", "verdict"}


def test_other_files_of_the_model_are_named(evidence: Evidence) -> None:
    found = subject()
    config = FileDigest(name="config.json", bytes=2, sha256="1" * 64)
    changed = found.subject.model_copy(update={"weights_digest": "0" * 64, "files": (config,)})
    replace_measurement(evidence, replace(found, subject=changed))
    seen = lines(evidence)
    assert seen["model-files"].message == "config.json is not in the report"
    assert {"weights", "model-files"} <= with_outcome(seen, Outcome.FAILED)


def test_a_renamed_model_is_the_same(evidence: Evidence) -> None:
    found = subject()
    replace_measurement(evidence, replace(found, subject=found.subject.model_copy(update={"id": "another-name"})))
    assert not failures(evidence)


def test_another_bank_is_not_judged_with(evidence: Evidence) -> None:
    make_bank(evidence.folder / "other", roots(6))
    found = lines(evidence, bank=str(evidence.folder / "other"))
    assert found["bank"].outcome is Outcome.FAILED
    assert found["verdict"].outcome is Outcome.SKIPPED
    assert found["measurement"].outcome is Outcome.PASSED


def test_another_policy_is_not_checked_with(evidence: Evidence) -> None:
    evidence.policy.write_text(evidence.policy.read_text("utf-8") + "# changed\n", "utf-8")
    found = lines(evidence)
    assert found["policy"].outcome is Outcome.FAILED
    assert found["checks"].outcome is Outcome.SKIPPED
    assert "mine.yaml: its digest is" in found["policy"].message


@pytest.mark.parametrize("option", ["--bank", "--policy", "--probes"])
def test_what_the_user_names_must_be_there(option: str, made: Evidence, capsys: pytest.CaptureFixture[str]) -> None:
    assert made.verify(option, "nowhere") == 4
    assert "nowhere" in capsys.readouterr().err


def _nearer(comparison: Any) -> Any:
    view = comparison.able.contrast.model_copy(update={"cosine_distance": 0.29})
    return comparison.model_copy(update={"able": comparison.able.model_copy(update={"contrast": view})})


def _failed(check: Check) -> Check:
    return check.model_copy(update={"outcome": Outcome.FAILED})


def _parent() -> Parent:
    return Parent(reference="org/root-1", weight=0.5)


def _longer(newick: str | None) -> str:
    assert newick
    return newick.replace(":0.", ":1.", 1)
