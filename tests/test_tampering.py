"""One changed byte anywhere in a bank, a measurement, a report or a policy is noticed by the command that uses it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from provcheck.bank import Bank
from provcheck.bank.folder import arrays_file
from provcheck.bank.saving import add_file
from provcheck.cli import run
from provcheck.errors import BankError, MeasurementFileError
from provcheck.io import data
from provcheck.io.digests import file_digest
from provcheck.pipeline import AuditOptions, prepare
from provcheck.report_file import read_report
from provcheck.signals import TABLE
from provcheck.store import load_measurement, save_measurement
from provcheck.verdict.fitting import calibrate
from provcheck.verdict.panels import FILE
from tests.evidence import Evidence, make_evidence
from tests.signals.weights.models import random_model
from tests.synthetic import make_blocks, make_measurement, weighed
from tests.verdict.zoo import make_zoo, zoo_models

PLACES = 8
"""Evenly spaced ones of each region of a file."""

SPACES = b" \t\n\r"

ARRAYS = [arrays_file(name) for name in TABLE]
"""What a bank keeps of each signal."""


def zoo_with_judge(folder: Path) -> Bank:
    (reference, measurement), *others = zoo_models()
    bank = make_zoo(folder, [(reference, weighed(measurement, random_model(0))), *others])
    add_file(bank, FILE, calibrate(bank).save())
    return bank


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    made = make_evidence(tmp_path_factory.mktemp("evidence"), zoo_with_judge)
    assert made.verify() == 0
    return made


def regions(content: bytes, name: str) -> list[range]:
    """Length, header, padding and arrays of a safetensors file; all of any other file, and its last bytes."""
    if not name.endswith(".safetensors"):
        return [range(len(content)), range(len(content) - 3, len(content))]
    end = 8 + int.from_bytes(content[:8], "little")
    padding = 8 + len(content[8:end].rstrip(b" "))
    return [
        range(8),
        range(8, end),
        range(padding, end),
        range(end, len(content)),
        range(len(content) - 3, len(content)),
    ]


def changes(content: bytes, name: str) -> Iterator[tuple[int, bytes]]:
    """Place and changed content: bits flipped at even strides, and white space replaced by other white space."""
    for region in regions(content, name):
        for count, place in enumerate(region[:: max(1, len(region) // PLACES)]):
            byte = content[place]
            others = [byte ^ (1 << count % 8)] + [one for one in SPACES if byte in SPACES and one != byte]
            for other in others:
                yield place, content[:place] + bytes([other]) + content[place + 1 :]


def codes(
    path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str], every: int = 1
) -> Iterator[tuple[int, int, str]]:
    """For every n-th change: its place, the exit code of the command, and what it said. The file is restored."""
    whole = path.read_bytes()
    try:
        for place, changed in islice(changes(whole, path.name), 0, None, every):
            path.write_bytes(changed)
            capsys.readouterr()
            code = run(arguments)
            said = capsys.readouterr()
            yield place, code, said.out + said.err
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("bank/manifest.json", "the manifest of bank 'bank'"),
        *((f"bank/{name}", f"{name} of bank") for name in ARRAYS),
        ("bank/judge.safetensors", "judge.safetensors of bank"),
        ("me.safetensors", "me.safetensors"),
    ],
)
def test_audit_refuses_what_was_changed(
    name: str, named: str, evidence: Evidence, capsys: pytest.CaptureFixture[str]
) -> None:
    out = evidence.folder / "refused"
    arguments = ["audit", str(evidence.measurement), "--bank", str(evidence.bank), "--out", str(out)]
    for place, code, said in codes(evidence.folder / name, arguments, capsys):
        assert code == 4, f"byte {place}"
        error = said[said.index("error: ") :].splitlines()[0]
        assert named in error, f"byte {place}: {error}"
        assert not out.exists()


def test_bank_verify_notices_every_change_of_a_bank(evidence: Evidence, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("manifest.json", *ARRAYS):
        for place, code, _ in codes(evidence.bank / name, ["bank", "verify", str(evidence.bank)], capsys, every=3):
            assert code == 4, f"byte {place} of {name}"


def test_a_changed_report_is_not_rendered(evidence: Evidence, capsys: pytest.CaptureFixture[str]) -> None:
    for place, code, said in codes(evidence.report, ["report", str(evidence.report)], capsys):
        assert code == 4, f"byte {place}"
        assert said.startswith("error: report.json "), f"byte {place}: {said}"


def test_verify_notices_a_changed_report(evidence: Evidence, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["report", "verify", str(evidence.report), "--bank", str(evidence.bank)]
    for place, code, said in codes(evidence.report, arguments, capsys):
        assert code in (1, 4), f"byte {place}"
        assert "report FAILED  report.json was changed" in said or "error: report.json " in said, f"byte {place}"


def test_verify_notices_a_changed_policy(evidence: Evidence, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["report", "verify", str(evidence.report), "--policy", str(evidence.policy)]
    for place, code, said in codes(evidence.policy, arguments, capsys, every=3):
        assert code == 1, f"byte {place}"
        assert "policy FAILED  the policy mine.yaml: its digest is" in said


@pytest.mark.parametrize("name", ["manifest.json", *ARRAYS, "judge.safetensors"])
def test_verify_notices_a_changed_bank(name: str, evidence: Evidence, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["report", "verify", str(evidence.report), "--bank", str(evidence.bank)]
    for place, code, said in codes(evidence.bank / name, arguments, capsys, every=4):
        assert code == 1, f"byte {place}"
        assert "bank FAILED" in said or "judge FAILED" in said
        assert name in said or "the manifest of bank" in said


def test_a_changed_judge_is_found_before_the_model_is_measured(evidence: Evidence, tmp_path: Path) -> None:
    spoilt = evidence.copied_to(tmp_path / "spoilt")
    judge = spoilt.bank / FILE
    judge.write_bytes(judge.read_bytes()[:-1] + b"!")
    with pytest.raises(BankError, match=r"judge.safetensors of bank 'bank' was changed"):
        prepare(str(spoilt.measurement), AuditOptions(bank=str(spoilt.bank)))


def test_the_padding_of_a_header_counts(tmp_path: Path) -> None:
    """Other white space is the same JSON, and no digest of the content can see it."""
    padded = 0
    for length in range(8):
        path = tmp_path / f"{length}.safetensors"
        save_measurement(make_measurement("m" * (length + 1), make_blocks(0)), path)
        content = path.read_bytes()
        padding = regions(content, path.name)[2]
        for place in padding:
            path.write_bytes(content[:place] + b"\t" + content[place + 1 :])
            with pytest.raises(MeasurementFileError, match="was changed after it was written"):
                load_measurement(path)
        padded += bool(padding)
    assert padded == 7


def test_a_report_states_the_digest_of_the_judge_that_judged(
    evidence: Evidence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bank's own, or the shipped bank's where it has none."""
    digest = file_digest(evidence.bank / FILE)
    assert read_report(evidence.report).digests.judge == digest
    without = make_evidence(tmp_path / "without")
    assert read_report(without.report).digests.judge is None
    monkeypatch.setattr(data, "DEFAULT_BANK", "shipped")
    monkeypatch.setattr(data, "banks", lambda: {"shipped": evidence.bank})
    assert without.verify() == 1, "another judge than the report's"
    assert without.audit() in (0, 1)
    assert read_report(without.report).digests.judge == digest
    assert without.verify() == 0
