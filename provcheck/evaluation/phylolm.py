"""The PhyloLM baseline: how often two models continue the same prompts with the same characters."""

from __future__ import annotations

import json

import numpy as np

from provcheck.bank import Bank
from provcheck.bank.folder import RAW
from provcheck.types import Floats

FILE = f"samples{RAW}.json"
"""How often each allele (first characters of a sample) occurred, by model and gene (prompt); research data."""


def allele_similarities(bank: Bank) -> Floats | None:
    """(M, M) similarities of all references, or None when the bank holds no samples.

    Sum over genes of sum_a P1(a) P2(a), over the square root of both self terms' product (Yax et al., PhyloLM, 2024).
    """
    if not (bank.folder / FILE).exists() or (path := bank.checked_file(FILE)) is None:
        return None
    samples = json.loads(path.read_text(encoding="utf-8"))
    alleles: dict[tuple[int, str], int] = {}
    for reference in bank.references:
        for gene, counts in enumerate(samples[reference.id]):
            for allele in counts:
                alleles.setdefault((gene, allele), len(alleles))
    matrix = np.zeros((len(bank.references), len(alleles)))
    for row, reference in enumerate(bank.references):
        for gene, counts in enumerate(samples[reference.id]):
            total = sum(counts.values())
            for allele, count in counts.items():
                matrix[row, alleles[gene, allele]] = count / total
    products = matrix @ matrix.T
    own = np.sqrt(np.maximum(np.diag(products), 1e-30))
    return np.asarray(products / np.outer(own, own))
