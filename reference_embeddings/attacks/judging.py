"""What is left after an attack: of the function, and of the evidence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from provcheck import ModelOptions, ProvcheckError, Verdict, judge_pair, measure_model, save_measurement
from provcheck.probes import load_probes
from provcheck.types import Relation
from reference_embeddings.recipe.folder import load_model

from .attack import KEPT_NATS, Attack, DoesNotApply

TEXTS, TOKENS = 8, 128
"""Probe texts that the function is compared on, and the most tokens of each."""
SIGNALS: dict[str, tuple[str, ...] | None] = {"all signals": None, "weights": ("weights",), "ABLE": ("able",)}
"""What a verdict goes by; None: everything that was measured."""


@dataclass(frozen=True)
class Row:
    """One attack on one model. `verdicts` holds, by the keys of SIGNALS, a verdict or why there is none."""

    attack: Attack
    moved_nats: float | None = None
    """Largest absolute difference of a token's log-probability; None where texts fall into other tokens."""
    verdicts: dict[str, Verdict | str] | None = None
    not_applied: str = ""
    signs: tuple[str, ...] = ()
    """Names of the signs of disguise that it leaves, beside the victim and by itself."""

    @property
    def kept(self) -> bool:
        """Whether the function was kept."""
        return self.moved_nats is not None and self.moved_nats <= KEPT_NATS

    @property
    def lost(self) -> bool:
        """Whether the function was kept and some verdict calls the related pair independent."""
        found = (self.verdicts or {}).get("all signals")
        independent = (Relation.UNRELATED, Relation.SAME_RECIPE)
        return self.kept and isinstance(found, Verdict) and found.relation in independent


def try_attack(attack: Attack, model: Path, victim: Path, work: Path, signals: tuple[str, ...] | None = None) -> Row:
    """Build the attack on `model` below `work`, and judge the result against `victim`, a saved measurement."""
    try:
        attacked = attack.build(model, work / attack.name)
    except DoesNotApply as fault:
        return Row(attack, not_applied=str(fault))
    verdicts = judge(attacked, victim, signals)
    return Row(attack, moved_nats(model, attacked), verdicts, signs=signs_left(attacked, victim))


def measure_to(model: Path, to: Path, signals: tuple[str, ...] | None = None) -> Path:
    """Measure a model folder by these signals, and save it. Raises ProvcheckError."""
    options = ModelOptions(offline=True, cache=False, signals=signals)
    save_measurement(measure_model(model, options), to)
    return to


def judge(attacked: Path, victim: Path, signals: tuple[str, ...] | None = None) -> dict[str, Verdict | str]:
    """The verdicts on the attacked folder against the victim, a saved measurement; measured once, judged each way."""
    ways = {way: names for way, names in SIGNALS.items() if signals is None or names is None or names[0] in signals}
    try:
        measured = measure_to(attacked, attacked / "measured.safetensors", signals)
    except ProvcheckError as fault:
        return dict.fromkeys(ways, f"refused: {fault.message}")
    return {way: _verdict(measured, victim, names) for way, names in ways.items()}


def signs_left(attacked: Path, victim: Path) -> tuple[str, ...]:
    """The signs of disguise of an attacked folder that was measured and judged; none of one that was refused."""
    if not (measured := attacked / "measured.safetensors").exists():
        return ()
    found = judge_pair(measured, victim, options=ModelOptions(offline=True, cache=False), changes=False).signs
    return tuple(sign.name for sign in found.found) if found else ()


def moved_nats(model: Path, attacked: Path) -> float | None:
    """Largest difference of log P(token | tokens before) over a few probe texts, in nats.

    None where the attacked folder splits a text into other tokens; its log-probabilities are of other things then.
    """
    before, after = load_model(model), load_model(attacked)
    largest = 0.0
    for text in load_probes().texts[:TEXTS]:
        ids, others = (one.tokenizer(text.text)["input_ids"][:TOKENS] for one in (before, after))
        if ids != others:
            return None
        moved = _log_probabilities(before.network, ids) - _log_probabilities(after.network, ids)
        largest = max(largest, float(moved.abs().max()))
    return largest


def _verdict(measured: Path, victim: Path, signals: tuple[str, ...] | None) -> Verdict | str:
    try:
        options = ModelOptions(offline=True, cache=False, signals=signals)
        return judge_pair(measured, victim, options=options, changes=False).verdict
    except ProvcheckError as fault:
        return f"refused: {fault.message}"


def _log_probabilities(network: Any, ids: list[int]) -> torch.Tensor:
    """(T - 1,) log-probability of every token but the first, in nats."""
    with torch.no_grad():
        scores = network(input_ids=torch.tensor([ids])).logits[0, :-1].double().log_softmax(-1)
    found: torch.Tensor = scores.gather(1, torch.tensor(ids[1:])[:, None])[:, 0]
    return found
