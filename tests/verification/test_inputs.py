"""What went into a report, and what of it is the same here."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from provcheck.bank import load_bank
from provcheck.bank.saving import add_file
from provcheck.io import data
from provcheck.report_file import open_report
from provcheck.signals import all_signals, find_signal
from provcheck.targets import Target
from provcheck.targets.saved import SavedTarget
from provcheck.types import NotMeasured, Outcome, Report, SignalFacts
from provcheck.verification.flow import as_in
from provcheck.verification.inputs import (
    check_backgrounds,
    check_model_files,
    check_program,
    check_weights,
    find_bank,
)
from tests.evidence import Evidence, subject

PASSED, FAILED, SKIPPED = Outcome.PASSED, Outcome.FAILED, Outcome.SKIPPED
NO_FILES: dict[str, Any] = {"weights": (), "weights_digest": None, "weight_format": None, "files": ()}
SILENT = NotMeasured(not_measured="nobody looked")


@pytest.fixture(scope="module")
def report(made: Evidence) -> Report:
    return open_report(made.report).report


def target(**changes: Any) -> Target:
    """The subject with other files."""
    found = subject()
    return SavedTarget(replace(found, subject=found.subject.model_copy(update=changes)))


def of_service(report: Report) -> Report:
    """The report, had the model been reached through a service."""
    return report.model_copy(
        update={
            "subject": report.subject.model_copy(update=NO_FILES),
            "digests": report.digests.model_copy(update={"weights": None}),
        }
    )


def with_signals(report: Report, **signals: SignalFacts | NotMeasured) -> Report:
    return report.model_copy(update={"measurement": report.measurement.model_copy(update={"signals": signals})})


def test_files_that_nobody_states_were_not_checked(report: Report) -> None:
    bare = target(**NO_FILES)
    assert check_weights(of_service(report), bare).outcome is SKIPPED
    assert check_model_files(of_service(report), bare).outcome is SKIPPED


def test_files_that_were_read_in_part_state_no_digest(report: Report) -> None:
    """That is not verified, and no difference; a digest that the report states elsewhere still is one."""
    file = report.subject.weights[0].model_copy(update={"sha256": None, "stated_etag": "0" * 64})
    changed = report.subject.model_copy(update={"weights": (file,), "weights_digest": None})
    odd = report.model_copy(update={"subject": changed})
    in_part = odd.model_copy(update={"digests": report.digests.model_copy(update={"weights": None})})
    done = check_weights(in_part, target())
    assert done.outcome is SKIPPED and "only parts of the weight files" in done.message
    assert check_weights(odd, target(weights=(file,), weights_digest=None)).outcome is FAILED


def test_files_of_one_side_only_are_a_difference(report: Report) -> None:
    assert check_weights(report, target(**NO_FILES)).message == "model.safetensors is missing"
    assert check_weights(of_service(report), target()).message == "model.safetensors is not in the report"
    for found in (check_weights(report, target(**NO_FILES)), check_weights(of_service(report), target())):
        assert found.outcome is FAILED


def test_a_model_of_weights_alone_has_no_further_files(report: Report) -> None:
    """A GGUF file, say: there is nothing beside it, and nothing is missing."""
    assert check_model_files(report, target()).outcome is PASSED


def test_every_signal_that_was_measured_must_be_of_this_version(report: Report) -> None:
    measured = report.measurement.measured
    versions = [facts.version for facts in measured.values()]
    assert check_program(report).message.endswith(f"both measure with {', '.join(versions)}")
    for name, facts in measured.items():
        older = facts.model_copy(update={"version": f"{name}/0"})
        found = check_program(with_signals(report, **{**measured, name: older}))
        assert found.outcome is SKIPPED
        assert found.message.endswith(f"measured with {name}/0, this version does with {find_signal(name).version}")
        silent: dict[str, SignalFacts | NotMeasured] = {**measured, name: SILENT}
        assert check_program(with_signals(report, **silent)).outcome is PASSED


def test_a_signal_of_another_version_of_the_program_is_named(report: Report) -> None:
    smell = next(iter(report.measurement.measured.values())).model_copy(update={"version": "smell/1"})
    found = check_program(with_signals(report, smell=smell))
    assert found.outcome is SKIPPED
    assert found.message.endswith("measured with smell/1, this version does with no smell")


def test_published_numbers_are_those_of_the_signals_that_were_measured(report: Report) -> None:
    against = {name for name, signal in all_signals().items() if signal.against()}
    assert {check.id: check.outcome for check in check_backgrounds(report, None)} == {
        f"background-{name}": PASSED for name in against
    }
    without = with_signals(report, **dict.fromkeys(report.measurement.signals, SILENT))
    bare = without.model_copy(update={"digests": report.digests.model_copy(update={"background": {}})})
    assert list(check_backgrounds(bare, None)) == []


def test_only_signals_of_the_report_are_measured_again(report: Report) -> None:
    """One that this version knows and the report does not makes nothing that follows from the others wrong."""
    measurement = replace(subject(), subject=subject().subject.model_copy(update={"id": "another"}))
    for name, facts in report.measurement.measured.items():
        found = as_in(with_signals(report, **{name: facts}), measurement)
        assert (set(found.signals), found.subject.id) == ({name}, report.subject.id)
    smelt = as_in(with_signals(report, smell=SILENT), measurement)
    assert isinstance(smelt.signals["smell"], NotMeasured)


def test_the_bank_is_found_by_its_digest(
    made: Evidence, report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Among the banks that ship whatever the report calls it, and in a folder of banks that the user names."""
    for name in ("older", "other"):
        shutil.copytree(made.bank, tmp_path / "banks" / name)
    (tmp_path / "banks" / "broken").mkdir()
    (tmp_path / "banks" / "broken" / "manifest.json").write_text("{}", "utf-8")
    older = add_file(load_bank(str(tmp_path / "banks" / "older")), "note.txt", b"of last year")
    dated = report.model_copy(update={"digests": report.digests.model_copy(update={"bank": older.digest})})
    for shipped, named in (({}, str(tmp_path / "banks")), ({"x": tmp_path / "banks" / "older"}, None)):
        monkeypatch.setattr(data, "banks", lambda found=shipped: found)
        found = find_bank(dated, named)
        assert found.check.outcome is PASSED and found.thing and found.thing.folder == tmp_path / "banks" / "older"
    monkeypatch.setattr(data, "banks", lambda: {report.bank.name: tmp_path / "banks" / "other"})
    assert find_bank(dated, None).check.outcome is FAILED, "a bank of that name has another digest"
    monkeypatch.setattr(data, "banks", dict)
    assert find_bank(dated, None).check.outcome is SKIPPED
