"""Put the findings of an audit together into a report: the facts about how it was made, digests, limits."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterable
from pathlib import Path

from provcheck import data
from provcheck.bank import Bank
from provcheck.bank.folder import file_digest
from provcheck.comparison.scale import load_scale
from provcheck.store import measurement_digest
from provcheck.types import (
    Background,
    Digests,
    FileDigest,
    KLBand,
    Measurement,
    MeasurementFacts,
    NullDistribution,
    Relation,
    Subject,
    Verdict,
)


def background(null: NullDistribution | None) -> Background:
    """What the subject's numbers are seen against: the judge's independent pairs and the papers' KL scale."""
    scale = load_scale()
    bands = tuple(KLBand(name=band.name, median=band.median) for band in scale.bands)
    return Background(null=null, kl_bands=bands, kl_source=f"{scale.source}, {scale.table}")


def digests(measurement: Measurement, bank: Bank, policy_digest: str, judge_digest: str | None) -> Digests:
    """sha256 of everything that went into the report."""
    return Digests(
        weights=measurement.subject.weights_digest,
        model_files=_files_digest(model_files(measurement.subject)),
        measurement=measurement_digest(measurement),
        probes=measurement.facts.probes_digest,
        bank=bank.manifest.digest,
        judge=judge_digest,
        policy=policy_digest,
        kl_scale=file_digest(data.kl_scale_file()),
    )


def model_files(subject: Subject) -> tuple[FileDigest, ...]:
    """The files beside the weights; for an adapter also those of the model under it."""
    return (*subject.files, *(subject.base.files if subject.base else ()))


def repeat_command(name: str, *options: tuple[str, str | None]) -> str:
    """The command that repeats an audit; files and folders are named without their paths on this machine."""
    words = ["provcheck", "audit", name]
    for option, value in options:
        words += [option, Path(value).name] if value else []
    return shlex.join(words)


def limitations(facts: MeasurementFacts, verdict: Verdict, of_judge: str) -> tuple[str, ...]:
    """What the report cannot prove, in plain sentences."""
    lines = [
        "A report speaks about the references of its bank only; a model that is not in the bank cannot be found.",
        "Related says that weights have a common ancestor. It does not say who copied from whom, nor when, nor whether "
        "it was allowed.",
        of_judge,
        "Heavy continued training and distillation into another architecture can hide an ancestor.",
    ]
    if facts.coverage.share < 1:
        lines.append(f"Only {facts.coverage.share:.1%} of the probes were measured.")
    if verdict.relation is Relation.INCONCLUSIVE:
        lines.append("Inconclusive is not an acquittal: the evidence was not enough to decide.")
    return tuple(lines)


def _files_digest(files: Iterable[FileDigest]) -> str:
    """sha256 (hex) over names and digests, in order."""
    return hashlib.sha256("".join(f"{file.name}\0{file.sha256}\n" for file in files).encode()).hexdigest()
