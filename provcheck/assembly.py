"""Assemble the report from the findings of an audit: how it was made, digests, limitations."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterable
from pathlib import Path

from provcheck.bank import Bank
from provcheck.signals import Signal, all_signals
from provcheck.store import measurement_digest
from provcheck.types import (
    BankFacts,
    Digests,
    FileDigest,
    Measurement,
    MeasurementFacts,
    Record,
    Relation,
    Shortlist,
    Subject,
    Verdict,
)
from provcheck.wording import MEASURED_FOR_AUDIT, listing, plural, shortlisted


def bank_facts(bank: Bank, shortlist: Shortlist | None = None) -> BankFacts:
    """What the report says about the bank."""
    manifest = bank.manifest
    references = len(manifest.references)
    return BankFacts(name=manifest.name, digest=manifest.digest, references=references, shortlist=shortlist)


def backgrounds(facts: MeasurementFacts, bank: Bank) -> tuple[dict[str, Record], dict[str, str]]:
    """Numbers to read the measured signals against, published or the bank's own, and their digests."""
    found = {name: against(signal, bank) for name, signal in all_signals().items() if name in facts.measured}
    records = {name: one[0] for name, one in found.items() if one}
    return records, {name: one[1] for name, one in found.items() if one}


def against(signal: Signal, bank: Bank | None) -> tuple[Record, str] | None:
    """What a signal's numbers are read against: the bank's own, where it has such."""
    stack = bank.stacks.get(signal.name) if bank else None
    return signal.against(stack.context if stack else None)


def digests(
    measurement: Measurement, bank: Bank, policy: str, judge: str | None, background: dict[str, str]
) -> Digests:
    """sha256 of everything that went into the report; the last three arguments are digests already."""
    return Digests(
        weights=measurement.subject.weights_digest,
        model_files=_files_digest(measurement.subject.all_files),
        measurement=measurement_digest(measurement),
        probes=measurement.run.probes_digest,
        bank=bank.manifest.digest,
        judge=judge,
        policy=policy,
        background=background,
    )


def repeat_command(name: str, *options: tuple[str, str | None]) -> str:
    """The command that repeats an audit; files and folders are named without their paths on this machine."""
    return _command("audit", [name], options)


def repeat_pair(subjects: Iterable[Subject], *options: tuple[str, str | None]) -> str:
    """The command that repeats a head-to-head comparison; models are named as reports name them."""
    return _command("compare", [one.called for one in subjects], options)


def _command(name: str, models: Iterable[str], options: Iterable[tuple[str, str | None]]) -> str:
    words = ["provcheck", name, *models]
    for option, value in options:
        words += [option, Path(value).name] if value else []
    return shlex.join(words)


def limitations(
    facts: MeasurementFacts,
    verdict: Verdict,
    of_judge: str,
    subject: Subject,
    at_hand: tuple[str, ...] = (),
    shortlist: Shortlist | None = None,
) -> tuple[str, ...]:
    """What the report cannot prove, in plain sentences; `at_hand`: references that are not of the bank."""
    lines = [
        "A report speaks about the references of its bank only; a model that is not in the bank cannot be found.",
        *([shortlisted(shortlist)] if shortlist else []),
        *_beside(at_hand),
        "Related says that weights have a common ancestor. It does not say who copied from whom, nor when, nor whether "
        "it was allowed.",
        of_judge,
        "Heavy continued training and distillation into another architecture can hide an ancestor.",
        *_not_measured(facts),
        *_not_digested(subject),
    ]
    if verdict.relation is Relation.INCONCLUSIVE:
        lines.append("Inconclusive is not an acquittal: the evidence was not enough to decide.")
    return tuple(lines)


def _beside(at_hand: tuple[str, ...]) -> list[str]:
    if not at_hand:
        return []
    return [
        f"Beside the bank's references, these were {MEASURED_FOR_AUDIT}: {listing(at_hand)}. No bank documents where "
        "they come from, and the judge was not calibrated on them."
    ]


def _not_measured(facts: MeasurementFacts) -> list[str]:
    """What each signal left out."""
    lines = []
    for name, signal in all_signals().items():
        found = facts.signals.get(name)
        coverage = facts.measured[name].coverage if name in facts.measured else None
        if coverage and coverage.share < 1:
            of = f"{coverage.measured:,} of {plural(coverage.total, coverage.unit)}"
            lines.append(f"{signal.title}: only {of} were measured.")
        elif found is None or coverage is None:
            why = getattr(found, "not_measured", "the measurement holds none")
            lines.append(f"{signal.title} was not measured: {why}.")
    return lines


def _not_digested(subject: Subject) -> list[str]:
    if not subject.in_part:
        return []
    return [
        f"Only the parts that were needed of {plural(len(subject.in_part), 'weight file')} were fetched from the Hub, "
        "so digests of whole files were not computed. That they belong to the files that the report names by commit "
        "and ETag is the word of the Hub."
    ]


def _files_digest(files: Iterable[FileDigest]) -> str:
    """sha256 (hex) over names and digests, in order."""
    return hashlib.sha256("".join(f"{file.name}\0{file.sha256}\n" for file in files).encode()).hexdigest()
