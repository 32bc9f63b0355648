"""Signals measured one after another on one open target."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from provcheck.checkpoint import Checkpoint, NoCheckpoint
from provcheck.measurement import MeasureOptions
from provcheck.observer import Observer, Silent
from provcheck.signals import Signal
from provcheck.targets import OpenTarget, Target
from provcheck.types import NotMeasured, ProbeSet, RunFacts, SignalFacts, Sketch


@dataclass(frozen=True)
class Sketched:
    """What a signal found, and how the target had run until then."""

    signal: str
    run: RunFacts
    found: Sketch | NotMeasured


def sketch_each(
    target: Target,
    probes: ProbeSet,
    how: MeasureOptions,
    observe: Observer,
    checkpoint: Checkpoint,
    signals: Sequence[Signal],
) -> Iterator[Sketched]:
    """Measure the signals in this order. Raises ProvcheckError."""
    started = datetime.now(UTC).replace(microsecond=0)
    access = target.open(how, observe, checkpoint)
    for signal in signals:
        found = _measured(signal, access, probes)
        yield Sketched(signal.name, _run_facts(access, probes, started), found)


def not_run(target: Target, probes: ProbeSet, how: MeasureOptions) -> RunFacts:
    """The facts of a measurement in which there was nothing to measure."""
    return _run_facts(target.open(how, Silent(), NoCheckpoint()), probes, datetime.now(UTC).replace(microsecond=0))


def _measured(signal: Signal, access: OpenTarget, probes: ProbeSet) -> Sketch | NotMeasured:
    begin = time.perf_counter()
    found = signal.measure(access, probes)
    if isinstance(found, NotMeasured):
        return found
    facts = SignalFacts(
        version=signal.version,
        material=signal.material(probes),
        context=dict(signal.context(probes)),
        coverage=found.coverage,
        values=dict(found.values),
        seconds=round(time.perf_counter() - begin, 3),
    )
    return Sketch(facts, found.arrays, found.raw)


def _run_facts(access: OpenTarget, probes: ProbeSet, started: datetime) -> RunFacts:
    return RunFacts(probes=probes.name, probes_digest=probes.digest, measured_at=started, **asdict(access.runs_on()))
