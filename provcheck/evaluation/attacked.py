"""What a bank's judge says of models that were attacked, by each panel of signals.

A folder holds the models, or measurements of them, and `attacks.json`, which lists them. `python -m
reference_embeddings.attacks --out DIR` writes such a folder; any other program may.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from provcheck.bank import Bank
from provcheck.comparison import compare_two
from provcheck.errors import BankError
from provcheck.io.text import plain
from provcheck.io.untrusted import first_fault
from provcheck.measuring import ModelOptions, measure_model
from provcheck.policy import DEFAULT_POLICY, collect
from provcheck.types import Measurement, Number, Record, Relation, Share
from provcheck.verdict import MIN_COVERAGE, find_calibrations
from provcheck.verdict.judge import CalibratedJudge
from provcheck.verdict.panels import name_of

FILE = "attacks.json"
HINT = "python -m reference_embeddings.attacks MODEL --out DIR writes one"


class FunctionKept(Record):
    """How far an attack moved what the model predicts, on texts of the attacker's choice."""

    largest_nats: Number = Field(description="largest difference of a token's log-probability")
    divergence_nats: Number = Field(description="Kullback-Leibler, old predictions from the new, a token")
    lost_bits: Number = Field(description="bits a byte by which texts became less probable")


class ListedAttack(Record):
    """One line of attacks.json; paths are relative to it."""

    name: str
    aim: Literal["hide", "forge"] = Field(description="hide a descendant of the victim, or forge one")
    start: str = Field(description="the model that was attacked")
    model: str = Field(description="folder or measurement of the attacked model")
    victim: str = Field(description="folder or measurement of the victim")
    function: FunctionKept | None = Field(description="null where texts fall into other tokens")


class AttackList(Record):
    """The content of attacks.json."""

    attacks: tuple[ListedAttack, ...]


class Called(Record):
    """What a panel calls a pair, and the probability that it is related."""

    relation: Relation
    related: Share | None


class JudgedAttack(Record):
    """An attack, and what each panel, by its name, calls the attacked model and the victim."""

    attack: ListedAttack
    called: dict[str, Called]


def judge_attacks(folder: Path, bank: Bank) -> tuple[JudgedAttack, ...]:
    """Measure what the folder lists, and judge it by every panel of the bank's judge that it was measured for.

    Raises ProvcheckError where the list cannot be read, or a model cannot be measured.
    """
    listed = _read(folder / FILE)
    calibrations = find_calibrations(bank)
    if calibrations is None:
        raise BankError(f"the bank '{bank.manifest.name}' has no judge", "run `provcheck bank calibrate`")
    judge = CalibratedJudge(calibrations, 1, collect(DEFAULT_POLICY, "").policy.max_false_accusation_rate)
    measured: dict[str, Measurement] = {}

    def measurement_of(path: str) -> Measurement:
        if path not in measured:
            measured[path] = measure_model(folder / path, ModelOptions(offline=True, cache=False))
        return measured[path]

    found = []
    for attack in listed.attacks:
        pair = measurement_of(attack.model), measurement_of(attack.victim)
        found.append(JudgedAttack(attack=attack, called=_called(judge, bank, *pair)))
    return tuple(found)


def markdown(found: tuple[JudgedAttack, ...]) -> str:
    """The table; empty without attacks. The largest panel comes first."""
    if not found:
        return ""
    panels = list(dict.fromkeys(name for one in found for name in one.called))
    heads = ["attack", "on", "largest change, nats", "divergence, nats a token", "lost, bits a byte"]
    heads += [f"by {name.replace('+', ' + ')}" for name in panels]
    rows = [heads, ["---"] * len(heads), *(_cells(one, panels) for one in found)]
    return "\n" + "\n".join(f"| {' | '.join(cells)} |" for cells in rows) + "\n"


def _called(judge: CalibratedJudge, bank: Bank, own: Measurement, victim: Measurement) -> dict[str, Called]:
    comparison, usable = compare_two(own, victim), set.intersection(*(_usable(one, bank) for one in (own, victim)))
    called = {}
    for panel in (one for one in judge.panels if set(one) <= usable):
        [judged] = judge.judge([comparison], panel)
        called[name_of(panel)] = Called(relation=judged.relation, related=judged.related_probability)
    return called


def _usable(measurement: Measurement, bank: Bank) -> set[str]:
    """The signals that were measured as in the bank, and of enough of their material."""
    return {
        name
        for name, sketch in measurement.sketches.items()
        if sketch.facts.basis == bank.manifest.bases.get(name) and sketch.facts.coverage.share >= MIN_COVERAGE
    }


def _cells(one: JudgedAttack, panels: list[str]) -> list[str]:
    kept, calls = one.attack.function, [one.called.get(name) for name in panels]
    moved = [f"{kept.largest_nats:.2g}", f"{kept.divergence_nats:.2g}", f"{kept.lost_bits:.2g}"] if kept else ["-"] * 3
    said = ["not measured" if call is None else _said(call) for call in calls]
    return [plain(one.attack.name), plain(one.attack.start), *moved, *said]


def _said(call: Called) -> str:
    """The relation, with the probability of being related, never rounded into certainty."""
    if call.related is None:
        return call.relation.value
    return f"{call.relation.value} ({min(max(call.related, 0.0001), 0.9999):.2%})"


def _read(path: Path) -> AttackList:
    try:
        return AttackList.model_validate_json(path.read_bytes())
    except OSError:
        raise BankError(f"there is no list of attacks '{path}'", HINT) from None
    except ValidationError as error:
        raise BankError(f"'{path}' is no list of attacks: {first_fault(error)}", HINT) from None
