"""A folder of evidence that can be spoilt: a bank with its judge, a measurement, a policy, and the report on them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from provcheck.bank import Bank
from provcheck.cli import run
from provcheck.rendering.json_report import JsonReport
from provcheck.report_file import read_report
from provcheck.store import save_measurement
from provcheck.types import Measurement, Report
from tests.synthetic import blocks_at, make_bank, make_blocks, make_measurement

POLICY = """\
name: mine
checks:
  - kind: safetensors-only
  - {kind: not-related-to, references: ["org/root-1"]}
"""


@dataclass(frozen=True)
class Evidence:
    """Files that belong together, in one folder."""

    folder: Path

    @property
    def bank(self) -> Path:
        return self.folder / "bank"

    @property
    def measurement(self) -> Path:
        return self.folder / "me.safetensors"

    @property
    def policy(self) -> Path:
        return self.folder / "mine.yaml"

    @property
    def report(self) -> Path:
        return self.folder / "out" / "report.json"

    def audit(self, *options: str) -> int:
        """Audit the measurement; the exit code."""
        settings = ["--bank", str(self.bank), "--policy", str(self.policy), "--out", str(self.report.parent)]
        return run(["audit", str(self.measurement), *settings, "--format", "json", "-q", *options])

    def verify(self, *options: str) -> int:
        """Verify the report with the measurement; the exit code."""
        settings = ["--bank", str(self.bank), "--policy", str(self.policy)]
        return run(["report", "verify", str(self.report), str(self.measurement), *settings, *options])

    def forge(self, change: Callable[[Report], Report]) -> None:
        """Change the report and give it a digest that fits, as whoever has provcheck can."""
        forged = change(read_report(self.report)).with_digest()
        self.report.write_text(JsonReport().render(forged), "utf-8", newline="\n")

    def copied_to(self, folder: Path) -> Evidence:
        """The same files elsewhere."""
        return Evidence(Path(shutil.copytree(self.folder, folder)))


def make_evidence(folder: Path, make: Callable[[Path], Bank] = make_bank) -> Evidence:
    """An audit of a relative of org/root-3 by a bank of synthetic models."""
    evidence = Evidence(folder)
    folder.mkdir(exist_ok=True)
    make(evidence.bank)
    save_measurement(subject(), evidence.measurement)
    evidence.policy.write_text(POLICY, "utf-8")
    assert evidence.audit() == 0
    return evidence


def subject(distance: float = 0.3) -> Measurement:
    """A model at that distance from org/root-3."""
    return make_measurement("me/mine", blocks_at(make_blocks(3), distance))
