"""How good is the judge? Error rates on held-out roots, next to simpler methods, as in Table 1 of the ABLE paper.

Every method is fitted only on calibration roots and tested only on pairs of held-out models.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from pydantic import Field

from provcheck.bank import Bank
from provcheck.errors import BankError
from provcheck.evaluation.attacked import JudgedAttack
from provcheck.evaluation.methods import BESIDE, MISSING, Answer, Scores, methods_of, score, scores_by, similarities_of
from provcheck.types import Bools, Record, Relation
from provcheck.verdict.calibration import Calibration
from provcheck.verdict.fitting import calibrate
from provcheck.verdict.panels import Calibrations, name_of
from provcheck.verdict.training import Pairs, every_pair

SEEDS = 5
ROOT_SHARE = 0.8
"""Each seed fits on this share of the calibration roots, drawn at random, with all their descendants."""

OTHER_KIN = "other kin"
DISTILLATION = "distillation on the way (neither related nor independent)"
SHARED_START = "one random initialisation, trained apart (independent)"


class Called(Record):
    """What a panel called some pairs; the others it called independent."""

    related: int
    inconclusive: int


class MechanismRecall(Record):
    """Held-out pairs of parent and child, or of other kin, and what each panel, by its name, called them."""

    mechanism: str
    pairs: int
    called: dict[str, Called]


class RuledOut(Record):
    """Held-out pairs of a model and its copy, and independent ones, of which a panel says that neither is a copy."""

    panel: str
    copies: int
    copies_ruled_out: int
    independent: int
    independent_ruled_out: int


class Evaluation(Record):
    """The table of one bank."""

    bank: str
    held_out_models: int
    independent_pairs: int
    related_pairs: int
    methods: tuple[Scores, ...]
    not_measured: dict[str, str]
    mechanisms: tuple[MechanismRecall, ...]
    distillation: MechanismRecall
    """Held-out pairs that only a distillation connects; no other number counts them."""
    shared_start: MechanismRecall
    """Held-out independent pairs whose roots began with the same random numbers."""
    copies: tuple[RuledOut, ...]
    audits: int
    audits_accusing: int
    features: dict[str, float]
    """AUC of each feature alone on the calibration pairs, related against independent; 0.5 is chance."""
    attacks: tuple[JudgedAttack, ...] = Field(default=(), exclude_if=lambda found: not found)
    """Attacked models, where some were given."""


def evaluate(bank: Bank) -> Evaluation:
    """Evaluate every method on the held-out pairs that all signals of the largest panel measured.

    Raises BankError when the bank has no held-out split.
    """
    held = [row for row, reference in enumerate(bank.references) if reference.split == "held-out"]
    if len({root for row in held for root in bank.ancestry.roots(bank.references[row].id)}) < 2:
        raise BankError(f"the bank '{bank.manifest.name}' has fewer than two held-out roots to evaluate on")
    everything = every_pair(bank)
    pairs = everything.documented
    final = calibrate(bank, pairs=pairs)
    read = final.largest.facts.features
    test = pairs.among(held).measured(read)
    if len(set(test.related)) < 2:
        raise BankError(f"the held-out models of the bank '{bank.manifest.name}' are all related, or none of them are")
    answers: dict[str, list[Answer]] = defaultdict(list)
    similarities = similarities_of(bank)
    for seed in range(SEEDS):
        rows = _drawn_rows(bank, seed)
        fitted = calibrate(bank, rows, pairs)
        train = pairs.among(rows).measured(read)
        for name, method in methods_of(similarities, fitted, final.largest.signals).items():
            answers[name].append(method(train, test, seed))
    return Evaluation(
        bank=bank.manifest.name,
        held_out_models=len(held),
        independent_pairs=int((~test.related).sum()),
        related_pairs=int(test.related.sum()),
        methods=tuple(score(name, given, test.related) for name, given in answers.items()),
        not_measured={name: why for name, why in MISSING.items() if name not in answers},
        mechanisms=_by_mechanism(bank, _shown(final), test),
        distillation=_recall(DISTILLATION, _shown(final), _distilled(bank, everything.among(held).measured(read))),
        shared_start=_recall(SHARED_START, _shown(final), test.where(_of_one_start(bank, test))),
        copies=tuple(_ruled_out(one, test) for one in _shown(final)),
        audits=len(held),
        audits_accusing=_accusing_audits(pairs.measured(read), final.largest, held),
        features=_feature_aucs(bank, pairs),
    )


def _drawn_rows(bank: Bank, seed: int) -> list[int]:
    """Rows of a random 80 % of the calibration roots with their descendants."""
    rows = [row for row, reference in enumerate(bank.references) if reference.split != "held-out"]
    roots = {row: bank.ancestry.roots(bank.references[row].id) for row in rows}
    names = sorted(frozenset().union(*roots.values()))
    drawn = set(np.random.RandomState(seed).permutation(names)[: round(ROOT_SHARE * len(names))])
    return [row for row in rows if roots[row] <= drawn]


def _shown(found: Calibrations) -> list[Calibration]:
    """The largest panel, and those beside it."""
    beside = [found.of(signals) for signals in BESIDE]
    return [found.largest, *(one for one in beside if one and one is not found.largest)]


def _by_mechanism(bank: Bank, panels: Sequence[Calibration], test: Pairs) -> tuple[MechanismRecall, ...]:
    """The related pairs: of parent and child by the child's mechanism, and all others."""
    kin = test.where(test.related)
    mechanisms = np.array([_mechanism(bank, *models) for models in kin.models])
    return tuple(_recall(str(name), panels, kin.where(mechanisms == name)) for name in np.unique(mechanisms))


def _mechanism(bank: Bank, i: int, j: int) -> str:
    first, second = bank.references[i], bank.references[j]
    child = first if second.id in first.parents else second if first.id in second.parents else None
    return child.mechanism if child else OTHER_KIN


def _recall(mechanism: str, panels: Sequence[Calibration], pairs: Pairs) -> MechanismRecall:
    return MechanismRecall(
        mechanism=mechanism,
        pairs=len(pairs.models),
        called={name_of(one.signals): _called(one, pairs) for one in panels},
    )


def _called(panel: Calibration, pairs: Pairs) -> Called:
    related, undecided = panel.accused(pairs.columns), scores_by(panel, pairs) > panel.facts.acquit_up_to
    return Called(related=int(related.sum()), inconclusive=int((~related & undecided).sum()))


def _ruled_out(panel: Calibration, pairs: Pairs) -> RuledOut:
    ruled_out = panel.rules_out_copies(pairs.columns(list(panel.facts.copy_limits)))
    copies = np.array([found is Relation.IDENTICAL for found in pairs.relations])
    return RuledOut(
        panel=name_of(panel.signals),
        copies=int(copies.sum()),
        copies_ruled_out=int(ruled_out[copies].sum()),
        independent=int((~pairs.related).sum()),
        independent_ruled_out=int(ruled_out[~pairs.related].sum()),
    )


def _distilled(bank: Bank, pairs: Pairs) -> Pairs:
    """Those that only a distillation connects."""
    ids = [reference.id for reference in bank.references]
    return pairs.where(np.array([bank.ancestry.only_distilled(ids[i], ids[j]) for i, j in pairs.models], dtype=bool))


def _of_one_start(bank: Bank, pairs: Pairs) -> Bools:
    """(P,) whether the two are independent but share an initialisation."""
    ids = [reference.id for reference in bank.references]
    shared = [bank.ancestry.share_start(ids[i], ids[j]) for i, j in pairs.models]
    return np.asarray(~pairs.related & np.array(shared, dtype=bool))


def _accusing_audits(pairs: Pairs, panel: Calibration, held: list[int]) -> int:
    """Number of held-out models wrongly called related to some reference outside the held-out split."""
    outside = pairs.where(np.isin(pairs.models, held).sum(axis=1) == 1)
    accused = outside.models[panel.accused(outside.columns)]
    return len(set(accused.ravel()) & set(held))


def _feature_aucs(bank: Bank, pairs: Pairs) -> dict[str, float]:
    """AUC of each feature on the calibration roots only, the basis for choosing the judge's features."""
    from sklearn.metrics import roc_auc_score

    rows = [row for row, reference in enumerate(bank.references) if reference.split != "held-out"]
    chosen, found = pairs.among(rows), {}
    for name in chosen.names:
        known = chosen.measured([name])
        auc = float(roc_auc_score(known.related, known.columns([name])[:, 0]))
        found[name] = round(max(auc, 1 - auc), 4)
    return found


def markdown(evaluation: Evaluation) -> str:
    """The tables as Markdown."""
    lines = [
        f"{evaluation.held_out_models} held-out models of the bank {evaluation.bank}: {evaluation.related_pairs} "
        f"related and {evaluation.independent_pairs} independent pairs; mean and standard deviation, {SEEDS} seeds.",
        "",
        "| method | AUC | accuracy | precision | recall | F1 | false accusations (95 % interval) | calibration error |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in evaluation.methods:
        cells = (row.auc, row.accuracy, row.precision, row.recall, row.f1)
        low, high = row.false_accusation_interval
        shown = " | ".join(_with_sd(cell) for cell in cells)
        false = f"{row.false_accusation_rate[0]:.2%} ({low:.2%} to {high:.2%})"
        lines.append(f"| {row.method} | {shown} | {false} | {_with_sd(row.expected_calibration_error)} |")
    lines += [
        f"| {method} | not measured: {reason} | | | | | | |" for method, reason in evaluation.not_measured.items()
    ]
    lines += ["", *_mechanism_table([*evaluation.mechanisms, evaluation.distillation, evaluation.shared_start])]
    lines += ["", "| of held-out pairs, called no copies by | copies | independent |", "|---|---:|---:|"]
    lines += [
        f"| {one.panel.replace('+', ' + ')} | {one.copies_ruled_out} of {one.copies} "
        f"| {one.independent_ruled_out} of {one.independent} |"
        for one in evaluation.copies
    ]
    lines += [
        "",
        f"Each of the {evaluation.audits} held-out models was audited against the references of the other roots, none "
        f"of them its kin: {evaluation.audits_accusing} of these audits accused.",
        "",
        "| feature, on calibration pairs | AUC alone |",
        "|---|---:|",
        *(f"| {name} | {auc:.3f} |" for name, auc in evaluation.features.items()),
    ]
    return "\n".join(lines) + "\n"


def _mechanism_table(rows: Sequence[MechanismRecall]) -> list[str]:
    """Two columns for each panel: how many pairs it called related, and how many it left open."""
    panels = [name.replace("+", " + ") for name in rows[0].called]
    headings = [f"{name}: {what}" for name in panels for what in ("related", "inconclusive")]
    lines = [f"| pairs of parent and child by mechanism | pairs | {' | '.join(headings)} |"]
    lines.append("|---|---:|" + "---:|" * len(headings))
    for row in rows:
        counts = [count for one in row.called.values() for count in (one.related, one.inconclusive)]
        lines.append(f"| {row.mechanism} | {row.pairs} | {' | '.join(map(str, counts))} |")
    return lines


def _with_sd(value: tuple[float, float]) -> str:
    return f"{value[0]:.3f} ± {value[1]:.3f}"
