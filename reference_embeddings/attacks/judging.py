"""What is left after an attack: of the function, and of the evidence."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from provcheck import ModelOptions, ProvcheckError, Verdict, judge_pair, measure_model, save_measurement
from provcheck.probes import load_probes
from provcheck.types import Relation
from reference_embeddings.recipe.folder import load_model

from .attack import KEPT_NATS, Attack, DoesNotApply

MEASURED = "measured.safetensors"
"""In the attacked folder."""
TEXTS, TOKENS = 8, 128
"""Probe texts that the function is compared on, and the most tokens of each."""
SIGNALS: dict[str, tuple[str, ...] | None] = {
    "all signals": None,
    "weights": ("weights",),
    "ABLE": ("able",),
    "ABLE and likelihoods": ("able", "likelihood"),
}
"""What a verdict goes by; None: everything that was measured."""


@dataclass(frozen=True)
class Moved:
    """How far an attack moved the function, on a few probe texts."""

    largest_nats: float
    """Largest absolute difference of a token's log-probability."""
    divergence_nats: float
    """KL of the model's predictions from the attacked model's, a token."""
    lost_bits: float
    """Bits a byte by which the texts became less probable."""

    @property
    def kept(self) -> bool:
        """Whether the function was kept."""
        return self.largest_nats <= KEPT_NATS


@dataclass(frozen=True)
class Row:
    """One attack on one model. `verdicts` holds, by the keys of SIGNALS, a verdict or why there is none."""

    attack: Attack
    moved: Moved | None = None
    """None where texts fall into other tokens."""
    verdicts: dict[str, Verdict | str] | None = None
    not_applied: str = ""
    signs: tuple[str, ...] = ()
    """Names of the signs of disguise that it leaves, beside the victim and by itself."""

    @property
    def measured(self) -> bool:
        """Whether the attack was built, and the result could be measured."""
        return any(isinstance(one, Verdict) for one in (self.verdicts or {}).values())

    @property
    def kept(self) -> bool:
        """Whether the function was kept."""
        return self.moved is not None and self.moved.kept

    @property
    def lost(self) -> bool:
        """Whether the verdict harms: a related pair called independent though the function was kept, by all signals; or
        an independent pair called related, by any of them."""
        found = {way: one.relation for way, one in (self.verdicts or {}).items() if isinstance(one, Verdict)}
        if self.attack.forges:
            return any(relation.related for relation in found.values())
        return self.kept and found.get("all signals") in (Relation.UNRELATED, Relation.SAME_RECIPE)


def try_attack(attack: Attack, model: Path, victim: Path, work: Path, signals: tuple[str, ...] | None = None) -> Row:
    """Build the attack on `model` below `work`, and judge the result against `victim`, a saved measurement."""
    try:
        work.mkdir(exist_ok=True)
        attacked = attack.build(model, work / attack.name)
    except DoesNotApply as fault:
        return Row(attack, not_applied=str(fault))
    verdicts = judge(attacked, victim, signals)
    return Row(attack, compare_functions(model, attacked), verdicts, signs=signs_left(attacked, victim))


def measure_to(model: Path, to: Path, signals: tuple[str, ...] | None = None) -> Path:
    """Measure a model folder by these signals, and save it. Raises ProvcheckError."""
    options = ModelOptions(offline=True, cache=False, signals=signals)
    save_measurement(measure_model(model, options), to)
    return to


def judge(attacked: Path, victim: Path, signals: tuple[str, ...] | None = None) -> dict[str, Verdict | str]:
    """The verdicts on the attacked folder against the victim, a saved measurement; measured once, judged each way."""
    ways = {way: names for way, names in SIGNALS.items() if not (signals and names) or set(names) <= set(signals)}
    try:
        measured = measure_to(attacked, attacked / MEASURED, signals)
    except ProvcheckError as fault:
        return dict.fromkeys(ways, f"refused: {fault.message}")
    return {way: _verdict(measured, victim, names) for way, names in ways.items()}


def signs_left(attacked: Path, victim: Path) -> tuple[str, ...]:
    """The signs of disguise of an attacked folder that was measured and judged; none of one that was refused."""
    if not (measured := attacked / MEASURED).exists():
        return ()
    found = judge_pair(measured, victim, options=ModelOptions(offline=True, cache=False), changes=False).signs
    return tuple(sign.name for sign in found.found) if found else ()


def compare_functions(model: Path, attacked: Path) -> Moved | None:
    """How far the predictions moved on a few probe texts.

    None where the attacked folder splits a text into other tokens; its log-probabilities are of other things then.
    """
    before, after = load_model(model), load_model(attacked)
    differences, divergences, size = [], [], 0
    for text in load_probes().texts[:TEXTS]:
        ids, others = (one.tokenizer(text.text)["input_ids"][:TOKENS] for one in (before, after))
        if ids != others:
            return None
        old, new = (_predictions(one.network, ids) for one in (before, after))
        divergences.append((old.exp() * (old - new)).sum(-1))
        differences.append((old - new).gather(1, torch.tensor(ids[1:])[:, None])[:, 0])
        size += len(before.tokenizer.decode(ids[1:]).encode())
    lost = torch.cat(differences)
    return Moved(float(lost.abs().max()), float(torch.cat(divergences).mean()), float(lost.sum()) / size / math.log(2))


def _verdict(measured: Path, victim: Path, signals: tuple[str, ...] | None) -> Verdict | str:
    try:
        options = ModelOptions(offline=True, cache=False, signals=signals)
        return judge_pair(measured, victim, options=options, changes=False).verdict
    except ProvcheckError as fault:
        return f"refused: {fault.message}"


def _predictions(network: Any, ids: list[int]) -> torch.Tensor:
    """(T - 1, V) log-probabilities in nats, of what follows every token but the last."""
    with torch.no_grad():
        found: torch.Tensor = network(input_ids=torch.tensor([ids])).logits[0, :-1].double().log_softmax(-1)
    return found
