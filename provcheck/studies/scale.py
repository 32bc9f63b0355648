"""The papers' scale of KL divergence, measured on a bank's own pairs.

"Establishing a Scale for Kullback-Leibler Divergence in Language Models Across Various Settings" (Kishino et al.),
section 3 and table 2(a): ten settings, from neighbouring checkpoints (0.011 bits/byte) to neighbouring layers (3.0).
"""

from __future__ import annotations

import numpy as np

from provcheck import wording
from provcheck.bank import Bank
from provcheck.bank.manifest import BankManifest
from provcheck.bank.saving import add_fitted
from provcheck.errors import StudyError
from provcheck.signals.likelihood.kl_scale import FITTED, Band, Scale, load_scale
from provcheck.studies.kl_settings import Spread, applicable, pairs_by_setting, spread_of
from provcheck.studies.material import Likelihoods, StudyOptions, likelihoods_of
from provcheck.studies.statistics import correlation, shuffled
from provcheck.types import Beside, Finding, Grid, Plot, Published, Series, Study, StudyFigure

LEAST = 3
"""Settings that must be measured before an order of them says anything."""

LEAST_PAIRS = 3
"""Fewer pairs give a setting no place on a scale of the bank's own."""

UNIT = "bits/byte"
SECTION = "kl-scale, section 3, figure 3 and table 2(a)"
SHOWN = ("seed", "fine-tune", "8-bit", "4-bit", "size", "same-type", "random")
HEADINGS = ("Setting", "Papers: median", "Here: median", "Quartiles", "Pairs", "Easier texts")


def run(bank: Bank, options: StudyOptions) -> Study:
    """Median KL of each setting with quartiles, and the order of the settings. Raises StudyError for too few."""
    known, published = likelihoods_of(bank), load_scale()
    found = {name: _measured(bank, known, pairs) for name, pairs in pairs_by_setting(bank).items()}
    spreads = {name: one for name, one in found.items() if isinstance(one, Spread)}
    if len(spreads) < LEAST:
        raise StudyError(
            f"bank '{bank.manifest.name}' has pairs for {len(spreads)} of the ten settings; {LEAST} are needed",
            "document parents, families and mechanisms in the bank's manifest",
        )
    return Study(
        name="scale",
        title="The scale of KL divergence",
        question="How large are the papers' ten kinds of change in this bank?",
        section=SECTION,
        beside=(_beside(spreads, published, known),),
        findings=(*(_finding(name, one) for name, one in found.items()), _order(spreads, published)),
        tables=(_table(spreads, published),),
        figures=(_figure(spreads, published),),
        limits=(
            "A pair of references stands for a setting by what the bank documents: family, size, mechanism, parents. "
            "The bits of a quantized model are read off its id.",
            "Intervals come from resampling the roots, since pairs that share an ancestor are not independent.",
        ),
    )


def own_scale(bank: Bank) -> Scale:
    """The scale of a bank's own pairs, for its own reports; held-out references take no part.

    Settings whose intervals touch share a band, whose median is that of theirs in the middle. Raises StudyError where
    fewer than LEAST settings have LEAST_PAIRS pairs.
    """
    known, held = likelihoods_of(bank), {row for row, one in enumerate(bank.references) if one.split == "held-out"}
    settings = {
        name: [pair for pair in pairs if held.isdisjoint(pair)]
        for name, pairs in pairs_by_setting(bank).items()
        if not isinstance(pairs, str)
    }
    found = {name: one for name, pairs in settings.items() if (one := spread_of(bank, known, pairs))}
    found = {name: one for name, one in found.items() if one.median.n >= LEAST_PAIRS and one.median.value > 0}
    if len(found) < LEAST:
        raise StudyError(
            f"bank '{bank.manifest.name}' has {LEAST_PAIRS} pairs for {len(found)} of the ten settings; {LEAST} are "
            "needed for a scale of its own",
            "document parents, families and mechanisms in the bank's manifest",
        )
    used = [known.bits[at] for at, row in enumerate(known.rows) if row not in held and np.isfinite(known.bits[at])]
    return Scale(
        source=f"measured on the pairs of bank {bank.manifest.name}",
        table=", ".join(f"{name} {one.median.n}" for name, one in found.items()),
        max_bits_per_byte=float(max(used, default=load_scale().max_bits_per_byte)),
        bands=tuple(_band([(name, found[name]) for name in group]) for group in _told_apart(found)),
        bank=bank.manifest.name,
    )


def store_scale(bank: Bank) -> tuple[Scale, BankManifest]:
    """Put `own_scale` into the bank; reports go by it from then on. Raises StudyError, and OutputError."""
    found = own_scale(bank)
    return found, add_fitted(bank, "likelihood", FITTED, found.model_dump(mode="json"))


def _told_apart(found: dict[str, Spread]) -> list[list[str]]:
    """The settings by size, those whose intervals touch together."""
    groups: list[list[str]] = []
    highest = 0.0
    for name in sorted(found, key=lambda one: found[one].median.value):
        low, high = found[name].median.ci95
        if groups and low <= highest:
            groups[-1].append(name)
        else:
            groups.append([name])
        highest = max(highest, high)
    return groups


def _band(group: list[tuple[str, Spread]]) -> Band:
    names = tuple(name for name, _ in group)
    median = float(np.median([one.median.value for _, one in group]))
    return Band(name=" / ".join(names), median=median, settings=names)


def _measured(bank: Bank, known: Likelihoods, pairs: list[tuple[int, int]] | str) -> Spread | str:
    if isinstance(pairs, str):
        return pairs
    return spread_of(bank, known, pairs) or "the bank has no such pair"


def _finding(name: str, found: Spread | str) -> Finding:
    what = f"KL, {name}"
    if isinstance(found, str):
        return Finding(name=what, value=None, n=0, of="pair", note=found)
    median = found.median
    return Finding(name=what, value=median.value, unit=UNIT, ci95=median.ci95, n=median.n, of="pair")


def _order(spreads: dict[str, Spread], published: Scale) -> Finding:
    """Spearman's correlation of the medians with the papers'."""
    value, p = _rank_correlation(spreads, published)
    note = f"p = {wording.number(p)} over orders of the settings"
    return Finding(
        name="rank correlation with the papers' medians", value=value, n=len(spreads), of="setting", note=note
    )


def _rank_correlation(spreads: dict[str, Spread], published: Scale) -> tuple[float, float]:
    """Spearman's rho of the settings' medians, here and in the papers, and the p-value over orders of the settings."""
    from scipy.stats import rankdata

    theirs = {one.name: one.median for one in published.settings}
    ours = rankdata([one.median.value for one in spreads.values()])
    ranks = np.asarray(rankdata([theirs[name] for name in spreads]), dtype=np.int64)
    _, p = shuffled(ranks, lambda order: correlation(order.astype(np.float64), ours))
    return correlation(ranks.astype(np.float64), ours), p


def _beside(spreads: dict[str, Spread], published: Scale, known: Likelihoods) -> Beside:
    theirs = {one.name: one.median for one in published.settings}
    shown = [name for name in SHOWN if name in spreads]
    value, p = _rank_correlation(spreads, published)
    here = ", ".join(f"{name} {wording.number(spreads[name].median.value)}" for name in shown)
    return Beside(
        experiment="Medians of KL by kind of change, bits/byte",
        published=Published(
            text=", ".join(f"{name} {theirs[name]:g}" for name in shown),
            value=None,
            source=SECTION,
        ),
        here=f"{here}; rank correlation with the papers' {wording.number(value)} (p = {wording.number(p)})",
        why=_why(known, published, spreads),
    )


def _why(known: Likelihoods, published: Scale, spreads: dict[str, Spread]) -> str:
    within = int(applicable(known, published.max_bits_per_byte).sum())
    spent = known.bits[np.isfinite(known.bits)]
    if within == len(known.bits) or not len(spent):
        return ""
    easier = ", ".join(f"{name} {_easier(spreads[name])}" for name in SHOWN if name in spreads)
    return (
        f"The papers' models spend at most {published.max_bits_per_byte:g} bits a byte on their texts; of these "
        f"{len(known.bits)}, {within} do, and the median is {wording.number(float(np.median(spent)))}. What a model "
        "was never trained on, it misjudges in a way of its own. On the half of the texts that these models predict "
        f"best, the medians are {easier}. Quantization is smaller than the papers': see the study `quantization`."
    )


def _table(spreads: dict[str, Spread], published: Scale) -> Grid:
    rows = tuple((one.meaning, f"{one.median:g}", *_cells(spreads.get(one.name))) for one in published.settings)
    caption = "KL divergence in bits/byte; easier texts: median on the half that these models predict best"
    return Grid(caption=caption, headings=HEADINGS, rows=rows, numbers=(1, 2, 3, 4, 5))


def _cells(found: Spread | None) -> tuple[str, str, str, str]:
    if found is None:
        return wording.NOT_MEASURED, "", "0", ""
    quartiles = " to ".join(wording.number(end) for end in found.quartiles)
    return wording.number(found.median.value), quartiles, f"{found.median.n:,}", _easier(found)


def _easier(found: Spread) -> str:
    return wording.number(found.easier) if np.isfinite(found.easier) else wording.NOT_MEASURED


def _figure(spreads: dict[str, Spread], published: Scale) -> StudyFigure:
    names = [one.name for one in published.settings]
    ours = [name for name in names if name in spreads and spreads[name].quartiles[0] > 0]
    theirs = Series(
        label="papers: medians",
        x=tuple(range(len(names))),
        y=tuple(one.median for one in published.settings),
    )
    here = Series(
        label="this bank: medians and quartiles",
        x=tuple(names.index(name) for name in ours),
        y=tuple(spreads[name].median.value for name in ours),
        low=tuple(spreads[name].quartiles[0] for name in ours),
        high=tuple(spreads[name].quartiles[1] for name in ours),
    )
    reading = (
        "Each kind of change with its median KL; the bar is the middle half of this bank's pairs. "
        "Each line of the grid is ten times the one below."
    )
    plot = Plot(x_label="kind of change", y_label=UNIT, series=(theirs, here), names=tuple(names), y_log=True)
    return StudyFigure(id="medians", heading="KL divergence by kind of change", reading=reading, plot=plot)
