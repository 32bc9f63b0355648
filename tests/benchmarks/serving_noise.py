"""How far rounding, quantization and training move the log-probabilities of single tokens, and the limits in between.

Every model is served in the ways of `served_variants`, and read as an audit reads an endpoint. The limits come from the
models that the zoo's plan calibrates with, the rates from those that it holds out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from provcheck.serving.noise_limits import UNCHANGED, Case, cause_of, drift, exact_interval, excess, finding_of
from provcheck.serving.token_distances import distance
from provcheck.signals.likelihood.token_scores import TokenScores
from provcheck.types import Floats, ServedKind, ServedLimits
from reference_embeddings.recipe.plan import Member, load_recipe
from tests.benchmarks.served_variants import measure, texts

COMMAND = "python -m tests.benchmarks serving-noise ZOO NAME... --corpora DIR --work DIR"
MARGIN, DRIFT_MARGIN = 1.15, 2.0
"""Between what was measured and the limit; the drift scatters more where there are fewer texts."""

NAMES = {
    "same": UNCHANGED,
    "rewritten": "rewritten, same function",
    "tuned 1 step": "1 training step, bfloat16",
    "tuned 1 step, float32": "1 training step, float32",
    "tuned 3 steps": "3 training steps",
    "tuned 10 steps": "10 training steps",
    "tuned 30 steps": "30 training steps",
    "fine-tune": "fine-tune, 60 steps or more",
    "LoRA": "LoRA",
    "8-bit": "8-bit quantization",
    "4-bit": "4-bit quantization",
    "another model": "another model",
}
"""Kinds of change in words, in the order of a report."""


def keep_all(zoo: Path, names: Sequence[str], corpora: Path, work: Path) -> None:
    """Measure what `work` does not have yet: these models in every way, the others of the zoo unchanged."""
    beside = zoo_members(zoo)
    work.mkdir(parents=True, exist_ok=True)
    order = sorted(beside.items(), key=lambda one: one[1].name not in names)
    for folder, member in order:
        kept = work / f"{member.name}.npz"
        if not kept.exists():
            found = measure(folder, beside, corpora if member.name in names else None)
            partial = kept.with_suffix(".part.npz")
            np.savez(partial, **found)  # type: ignore[arg-type]
            partial.replace(kept)


def zoo_members(zoo: Path) -> dict[Path, Member]:
    """The models of the zoo that were made, by folder."""
    return {zoo / name: one for name, one in load_recipe().members().items() if (zoo / name / "config.json").exists()}


def cases(work: Path) -> Iterator[Case]:
    """Every case that was measured, by model."""
    members, chosen = load_recipe().members(), texts()
    for file in sorted(work.glob("*[!t].npz")):
        if file.stem in members:
            yield from _cases(file.stem, members[file.stem].split, np.load(file), chosen)


def _cases(model: str, split: str, kept: Mapping[str, Floats], chosen: Sequence[str]) -> Iterator[Case]:
    edges = np.concatenate([[0], np.cumsum(kept["counts"])])

    def of(key: str) -> list[TokenScores]:
        nats, ends = kept[key].astype(np.float64), kept["ends"].astype(np.int64)
        return [TokenScores(nats[a:b], ends[a:b]) for a, b in pairwise(edges)]

    exact, rounded = of("exact"), of("same/bfloat16")
    for key in kept:
        kind, slash, variant = key.partition("/")
        if slash:
            found = distance(chosen, of(key), exact, rounded)
            numbers = {"ratio": round(found.ratio, 4), "pull": round(found.pull, 4)}
            nats = round(found.median_nats, 6)
            yield Case(model=model, split=split, kind=NAMES[kind], variant=variant, **numbers, median_nats=nats)


def derive_limits(rows: Iterable[Case]) -> ServedLimits:
    """From the cases of models for calibration: the largest of each kind, with a margin."""
    own = [row for row in rows if row.split == "calibration"]
    copies, eight, four = ([row for row in own if row.kind == NAMES[kind]] for kind in ("same", "8-bit", "4-bit"))
    others = [row.median_nats for row in own if row.kind == NAMES["another model"]]
    farthest, nearest = max(row.median_nats for row in four), min(others)
    limits = ServedLimits(
        identical=_beyond(row.ratio for row in copies),
        identical_drift=_beyond((drift(row.ratio, row.pull) for row in copies), DRIFT_MARGIN),
        near=_beyond(row.ratio for row in eight),
        rounded_pull=_beyond(row.pull for row in (*eight, *four)),
        coarse_nats=_beyond([farthest]),
        stranger_nats=round((farthest * nearest) ** 0.5, 4),
    )
    if not (limits.identical < limits.near and limits.coarse_nats < limits.stranger_nats):
        raise ValueError(f"the kinds of change lie in another order than they are told by: {limits}")
    return limits


def _beyond(values: Iterable[float], margin: float = MARGIN) -> float:
    return round(margin * max(values), 4)


def derive_unchanged(rows: Iterable[Case], limits: ServedLimits) -> dict[str, float]:
    """By model for calibration: the largest excess of its unchanged copies."""
    found: dict[str, float] = {}
    for row in rows:
        if row.split == "calibration" and row.kind == UNCHANGED:
            own = excess(row.ratio, row.pull, limits)
            found[row.model] = round(max(own, found.get(row.model, 0.0)), 4)
    return found


def derive_kinds(rows: Iterable[Case], limits: ServedLimits) -> list[ServedKind]:
    """What is found of each kind on the models that are held out."""
    held = [row for row in rows if row.split == "held-out"]
    by_kind = ((kind, [row for row in held if row.kind == kind]) for kind in NAMES.values())
    return [_kind(kind, own, limits) for kind, own in by_kind if own]


def _kind(kind: str, rows: Sequence[Case], limits: ServedLimits) -> ServedKind:
    findings = [finding_of(row.ratio, row.pull, limits) for row in rows]
    causes = [cause_of(row.ratio, row.pull, row.median_nats, limits) for row in rows]
    models = {row.model for row in rows}
    same = kind in (UNCHANGED, NAMES["rewritten"])
    wrong = {row.model for row, one in zip(rows, findings, strict=True) if (one == "identical") != same}
    low, high = exact_interval(len(models - wrong), len(models))
    ratios = sorted(row.ratio for row in rows)
    return ServedKind(
        kind=kind,
        models=len(models),
        cases=len(rows),
        identical=findings.count("identical"),
        near=findings.count("near"),
        changed=findings.count("changed"),
        trained=causes.count("trained further"),
        stranger=causes.count("trained further or another model"),
        right_models=len(models - wrong),
        low=low,
        high=high,
        ratios=(ratios[0], ratios[len(ratios) // 2], ratios[-1]),
    )


def as_json(rows: Sequence[Case]) -> str:
    """The file that ships."""
    limits = derive_limits(rows)
    splits = ("calibration", "held-out")
    models = {split: list(dict.fromkeys(row.model for row in rows if row.split == split)) for split in splits}
    found: dict[str, Any] = {
        "command": COMMAND,
        "limits": limits.model_dump(),
        "unchanged": derive_unchanged(rows, limits),
        "kinds": [one.model_dump(mode="json") for one in derive_kinds(rows, limits)],
        "models": models,
    }
    lines = ",\n".join("    " + json.dumps(row.model_dump()) for row in rows)
    return json.dumps(found, indent=2)[:-2] + f',\n  "rows": [\n{lines}\n  ]\n}}\n'
