"""Audit a measurement file and say what it took, as JSON: `python -m tests.bank.auditing BANK FILE`."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import torch  # noqa: F401 - an audit of a model has it in memory when it compares

from provcheck.bank import load_bank
from provcheck.observer import Silent
from provcheck.pipeline import AuditOptions, carry_out, prepare

LOADS = 3


def main(bank: str, file: str) -> None:
    loads, computing = [], []
    for _ in range(LOADS):
        started, computed = time.perf_counter(), time.process_time()
        load_bank(bank)
        loads.append(time.perf_counter() - started)
        computing.append(time.process_time() - computed)
    prepared = prepare(file, AuditOptions(bank=bank))
    started, computed = time.perf_counter(), time.process_time()
    report = carry_out(prepared, Silent())
    wall, computed = time.perf_counter() - started, time.process_time() - computed
    took = {
        "references": report.bank.references,
        "judge": report.judge.name,
        "compared": len(report.comparisons),
        "nearest": report.comparisons[0].reference,
        "load_seconds": min(loads),
        "load_seconds_of_processor": min(computing),
        "audit_seconds": wall,
        "audit_seconds_of_processor": computed,
        "peak_gigabytes": peak_bytes() / 1e9,
    }
    print(json.dumps(took))


def peak_bytes() -> int:
    """Largest resident set; what `getrusage` says counts the process that forked this one too."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text("utf-8").splitlines())
    return int(status["VmHWM"].split()[0]) * 1024


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
