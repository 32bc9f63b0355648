"""Do a bank's distances stay the same under other probes, templates, seeds and dimensions?

ABLE, appendix D (Mantel r = 0.722 between two halves of the questions, Euclidean distances), appendix B (dimension),
appendix C (models between models); kl-scale, appendix C (r = 0.99 between two draws of texts).
"""

from __future__ import annotations

import numpy as np

from provcheck import wording
from provcheck.bank import Bank
from provcheck.studies.interpolation import Interpolated, interpolate, neighbours_kept
from provcheck.studies.material import RawAttributions, StudyOptions, likelihoods_of, probes_of, raw_attributions
from provcheck.studies.probe_subsets import SPLITS, Subsets, TextDistances, correlate_subsets, question_grams
from provcheck.studies.projections import PROJECTIONS, Dimension, ablate_dimensions
from provcheck.studies.statistics import RESAMPLES_OF_MATRICES, Estimate, mantel
from provcheck.types import Beside, Finding, Floats, Grid, Ints, Plot, Published, Series, Study, StudyFigure

HALVES = Published(text="r = 0.722 (p < 0.001)", value=0.722, source="ABLE, appendix D, figure 9")
TEXTS = Published(text="r = 0.99 of KL, 10,000 other texts", value=0.99, source="kl-scale, appendix C")
CONVERGED = Published(text="converges near 256 dimensions", value=256, source="ABLE, appendix B, figure 7")
BETWEEN = Published(
    text="neighbours on the grid stay so; the anchor with a quarter of the squared weight distance is nearer",
    value=None,
    source="ABLE, appendix C, figure 8",
)


def run(bank: Bank, options: StudyOptions) -> Study:
    """Mantel correlations, dimensions, and the grid of models. Raises StudyError where raw vectors are missing."""
    probes = probes_of(bank, options)
    raw, known = raw_attributions(bank, probes), likelihoods_of(bank)
    roots = np.array(
        [row for row, one in enumerate(bank.references) if one.mechanism == "from-scratch"], dtype=np.int64
    )
    categories, domains = [one.category for one in probes.questions], [one.domain for one in probes.texts]
    among, known_roots = _at(raw.rows, roots), _at(known.rows, roots)
    paper, contrast = (question_grams(raw, contrast=one) for one in (False, True))
    found = {
        "paper": correlate_subsets("ABLE, paper's view", paper, categories, among),
        "contrast": correlate_subsets("ABLE, contrast view", contrast, categories, among),
        "texts": correlate_subsets("log-likelihoods", TextDistances(known), domains, known_roots),
    }
    dimensions = {view: ablate_dimensions(bank, raw, contrast=view == "contrast") for view in ("paper", "contrast")}
    grid = interpolate(options, probes)
    return Study(
        name="robustness",
        title="Robustness of the distances",
        question="Do distances stay the same under other probes, templates, seeds and dimensions?",
        section="ABLE, appendices B to D; kl-scale, appendix C",
        beside=(*_probes_beside(found), _dimension_beside(dimensions["paper"]), _grid_beside(grid)),
        findings=(
            *(one for subset in found.values() for one in _subset_findings(subset)),
            *(one for view, each in dimensions.items() for one in _dimension_findings(view, each, raw)),
            *_grid_findings(grid),
        ),
        tables=(*(_kinds_table(one) for one in found.values() if one.kinds), _dimension_table(dimensions)),
        figures=(_subset_figure(found), _dimension_figure(dimensions), _path_figure(grid)),
        limits=(
            f"Probes are dealt at random {SPLITS} times, each category evenly; intervals cover draws and models.",
            "Many references are near copies of others, which any probes show: r among the roots alone is harder.",
            f"The grid is of {wording.joined(grid.names)}, on an eighth of the questions: {len(grid.shares)} models "
            "of one architecture.",
        ),
    )


def _at(rows: Ints, chosen: Ints) -> Ints:
    """Places of the chosen references among these rows."""
    return np.flatnonzero(np.isin(rows, chosen))


def _said(found: Estimate) -> str:
    return f"{wording.number(found.value)} ({wording.number(found.low)} to {wording.number(found.high)})"


def _probes_beside(found: dict[str, Subsets]) -> tuple[Beside, ...]:
    lines = []
    for name, published in (("paper", HALVES), ("contrast", None), ("texts", TEXTS)):
        one = found[name]
        share = min(one.by_share)
        whole, p = one.by_share[share], wording.number(one.p_value)
        alone = f"; {_said(one.roots)} among the {one.roots.n} roots" if one.roots else ""
        here = f"r = {_said(whole)}, p = {p}, {whole.n} models{alone}"
        why = _why(one) if published is HALVES else ""
        lines.append(Beside(experiment=f"Halves of the probes, {one.title}", published=published, here=here, why=why))
    return tuple(lines)


def _why(found: Subsets) -> str:
    whole = found.by_share[min(found.by_share)]
    if found.roots is None or whole.low <= (HALVES.value or 0):
        return ""
    return (
        "Higher than the paper's: most references of this bank are near copies of others, whose small distances any "
        f"half shows. Among the {found.roots.n} roots, none of which was made from another, r is "
        f"{_said(found.roots)}, an interval that {'holds' if found.roots.low <= (HALVES.value or 0) else 'leaves out'} "
        "the paper's."
    )


def _subset_findings(found: Subsets) -> list[Finding]:
    note = f"p = {wording.number(found.p_value)} over orders of the models"
    made = [
        Finding(
            name=f"r, {found.title}, disjoint 1/{share} of the probes",
            value=one.value,
            ci95=one.ci95,
            n=one.n,
            of="model",
            note=note if share == min(found.by_share) else "",
        )
        for share, one in found.by_share.items()
    ]
    if found.roots:
        name = f"r, {found.title}, halves, roots alone"
        made.append(Finding(name=name, value=found.roots.value, ci95=found.roots.ci95, n=found.roots.n, of="model"))
    if found.kinds:
        name, values = f"r, {found.title}, mean between categories", list(found.kinds.values())
        ends = (min(values), max(values))
        note = f"from {wording.number(ends[0])} to {wording.number(ends[1])}"
        made.append(Finding(name=name, value=float(np.mean(values)), n=len(values), of="category pair", note=note))
    return made


def _kinds_table(found: Subsets) -> Grid:
    rows = tuple((a, b, wording.number(value)) for (a, b), value in found.kinds.items())
    return Grid(
        caption=f"Mantel r between categories of probes, {found.title}",
        headings=("Category", "Other category", "r"),
        rows=rows,
        numbers=(2,),
    )


def _dimension_beside(found: dict[int, Dimension]) -> Beside:
    shown = [f"{k}: {wording.number(float(one.auc.mean()))}" for k, one in found.items() if len(one.auc)]
    fidelity = float(found[256].kept.mean())
    scores = f"AUC of related pairs by dimension {', '.join(shown)}; " if shown else ""
    here = f"{scores}r with the unprojected distances at 256 is {wording.number(fidelity)}"
    return Beside(experiment="Dimension of the projection, paper's view", published=CONVERGED, here=here)


def _dimension_findings(view: str, found: dict[int, Dimension], raw: RawAttributions) -> list[Finding]:
    one, count = found[256], len(raw.rows)
    return [
        Finding(
            name=f"r of two seeds at 256 dimensions, {view} view",
            value=float(one.between_seeds.mean()),
            ci95=(float(one.between_seeds.min()), float(one.between_seeds.max())),
            n=count,
            of="model",
            note=f"the interval is the range over {len(one.between_seeds)} pairs of seeds",
        )
    ]


def _dimension_table(found: dict[str, dict[int, Dimension]]) -> Grid:
    rows = tuple(
        (f"{view}, {k}", *(_mean_and_spread(values) for values in (one.kept, one.between_seeds, one.auc)))
        for view, each in found.items()
        for k, one in each.items()
    )
    return Grid(
        caption=f"What a projection keeps: mean and standard deviation over {PROJECTIONS} seeds",
        headings=("View, dimension", "r with no projection", "r between seeds", "AUC of related pairs"),
        rows=rows,
        numbers=(1, 2, 3),
    )


def _mean_and_spread(values: Floats) -> str:
    return f"{values.mean():.3f} ± {values.std():.3f}" if len(values) else wording.NOT_MEASURED


def _grid_findings(grid: Interpolated) -> list[Finding]:
    count, made = len(grid.shares), []
    for view, apart in grid.plain.items():
        along, under = (
            mantel(grid.weights, apart, RESAMPLES_OF_MATRICES),
            mantel(apart, grid.templated[view], RESAMPLES_OF_MATRICES),
        )
        made += [
            Finding(
                name=f"r, distances of weights and of ABLE, {view} view",
                value=along.value,
                ci95=along.ci95,
                n=count,
                of="model",
            ),
            Finding(
                name=f"r, another template of the questions, {view} view",
                value=under.value,
                ci95=under.ci95,
                n=count,
                of="model",
            ),
            Finding(
                name=f"nearest in ABLE is a neighbour on the grid, {view} view",
                value=neighbours_kept(grid, view),
                n=count,
                of="model",
            ),
        ]
    return made


def _grid_beside(grid: Interpolated) -> Beside:
    r = mantel(grid.weights, grid.plain["paper"], RESAMPLES_OF_MATRICES)
    kept = wording.probability(neighbours_kept(grid, "paper"))
    ends = [_end(grid, anchor) for anchor in range(1, len(grid.names))]
    here = f"r = {_said(r)} of {r.n} models; {kept} have a neighbour of the grid as their nearest; {', '.join(ends)}"
    return Beside(experiment="Models between models", published=BETWEEN, here=here)


def _end(grid: Interpolated, anchor: int) -> str:
    """How far an anchor is, squared in weights and in ABLE, and after a quarter of the way."""
    _, apart = grid.path("paper", anchor)
    place = int(np.flatnonzero((grid.shares[:, anchor - 1] == 1) & (grid.shares.sum(axis=1) == 1))[0])
    quarter = wording.number(float(apart[1] / apart[-1])) if apart[-1] else wording.NOT_MEASURED
    squared = wording.number(float(grid.weights[0, place] ** 2))
    return (
        f"{grid.names[anchor]} squared {squared} away in weights, {wording.number(float(apart[-1]))} in ABLE, of which "
        f"{quarter} in the first quarter"
    )


def _subset_figure(found: dict[str, Subsets]) -> StudyFigure:
    series = tuple(
        Series(
            label=one.title,
            x=tuple(1 / share for share in one.by_share),
            y=tuple(each.value for each in one.by_share.values()),
            low=tuple(each.low for each in one.by_share.values()),
            high=tuple(each.high for each in one.by_share.values()),
            line=True,
        )
        for one in found.values()
    )
    plot = Plot(x_label="share of the probes in each of two disjoint sets", y_label="Mantel r", series=series)
    reading = "How well distances by some probes agree with those by as many others. Bars are 95 % intervals."
    return StudyFigure(id="subsets", heading="Other probes", reading=reading, plot=plot)


def _dimension_figure(found: dict[str, dict[int, Dimension]]) -> StudyFigure:
    series = tuple(
        Series(
            label=f"{view} view: r with the distances without projection",
            x=tuple(each),
            y=tuple(float(one.kept.mean()) for one in each.values()),
            low=tuple(float(one.kept.min()) for one in each.values()),
            high=tuple(float(one.kept.max()) for one in each.values()),
            line=True,
        )
        for view, each in found.items()
    )
    plot = Plot(x_label="dimensions", y_label="Mantel r", series=series, x_log=True)
    reading = f"What the random projection leaves of the distances; bars are the range over {PROJECTIONS} seeds."
    return StudyFigure(id="dimensions", heading="Dimension and seed of the projection", reading=reading, plot=plot)


def _path_figure(grid: Interpolated) -> StudyFigure:
    paths = [(view, anchor) for anchor in range(1, len(grid.names)) for view in grid.plain]
    series = tuple(
        Series(
            label=f"to {grid.names[anchor]}, {view} view",
            x=tuple(map(float, grid.path(view, anchor)[0])),
            y=tuple(map(float, grid.path(view, anchor)[1])),
            line=True,
        )
        for view, anchor in paths
    )
    plot = Plot(x_label=f"share of the way from {grid.names[0]}", y_label="distance in ABLE", series=series)
    reading = "How far a mixture of two models' weights has moved in ABLE; 1.41 is nothing in common."
    return StudyFigure(id="paths", heading="Models between models", reading=reading, plot=plot)
