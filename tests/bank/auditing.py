"""Audit a measurement file and say what it took, as JSON: `python -m tests.bank.auditing BANK FILE`."""

from __future__ import annotations

import json
import resource
import sys
import time

import torch  # noqa: F401 - an audit of a model has it in memory when it compares

from provcheck.bank import load_bank
from provcheck.observer import Silent
from provcheck.pipeline import AuditOptions, carry_out, prepare

LOADS = 3


def main(bank: str, file: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    loads = []
    for _ in range(LOADS):
        started = time.perf_counter()
        load_bank(bank)
        loads.append(time.perf_counter() - started)
    prepared = prepare(file, AuditOptions(bank=bank))
    started = time.perf_counter()
    report = carry_out(prepared, Silent())
    took = {
        "references": report.bank.references,
        "judge": report.bank.judge,
        "compared": len(report.comparisons),
        "nearest": report.comparisons[0].reference,
        "load_seconds": min(loads),
        "audit_seconds": time.perf_counter() - started,
        "peak_gigabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9,
        "of_that_before": before * 1024 / 1e9,
    }
    print(json.dumps(took))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
