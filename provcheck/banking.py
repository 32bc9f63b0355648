"""Banks out of models: measure those of a manifest into a new bank, or one more into a bank that is there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from provcheck.bank.build import Built, build_bank
from provcheck.bank.editing import Edited, add_reference, check_new, load_editable
from provcheck.bank.manifest import BuildEntry, read_build_manifest
from provcheck.observer import Observer
from provcheck.probes import load_probes
from provcheck.source import ModelOptions, find_for, measure_model, measured
from provcheck.types import Measurement, Reference


def build_from(manifest: Path, out: Path, options: ModelOptions, observe: Observer, *, words: bool = False) -> Built:
    """Build a bank from a manifest file. Raises BankError, OutputError or ProbeError."""
    probes = load_probes(options.probes)

    def measure_entry(entry: BuildEntry) -> Measurement:
        found = replace(options, revision=entry.revision)
        return measure_model(entry.path or entry.id, found, observe)

    return build_bank(read_build_manifest(manifest), out, probes, measure_entry, observe, words=words)


def add_to_bank(name: str, model: str, reference: Reference, options: ModelOptions, observe: Observer) -> Edited:
    """Measure a model, or read its measurement, and add it to a bank; no probes named: those of the bank.

    Raises ProvcheckError.
    """
    bank = load_editable(name)
    check_new(bank, reference)
    for parent in set(reference.parents) - {known.id for known in bank.references}:
        observe.note(f"its parent {parent} is no reference of this bank")
    options = replace(options, probes=options.probes or bank.manifest.probes)
    measurement = measured(find_for(bank.manifest, model, options), options, observe)
    return add_reference(load_editable(name), reference, measurement)  # it may have changed meanwhile
