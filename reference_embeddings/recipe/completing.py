"""A signal that a bank lacks, measured on the models of the zoo made again: the other signals stay as they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from safetensors.numpy import save

from provcheck.bank.folder import Bank, arrays_file
from provcheck.bank.manifest import BankEntry, BankManifest, BankSignal, EntryFacts
from provcheck.bank.saving import check_fits, kept_rows, replace_bank
from provcheck.io.digests import arrays_digest
from provcheck.measuring import measure
from provcheck.probes import load_probes
from provcheck.signals import find_signal
from provcheck.signals.stacks import stack_of
from provcheck.targets import FindOptions, find_target
from provcheck.types import Sketch


def complete(bank: Bank, zoo: Path, signal: str, say: Callable[[str], None]) -> BankManifest:
    """Add a signal to every reference of a bank, from its model in the zoo.

    Raises ValueError if a model is not the one that the bank was measured on, or gives no such signal.
    """
    sketches = {one.id: _sketch(one, zoo / one.id.removeprefix("zoo/"), signal, say) for one in bank.references}
    first = next(iter(sketches.values())).facts
    entries = tuple(_with(one, signal, sketches[one.id]) for one in bank.references)
    known = BankSignal(version=first.version, material=first.material, context=first.context)
    signals = {**bank.manifest.signals, signal: known}
    manifest = bank.manifest.model_copy(update={"references": entries, "signals": signals})
    arrays = dict(stack_of(find_signal(signal), list(sketches.values()), kept=True).arrays)
    check_fits(manifest, {signal: arrays})
    kept = {name: (bank.folder / name).read_bytes() for name in bank.manifest.files if (bank.folder / name).exists()}
    return replace_bank(bank.folder, manifest, {**kept, arrays_file(signal): save(arrays)})


def _sketch(reference: BankEntry, folder: Path, signal: str, say: Callable[[str], None]) -> Sketch:
    target = find_target(str(folder), FindOptions(offline=True))
    if target.subject.weights_digest != reference.weights_digest:
        raise ValueError(f"{folder.name} is not the model that the bank was measured on: its weights differ")
    found = measure(target, load_probes(), signals=[signal]).signals[signal]
    if not isinstance(found, Sketch):
        raise ValueError(f"{folder.name}: {found.not_measured}")
    say(reference.id)
    return found


def _with(reference: BankEntry, signal: str, sketch: Sketch) -> BankEntry:
    facts = EntryFacts(
        coverage=sketch.facts.coverage,
        values=sketch.facts.values,
        sha256=arrays_digest(kept_rows(signal, sketch)),
    )
    return reference.model_copy(update={"signals": {**reference.signals, signal: facts}})
