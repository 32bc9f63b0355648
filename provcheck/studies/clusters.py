"""Do families and mechanisms lie together, by ABLE, log-likelihoods and PhyloLM?

ABLE, section 4.2: models gather by family on the t-SNE map (figure 4), fine-tunes near their base, and the hierarchical
tree of ten families has branches of one family each (figure 5). PhyloLM: Yax et al. (2024), the paper's baseline.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from provcheck import wording
from provcheck.bank import Bank
from provcheck.errors import StudyError
from provcheck.evaluation.phylolm import allele_similarities
from provcheck.lineage.trees import Method, build, write_newick
from provcheck.lineage.tsne import t_sne
from provcheck.signals.able.cosine import pairwise_distances
from provcheck.signals.able.values import CONTRAST, PAPER
from provcheck.studies import clustering
from provcheck.studies.clustering import against_chance, estimate, labels_of
from provcheck.studies.material import StudyOptions, likelihoods_of
from provcheck.studies.statistics import Estimate
from provcheck.types import Beside, Finding, Floats, Grid, Ints, MapPoint, Published, Study, StudyFigure

LEAST, LEAST_FAMILIES = 8, 3
MEASURES: dict[str, clustering.Statistic] = {
    "purity of clusters": clustering.purity,
    "nearest of the same label": clustering.neighbours,
    "silhouette": clustering.silhouette,
}
MAP = Published(
    text="families gather on the map, fine-tunes around their base; branches of the tree hold one family each",
    value=None,
    source="ABLE, section 4.2, figures 4 and 5",
)


@dataclass(frozen=True)
class Measured:
    """A measure of one method and label: the estimate, what chance gives, and p."""

    method: str
    label: str
    measure: str
    found: Estimate
    chance: float
    p_value: float


def run(bank: Bank, options: StudyOptions) -> Study:
    """Every measure of every method, on the models that all of them measured. Raises StudyError for too few."""
    rows, methods = distances_by_method(bank)
    references = [bank.references[row] for row in rows]
    families = labels_of([one.family for one in references])
    labels = {"family": families, "mechanism": labels_of([one.mechanism for one in references])}
    options.observe.start("grouping models", len(methods))
    found: list[Measured] = []
    trees: dict[str, Estimate] = {}
    for method, apart in methods.items():
        trees[method] = estimate(clustering.cophenetic, apart, families, families)
        found += _grouped(method, apart, labels)
        options.observe.advance()
    options.observe.finish()
    places = {method: t_sne(apart) for method, apart in methods.items()}
    maps = {method: _on_map(places[method], families) for method in methods}
    missing = () if "PhyloLM" in methods else ("The bank holds no sampled continuations, so PhyloLM is not beside.",)
    return Study(
        name="clusters",
        title="Families and mechanisms as clusters",
        question="Do families and mechanisms lie together?",
        section="ABLE, section 4.2",
        beside=(*_family_beside(found, trees, maps), _mechanism_beside(found)),
        findings=tuple(_findings(trees, found, maps, len(rows))),
        tables=(_table(trees, found, maps),),
        figures=(_tree(bank, rows, methods["ABLE, contrast view"]), _map(bank, rows, places["ABLE, contrast view"])),
        limits=(
            "A family is a recipe with its data: its members are related, or sibling seeds and sizes.",
            "Clusters are cut from the tree by average linkage, as many as there are labels; none is chosen by fit.",
            "Intervals are those of a jackknife over families; chance is the mean over labels dealt at random.",
            *missing,
        ),
    )


def distances_by_method(bank: Bank) -> tuple[Ints, dict[str, Floats]]:
    """Rows of the references that all methods measured, and (M, M) distances of each. Raises StudyError."""
    if not {"able", "likelihood"} <= set(bank.stacks):
        raise StudyError("the study needs a bank with ABLE and log-likelihoods", "build one with all signals")
    able = bank.stacks["able"]
    known = bank.rows_of("able")[[bool(one.any()) for one in able.arrays[CONTRAST]]]
    rows = np.intersect1d(known, bank.rows_of("likelihood")).astype(np.int64)
    families = {bank.references[row].family for row in rows}
    if len(rows) < LEAST or len(families) < LEAST_FAMILIES or len(families) == len(rows):
        raise StudyError(
            f"the study needs {LEAST} models of {LEAST_FAMILIES} families, one of them with several members; "
            f"bank '{bank.manifest.name}' has {len(rows)} of {len(families)}",
            "add models with `provcheck bank add`",
        )
    stack, known_texts = bank.part("able", rows)[0], likelihoods_of(bank)
    places = np.searchsorted(known_texts.rows, rows)
    found = {
        "ABLE, paper's view": pairwise_distances(stack.arrays[PAPER]),
        "ABLE, contrast view": pairwise_distances(stack.arrays[CONTRAST]),
        "log-likelihoods": np.sqrt(known_texts.divergences()[np.ix_(places, places)]),
    }
    alleles = allele_similarities(bank)
    if alleles is not None:
        found["PhyloLM"] = 1 - alleles[np.ix_(rows, rows)]
    if not all(np.isfinite(one).all() for one in found.values()):
        raise StudyError("some models have too few texts in common", "measure them with the same probes, completely")
    return rows, {name: _symmetric(one) for name, one in found.items()}


def _symmetric(apart: Floats) -> Floats:
    """Without the rounding that makes a distance differ by direction, or below 0."""
    even = np.maximum(0.0, (apart + apart.T) / 2)
    np.fill_diagonal(even, 0.0)
    return np.asarray(even)


def _grouped(method: str, apart: Floats, labels: dict[str, Ints]) -> list[Measured]:
    return [
        Measured(
            method, label, name, estimate(measure, apart, own, labels["family"]), *against_chance(measure, apart, own)
        )
        for label, own in labels.items()
        for name, measure in MEASURES.items()
    ]


def _on_map(places: Floats, families: Ints) -> Estimate:
    """The silhouette of families on the t-SNE map."""
    apart = np.linalg.norm(places[:, None] - places[None], axis=-1)
    return estimate(clustering.silhouette, apart, families, families)


def _said(one: Estimate) -> str:
    return f"{wording.number(one.value)} ({wording.number(one.low)} to {wording.number(one.high)})"


def _family_beside(found: list[Measured], trees: dict[str, Estimate], maps: dict[str, Estimate]) -> tuple[Beside, ...]:
    lines = []
    for method, tree in trees.items():
        own = {one.measure: one for one in found if one.method == method and one.label == "family"}
        clusters, nearest = own["purity of clusters"], own["nearest of the same label"]
        here = (
            f"purity {_said(clusters.found)}, chance {wording.number(clusters.chance)}; nearest of the same family "
            f"{wording.probability(nearest.found.value)}; silhouette on the map {wording.number(maps[method].value)}; "
            f"cophenetic correlation {wording.number(tree.value)}"
        )
        published = MAP if method == "ABLE, paper's view" else None
        lines.append(Beside(experiment=f"Families, {method}", published=published, here=here))
    return tuple(lines)


def _mechanism_beside(found: list[Measured]) -> Beside:
    own = [one for one in found if one.label == "mechanism" and one.measure == "nearest of the same label"]
    kin = [one.found.value for one in found if one.label == "family" and one.measure == "nearest of the same label"]
    here = "; ".join(
        f"{one.method} {wording.probability(one.found.value)}, chance {wording.probability(one.chance)}, "
        f"p = {wording.number(one.p_value)}"
        for one in own
    )
    return Beside(
        experiment="Nearest model made by the same mechanism",
        published=Published(
            text="some fine-tunes leave their family for models tuned to the same task", value=None, source=MAP.source
        ),
        here=here,
        why=(
            f"The nearest model is of the same family for {wording.probability(min(kin))} to "
            f"{wording.probability(max(kin))} of the models, and a family seldom holds one mechanism twice: distances "
            "tell where weights come from, hardly what was done to them."
        ),
    )


def _findings(
    trees: dict[str, Estimate], found: list[Measured], maps: dict[str, Estimate], models: int
) -> list[Finding]:
    made = [
        Finding(name=f"cophenetic correlation, {method}", value=one.value, ci95=one.ci95, n=models, of="model")
        for method, one in trees.items()
    ]
    made += [
        Finding(
            name=f"{one.measure}, {one.label}, {one.method}",
            value=one.found.value,
            ci95=one.found.ci95,
            n=models,
            of="model",
            note=f"chance {wording.number(one.chance)}, p = {wording.number(one.p_value)}",
        )
        for one in found
    ]
    return made + [
        Finding(name=f"silhouette on the map, family, {method}", value=one.value, ci95=one.ci95, n=models, of="model")
        for method, one in maps.items()
    ]


def _table(trees: dict[str, Estimate], found: list[Measured], maps: dict[str, Estimate]) -> Grid:
    rows = []
    for method, tree in trees.items():
        own = [one for one in found if one.method == method]
        cells = (wording.number(one.found.value) for one in own)
        rows.append((method, wording.number(tree.value), *cells, wording.number(maps[method].value)))
    measured = [f"{one.label}: {one.measure}" for one in found if one.method == next(iter(trees))]
    headings = ("Method", "Cophenetic", *measured, "family: silhouette on the map")
    numbers = tuple(range(1, len(headings)))
    return Grid(caption="All methods on the same models", headings=headings, rows=tuple(rows), numbers=numbers)


def _tree(bank: Bank, rows: Ints, apart: Floats) -> StudyFigure:
    """Of the roots alone: one line for each model that was made from no other."""
    roots = [at for at, row in enumerate(rows) if bank.references[row].mechanism == "from-scratch"]
    chosen = roots if len(roots) >= LEAST_FAMILIES else list(range(len(rows)))
    ids = [bank.references[rows[at]].id for at in chosen]
    newick = write_newick(build(apart[np.ix_(chosen, chosen)], Method.HIERARCHICAL), ids)
    reading = "Average linkage of ABLE's contrast distances among the models that were made from no other."
    return StudyFigure(id="tree", heading="Tree across families", reading=reading, newick=newick)


def _map(bank: Bank, rows: Ints, places: Floats) -> StudyFigure:
    points = tuple(
        MapPoint(id=bank.references[row].id, family=bank.references[row].family, x=float(x), y=float(y))
        for row, (x, y) in zip(rows, places, strict=True)
    )
    reading = (
        "t-SNE of ABLE's contrast distances; each family has a colour and a shape. Near is alike, far says little."
    )
    return StudyFigure(id="map", heading="Map of the bank", reading=reading, points=points)
