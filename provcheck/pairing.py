"""A model head to head with one or a few others: measured, compared, judged, and what was changed.

Pairs that were named beforehand are hypotheses of their own: p-values are corrected for their number only. The judge
is that of the shipped bank; it goes by the signals that both models were measured by in the way of that bank.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from provcheck.assembly import repeat_pair
from provcheck.bank import Bank, load_bank
from provcheck.bank.ancestry import Ancestry
from provcheck.changes import Opened, Unfit, describe_changes, describe_mixture, with_merge
from provcheck.checkpoint import NoCheckpoint
from provcheck.comparison import compare_two
from provcheck.disguise import find_signs
from provcheck.errors import BankError, IncompatibleError
from provcheck.io import data
from provcheck.measuring import ModelOptions, measure_model, measured
from provcheck.observer import Observer, Silent
from provcheck.policy import DEFAULT_POLICY, collect
from provcheck.signals import distance_of, find_signal
from provcheck.targets import Target, find_target
from provcheck.types import (
    Capability,
    Changes,
    Comparison,
    Interval,
    Measurement,
    Mixture,
    NotMeasured,
    Opponent,
    PairReport,
    Relation,
    StrPath,
    Tool,
    Verdict,
)
from provcheck.verdict import MIN_COVERAGE, Judge, choose_judge, decide, find_calibrations
from provcheck.version import __version__

LEFT_OUT = NotMeasured(not_measured="it was not asked for")
NO_JUDGE = "No bank with a judge ships with this installation, so nothing but equal weight files can be judged."
LIMITATIONS = (
    "Related says that weights have a common ancestor. It does not say whether anything was allowed.",
    "Heavy continued training and distillation into another architecture can hide an ancestor.",
    "A mechanism is read off the weights. Kinds of training look alike in them, and what was done and undone leaves no "
    "trace.",
)


def compare_models(
    first: StrPath | Measurement,
    second: StrPath | Measurement,
    options: ModelOptions | None = None,
    observe: Observer | None = None,
) -> tuple[Measurement, Measurement, Comparison]:
    """Measure two models and compare them head to head; nothing is judged.

    Raises ProvcheckError.
    """
    options, observe = options or ModelOptions(), observe or Silent()
    one, two = (
        model if isinstance(model, Measurement) else measure_model(model, options, observe) for model in (first, second)
    )
    return one, two, compare_two(one, two)


def distance(
    first: StrPath | Measurement,
    second: StrPath | Measurement,
    options: ModelOptions | None = None,
    observe: Observer | None = None,
    *,
    signal: str | None = None,
) -> Interval:
    """How far apart two models are, as a report computes it, with the ends of the 95 % interval.

    By default the mean over the signals that give distances, by which a report orders its references: 0 is the same,
    about 1 has nothing in common. With `signal` its own distance alone, in its unit: `able` and `weights` from 0,
    `likelihood` in bits/byte. Raises ProvcheckError, also where the two models have no distance.
    """
    options = replace(options or ModelOptions(), signals=(signal,)) if signal else options
    one, two, comparison = compare_models(first, second, options, observe)
    kept = {name: found for name, found in comparison.signals.items() if signal in (None, name)}
    found = distance_of(comparison.model_copy(update={"signals": kept}))
    if found is None:
        why = [f"{name}: {one.not_measured}" for name, one in kept.items() if isinstance(one, NotMeasured)]
        raise IncompatibleError(
            f"'{one.subject.id}' and '{two.subject.id}' have no distance", "; ".join(why) or "measure other signals"
        )
    return found


def judge_pair(
    model: StrPath,
    *others: StrPath,
    options: ModelOptions | None = None,
    observe: Observer | None = None,
    changes: bool = True,
) -> PairReport:
    """Measure, compare and judge a model against one or a few named others, and say what was changed.

    With several, they are candidate parents, and the model is fitted as a mixture of them. Raises ProvcheckError.
    """
    options = options or ModelOptions()
    options = replace(options, whole_files=changes or options.whole_files)  # what was changed is read off all weights
    return judge_targets(
        [find_target(os.fspath(name), options) for name in (model, *others)], options, observe, changes
    )


def judge_targets(
    targets: Sequence[Target], options: ModelOptions, observe: Observer | None = None, changes: bool = True
) -> PairReport:
    """The same for targets that were found, the model first. Raises ProvcheckError."""
    observe, bank = observe or Silent(), _shipped_bank()
    own, *theirs = (measured(target, options, observe) for target in targets)
    compared = [compare_two(own, one).model_copy(update={"named": len(theirs)}) for one in theirs]
    judged, verdict, judge = _judge(compared, own, theirs, bank)
    subjects = [one.subject for one in theirs]
    weights = [_opened(target, options, observe) if changes else LEFT_OUT for target in targets]
    changed, mixture = _changed(weights, judged, _distinct([one.id for one in subjects]))
    found = [
        Opponent(subject=one.subject, measurement=one.facts, comparison=comparison, changes=what)
        for one, comparison, what in zip(theirs, judged, changed, strict=True)
    ]
    return PairReport(
        tool=Tool(
            version=__version__,
            command=repeat_pair(
                [one.subject for one in targets],
                ("--signals", ",".join(options.asked) if options.signals else None),
            ),
        ),
        subject=own.subject,
        measurement=own.facts,
        opponents=tuple(found),
        judge=judge.facts(judged) if judge else None,
        verdict=verdict,
        signs=find_signs(own.subject, own.facts, judged, verdict, {one.id: one.settings for one in subjects}),
        mixture=mixture,
        limitations=(*LIMITATIONS, *([judge.limitation] if judge else [])),
    ).with_digest()


def _judge(
    compared: Sequence[Comparison], own: Measurement, theirs: Sequence[Measurement], bank: Bank | None
) -> tuple[Sequence[Comparison], Verdict, Judge | None]:
    """The comparisons with their relations, the verdict, and the judge; None where none ships."""
    if bank is None or find_calibrations(bank) is None:
        by_files = [_by_files(one) for one in compared]
        return by_files, _without_judge(by_files), None
    limit = collect(DEFAULT_POLICY, "").policy.max_false_accusation_rate
    judge, facts = choose_judge(bank, limit), own.facts
    unused = {name: why for name in facts.measured if (why := _why_not(name, [own, *theirs], bank))}
    usable = facts.model_copy(update={"signals": {**facts.signals, **unused}})
    judged, verdict = decide(compared, judge, usable, Ancestry(()))
    if verdict.relation is Relation.INCONCLUSIVE:
        said = tuple(f"{find_signal(name).title}: not judged by, {why.not_measured}." for name, why in unused.items())
        verdict = verdict.model_copy(update={"reasons": verdict.reasons + said})
    return judged, verdict, judge


def _why_not(signal: str, measurements: Sequence[Measurement], bank: Bank) -> NotMeasured | None:
    """Why the bank's judge cannot go by a signal that the first model was measured by; None where it can."""
    sketches = [one.sketches.get(signal) for one in measurements]
    if not all(sketches):
        return NotMeasured(not_measured="not all models were measured by it")
    facts = [one.facts for one in sketches if one]
    if any(one.basis != bank.manifest.bases.get(signal) for one in facts):
        return NotMeasured(not_measured=f"it was measured in another way than in the judge's bank {bank.manifest.name}")
    if any(one.coverage.share < MIN_COVERAGE for one in facts):
        return NotMeasured(not_measured="less than half of its probes could be measured")
    return None


def _by_files(comparison: Comparison) -> Comparison:
    relation = Relation.IDENTICAL if comparison.same_weights else Relation.INCONCLUSIVE
    return comparison.model_copy(update={"relation": relation})


def _without_judge(judged: Sequence[Comparison]) -> Verdict:
    same = next((one for one in judged if one.same_weights), None)
    reason = "The weight files are byte for byte those of the other model." if same else NO_JUDGE
    return Verdict(
        relation=Relation.IDENTICAL if same else Relation.INCONCLUSIVE,
        reference=same.reference if same else None,
        probability=None,
        p_value=None,
        reasons=(reason,),
    )


def _opened(target: Target, options: ModelOptions, observe: Observer) -> Opened | NotMeasured:
    """A target whose weights can be read, or why not."""
    if reason := target.lacks(Capability.WEIGHTS):
        return NotMeasured(not_measured=f"'{target.subject.id}': {reason}")
    access = target.open(options.how, observe, NoCheckpoint())
    return Opened(access.tensors(), access.config(), target.vocabulary())


def _changed(
    weights: Sequence[Opened | NotMeasured], judged: Sequence[Comparison], names: Sequence[str]
) -> tuple[Sequence[Changes | NotMeasured], Mixture | NotMeasured | None]:
    """What was changed against each of the others, and the first as a mixture of them, if they are several."""
    found = [
        _changes(weights[0], one, comparison.relation) for comparison, one in zip(judged, weights[1:], strict=True)
    ]
    mixture = _mixture(weights, names) if len(names) > 1 else None
    if isinstance(mixture, Mixture):
        both = zip(found, names, strict=True)
        found = [with_merge(one, mixture, name) if isinstance(one, Changes) else one for one, name in both]
    return found, mixture


def _changes(own: Opened | NotMeasured, other: Opened | NotMeasured, relation: Relation) -> Changes | NotMeasured:
    if isinstance(own, NotMeasured):
        return own
    if isinstance(other, NotMeasured):
        return other
    try:
        return describe_changes(own, other, relation)
    except Unfit as fault:
        return NotMeasured(not_measured=str(fault))


def _mixture(weights: Sequence[Opened | NotMeasured], names: Sequence[str]) -> Mixture | NotMeasured:
    """The first as a mixture of the others."""
    opened = []
    for one in weights:
        if isinstance(one, NotMeasured):
            return one
        opened.append(one)
    try:
        found = describe_mixture(opened[0], dict(zip(names, opened[1:], strict=True)))
    except Unfit as fault:
        return NotMeasured(not_measured=str(fault))
    return found or NotMeasured(not_measured="the models have no tensor of one name and shape in common")


def _distinct(names: Sequence[str]) -> list[str]:
    """The names, numbered where one occurs twice."""
    return [name if names.count(name) == 1 else f"{name} ({place})" for place, name in enumerate(names, start=1)]


def _shipped_bank() -> Bank | None:
    try:
        return load_bank(data.DEFAULT_BANK)
    except BankError:
        return None
