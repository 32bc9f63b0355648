"""The command in a report: readers run it, so it must be the one that repeats the audit."""

from __future__ import annotations

import shlex
from itertools import pairwise

from provcheck.measuring import read_signals
from provcheck.probes import DEFAULT_PROBES
from provcheck.signals import TABLE
from provcheck.types import Check, Report
from provcheck.verification.steps import failed, passed, skipped

NAMED = ("--bank", "--probes", "--policy", "--dtype", "-k")
"""Options with values that a report does not state word for word."""

COMMAND, SIGNALS = "command", "--signals"


def check_command(old: Report, new: Report) -> Check:
    """Whether it audits that model with that claim, and the bank, probes and policy that the report names."""
    stated, values = _parted(old.tool.command)
    again, given = _parted(new.tool.command)
    if (old.tool.name, stated) != (new.tool.name, again):
        return failed(COMMAND, f"{old.tool.command!a} became {new.tool.command!a}")
    strange = [value for option, value in values.items() if value not in (*_names(new, option), given.get(option))]
    if strange:
        return skipped(COMMAND, f"what {' and '.join(map(ascii, strange))} stands for is not known")
    return passed(COMMAND, old.tool.command)


def signals_in(report: Report) -> tuple[str, ...] | None:
    """The signals that the command asks for, and those that were measured all the same; None: all."""
    words = _words(report.tool.command)
    asked = [read_signals(value) or () for option, value in pairwise(words) if option == SIGNALS]
    return (
        tuple(name for name in (*asked[-1], *report.measurement.measured) if name in TABLE) or None if asked else None
    )


def _parted(command: str) -> tuple[list[str], dict[str, str]]:
    """The words of a command without the options of `NAMED`, and the values of these."""
    words = _words(command)
    kept: list[str] = []
    values: dict[str, str] = {}
    for place, word in enumerate(words):
        if place and words[place - 1] in NAMED:
            values[words[place - 1]] = word
        elif word not in NAMED:
            kept.append(word)
    return kept, values


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return [command]


def _names(report: Report, option: str) -> tuple[str, ...]:
    """What the report calls it, beside what the user of the verification does."""
    measurement = report.measurement
    return {
        "--bank": (report.bank.name,),
        "--probes": (DEFAULT_PROBES, measurement.probes, measurement.probes.rpartition("-")[2]),
        "--policy": (report.policy.name,),
        "--dtype": ("auto", measurement.dtype),
    }.get(option, ())
