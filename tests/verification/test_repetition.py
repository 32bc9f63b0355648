"""Reports that repeat, and reports that do not: changed, or of another model, bank or policy."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from provcheck.signals.able.values import CONTRAST, PAPER
from provcheck.signals.likelihood.values import LOGLIK
from provcheck.store import save_measurement
from provcheck.types import FileDigest, Floats, Makeup, Measurement, NotMeasured, Outcome, Report, Signs
from provcheck.verification import conclusion, exit_code
from tests.evidence import Evidence, subject
from tests.synthetic import make_bank, make_blocks, roots, with_arrays
from tests.verification.conftest import failures, lines, with_outcome


def array_of(name: str, distance: float = 0.3) -> Floats:
    """An array of the subject at that distance from org/root-3."""
    found = subject(distance).sketches.values()
    return next(sketch.arrays[name] for sketch in found if name in sketch.arrays)


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
    assert said[-1].startswith("== 17 passed, 4 skipped in ")
    assert said[-1].endswith(
        "the numbers repeat bit for bit, and so does the verdict; not verified: attestation, probes, run, signs =="
    )


def test_an_audit_by_some_signals_repeats_by_these(evidence: Evidence, capsys: pytest.CaptureFixture[str]) -> None:
    assert evidence.audit("--signals", "likelihood") == 0
    capsys.readouterr()
    assert evidence.verify() == 0
    said = capsys.readouterr().out.splitlines()
    assert next(line for line in said if line.startswith("command PASSED")).endswith(" --signals likelihood")
    assert "the numbers repeat bit for bit, and so does the verdict" in said[-1]


def test_the_order_is_that_of_the_audit(made: Evidence) -> None:
    assert " ".join(lines(made)) == (
        "report attestation program bank judge probes policy background-likelihood run weights model-files measurement "
        "distances verdict checks signs tree map statements sentences command"
    )


def test_without_the_model_nothing_is_verified_but_what_it_was_made_with(
    made: Evidence, capsys: pytest.CaptureFixture[str]
) -> None:
    found = lines(made, model=None)
    assert exit_code(list(found.values())) == 5
    passed = {"report", "program", "bank", "judge", "policy", "background-likelihood"}
    assert with_outcome(found, Outcome.PASSED) == passed
    assert "where me/mine lies is not known" in found["weights"].message
    said = conclusion(list(found.values()))
    assert "nothing was measured again; not verified: attestation, probes, run, weights" in said


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
    assert with_outcome(found, Outcome.PASSED) == {"report", "program", "background-likelihood"}


def test_what_differs_is_named(evidence: Evidence, capsys: pytest.CaptureFixture[str]) -> None:
    evidence.forge(lambda r: r.model_copy(update={"subject": r.subject.model_copy(update={"license": "mit"})}))
    assert evidence.verify() == 1
    said = capsys.readouterr().out
    assert "statements FAILED  subject.license: 'mit' became None" in said
    assert "the report does not hold: statements; not verified: attestation, probes, run, signs ==" in said


def test_another_version_may_word_its_sentences_otherwise(evidence: Evidence) -> None:
    def older(report: Report) -> Report:
        verdict = report.verdict.model_copy(update={"reasons": ("Worded otherwise.",)})
        tool = report.tool.model_copy(update={"version": "0.0.1"})
        return report.model_copy(update={"tool": tool, "verdict": verdict, "limitations": ("Once worded otherwise.",)})

    evidence.forge(older)
    found = lines(evidence)
    assert with_outcome(found, Outcome.FAILED) == set() and found["sentences"].outcome is Outcome.SKIPPED
    assert exit_code(list(found.values())) == 5


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
    blocks, nats = array_of(CONTRAST), array_of(LOGLIK)
    blocks = (blocks + 0.01 * noise(blocks.shape)).astype(np.float32)
    moved = with_arrays(subject(), "able", **{PAPER: blocks, CONTRAST: blocks})
    replace_measurement(evidence, with_arrays(moved, "likelihood", **{LOGLIK: nats + 0.01 * noise(nats.shape)}))
    found = lines(evidence)
    assert with_outcome(found, Outcome.FAILED) == set(), found["distances"].message
    assert with_outcome(found, Outcome.SKIPPED) == {*("attestation", "probes", "run"), *("measurement", "map", "signs")}
    assert exit_code(list(found.values())) == 0
    assert conclusion(list(found.values())).startswith("the numbers repeat within the stated tolerances")
    said = r"of 5 references: the largest change is (\d+\.\d)% of what is accepted \(.* to org/.*\)"
    share = re.fullmatch(said, found["distances"].message)
    assert share and 0 < float(share[1]) <= 100


@pytest.mark.parametrize(
    ("signal", "name", "change", "said"),
    [
        ("able", CONTRAST, lambda _: array_of(CONTRAST, 0.32), "ABLE contrast to org/root-3: 0."),
        ("able", PAPER, lambda _: array_of(PAPER, 0.32), "ABLE paper to org/root-3: 0."),
        ("likelihood", LOGLIK, lambda nats: 1.2 * nats, "KL bits/byte to org/root-"),
        ("likelihood", LOGLIK, lambda nats: np.full_like(nats, np.nan), "KL bits/byte to org/root-"),
    ],
)
def test_numbers_that_moved_far_do_not_repeat(
    signal: str, name: str, change: Callable[[Floats], Floats], said: str, evidence: Evidence
) -> None:
    replace_measurement(evidence, with_arrays(subject(), signal, **{name: change(array_of(name))}))
    found = lines(evidence)["distances"]
    assert found.outcome is Outcome.FAILED and found.message.startswith(said)


@pytest.mark.parametrize("missing", ["able", "likelihood"])
def test_a_signal_that_is_not_measured_again_does_not_repeat(missing: str, evidence: Evidence) -> None:
    """Nor one that the report says nothing of, because nobody looked."""
    whole, silent = subject(), NotMeasured(not_measured="the target gives no gradients")
    partly = replace(whole, signals={**whole.signals, missing: silent})
    replace_measurement(evidence, partly)
    assert "distances" in failures(evidence)
    evidence.audit()
    assert not failures(evidence)
    replace_measurement(evidence, whole)
    assert "distances" in failures(evidence)


def test_another_model_does_not_repeat(evidence: Evidence) -> None:
    """Neither its numbers nor what was judged of them."""
    replace_measurement(evidence, with_arrays(subject(), "able", **{CONTRAST: make_blocks(77), PAPER: make_blocks(77)}))
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


MAKEUP = Makeup(
    stated={"rope_theta": 1e4},
    looks={"layers": {"stated": 1, "stored": 4}},
    not_looked_at={"merges": "no tokenizer.json"},
)


def with_makeup(evidence: Evidence) -> Evidence:
    """The evidence of a model whose files show a sign."""
    found = subject()
    odd = found.subject.model_copy(update={"makeup": MAKEUP})
    run = found.run.model_copy(update={"unused_tensors": 0})
    replace_measurement(evidence, replace(found, subject=odd, run=run))
    assert evidence.audit() == 0
    return evidence


def test_signs_of_disguise_repeat(evidence: Evidence) -> None:
    found = lines(with_makeup(evidence))
    assert not with_outcome(found, Outcome.FAILED)
    assert (found["signs"].outcome, found["signs"].message) == (Outcome.PASSED, "1 of disguise, as stated")


@pytest.mark.parametrize("signs", [None, Signs(looked_at=("layers",))])
def test_a_sign_that_was_taken_out_is_not_verified(signs: Signs | None, evidence: Evidence) -> None:
    with_makeup(evidence).forge(lambda report: report.model_copy(update={"signs": signs}))
    expected = Outcome.FAILED if signs else Outcome.SKIPPED
    assert lines(evidence)["signs"].outcome is expected


def test_what_the_files_look_like_is_verified(evidence: Evidence) -> None:
    even = Makeup(looks={"layers": {"stated": 4, "stored": 4}})
    with_makeup(evidence).forge(
        lambda report: report.model_copy(update={"subject": report.subject.model_copy(update={"makeup": even})})
    )
    assert {"signs", "statements"} & failures(evidence)


def test_a_report_from_before_repeats_without_signs(evidence: Evidence) -> None:
    """Though the model is measured by a version that looks at its files."""

    def before(report: Report) -> Report:
        facts = report.measurement.model_copy(update={"unused_tensors": None})
        older = report.subject.model_copy(update={"makeup": None})
        return report.model_copy(update={"subject": older, "measurement": facts, "signs": None})

    with_makeup(evidence).forge(before)
    found = lines(evidence)
    assert not with_outcome(found, Outcome.FAILED)
    assert found["signs"].outcome is Outcome.SKIPPED
