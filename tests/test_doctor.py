"""What this machine can run, and what is missing."""

from __future__ import annotations

import importlib.metadata
import re

import pytest

from provcheck.cli import run
from provcheck.doctor import PACKAGES, examine
from provcheck.errors import BankError
from provcheck.io import data


def test_it_looks_at_everything() -> None:
    findings = {finding.what: finding for finding in examine()}
    assert {"python", "processor", "GPU", "memory", "disk", "probes", "policy", "demo model", *PACKAGES} <= set(
        findings
    )
    assert all(findings[name].ok for name in PACKAGES)
    assert all(finding.detail for finding in findings.values())
    assert findings["GPU"].optional


def test_a_missing_package_is_named_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    version = importlib.metadata.version

    def without_peft(name: str) -> str:
        if name == "peft":
            raise importlib.metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(importlib.metadata, "version", without_peft)
    assert run(["doctor"]) == 1
    assert "MISSING  peft           run `pip install peft`" in capsys.readouterr().out


def test_a_missing_optional_package_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    version = importlib.metadata.version

    def without_gguf(name: str) -> str:
        if name == "gguf":
            raise importlib.metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(importlib.metadata, "version", without_gguf)
    assert run(["doctor"]) == 0
    assert "MISSING  gguf           run `pip install gguf` to measure GGUF files" in capsys.readouterr().out


def test_memory_says_what_fits() -> None:
    (memory,) = (finding for finding in examine() if finding.what == "memory")
    found = re.fullmatch(
        r"(\d+) GB, (\d+) GB free: up to ([\d.]+)B parameters in float32, ([\d.]+)B in bfloat16", memory.detail
    )
    assert found
    total, free, single, half = map(float, found.groups())
    assert 0 < free <= total
    assert single == pytest.approx(free / 4, abs=0.2)
    assert half == pytest.approx(2 * single, abs=0.11)


def test_a_broken_bank_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise BankError(f"the manifest of bank '{name}' was changed after the bank was built")

    monkeypatch.setattr("provcheck.bank.load_bank", broken)
    found = [finding for finding in examine() if finding.what == "bank"]
    assert len(found) == len(data.banks()) > 0
    assert not any(finding.ok for finding in found)
    assert all("was changed" in finding.detail for finding in found)


def test_an_installation_without_a_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "demo_subjects", dict)
    (finding,) = (finding for finding in examine() if finding.what == "demo model")
    assert (finding.ok, finding.detail) == (False, "this installation carries no demo model")
