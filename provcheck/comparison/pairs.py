"""All pairs of a bank by documented relation: how far apart each mechanism leaves a model and its parent."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from provcheck.bank import Bank
from provcheck.bank.manifest import BankEntry
from provcheck.comparison.distance import pairwise_distances
from provcheck.comparison.divergence import clip_floor, pairwise_divergences
from provcheck.types import Relation

MAX_REFERENCES = 500


@dataclass(frozen=True)
class PairGroup:
    """Pairs of one kind: (low, median, high) of both cosine distances and of KL in bits/byte."""

    relation: Relation
    kind: str
    pairs: int
    paper: tuple[float, float, float]
    contrast: tuple[float, float, float]
    kl_bits_per_byte: tuple[float, float, float]


def pair_groups(bank: Bank) -> list[PairGroup]:
    """Every documented pair of the bank's first 500 references, grouped; related kinds first, nearest first."""
    references = bank.references[:MAX_REFERENCES]
    paper = pairwise_distances(bank.paper_blocks[: len(references)])
    contrast = pairwise_distances(bank.contrast_blocks[: len(references)])
    floor, mean_bytes = clip_floor(bank.loglik_nats), bank.manifest.mean_text_bytes
    kl = pairwise_divergences(bank.loglik_nats[: len(references)], floor, mean_bytes)
    groups: dict[tuple[Relation, str], list[tuple[float, float, float]]] = defaultdict(list)
    for i, j in combinations(range(len(references)), 2):
        relation = bank.kinship.relation(references[i].id, references[j].id)
        if relation is Relation.INCONCLUSIVE:
            continue
        values = (float(paper[i, j]), float(contrast[i, j]), float(kl[i, j]))
        groups[_group(references[i], references[j], relation)].append(values)
    made = [_summary(relation, kind, rows) for (relation, kind), rows in groups.items()]
    return sorted(made, key=lambda group: (list(Relation).index(group.relation), group.contrast[1]))


def _group(first: BankEntry, second: BankEntry, relation: Relation) -> tuple[Relation, str]:
    """Relation and kind of a pair; a pair of parent and child is named by the child's mechanism."""
    if relation.related:
        child = first if second.id in first.parents else second if first.id in second.parents else None
        return relation, child.mechanism if child else "other kin (siblings, generations apart)"
    if relation is Relation.SAME_RECIPE:
        roots = first.mechanism == second.mechanism == "from-scratch"
        size = "same size" if first.parameters == second.parameters else "another size"
        return relation, f"roots, {size}" if roots else "their descendants"
    return relation, "same architecture" if first.model_type == second.model_type else "another architecture"


def _summary(relation: Relation, kind: str, rows: list[tuple[float, float, float]]) -> PairGroup:
    columns = np.array(rows).T
    paper, contrast, kl = ((float(c.min()), float(np.median(c)), float(c.max())) for c in columns)
    return PairGroup(relation, kind, len(rows), paper, contrast, kl)
