"""How often honest models show a sign of disguise by themselves; the thresholds in `own_signs` were set by this."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from provcheck.disguise import OWN_SIGNS
from provcheck.disguise.own_signs import own_signs
from provcheck.targets.resolution import resolve
from provcheck.wording import number

OFF_CENTRE = ("token-embeddings", "position-embeddings")


def count_false_signs(folders: Iterable[Path]) -> Iterator[str]:
    """One line a model: how far its embeddings are off centre, and its signs; then the rate, and its upper bound."""
    models, odd, largest = 0, 0, dict.fromkeys(OFF_CENTRE, 0.0)
    for folder in folders:
        makeup = resolve(str(folder)).subject.all_makeup
        looks = makeup.looks if makeup else {}
        ratios = {name: one["mean_row"] / one["spread"] for name in OFF_CENTRE if (one := looks.get(name))}
        largest |= {name: max(largest[name], ratio) for name, ratio in ratios.items()}
        signs = [sign.name for sign in own_signs(looks)]
        models, odd = models + 1, odd + bool(signs)
        shown = ", ".join(f"{name} {number(ratio)}" for name, ratio in ratios.items())
        yield f"{folder.name:<32} {shown or 'not looked at'}; signs: {', '.join(signs) or 'none'}"
    yield f"largest: {', '.join(f'{name} {number(ratio)}' for name, ratio in largest.items())}"
    bound = "" if odd else f", with 95 % confidence fewer than {1 - 0.05 ** (1 / max(1, models)):.1%}"
    yield f"{odd} of {models} models show one of {len(OWN_SIGNS)} signs{bound}"
