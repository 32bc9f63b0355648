"""Published baselines that compare weights: similarities that the recipe computed where the models lie."""

from __future__ import annotations

import numpy as np

from provcheck.bank import Bank
from provcheck.bank.folder import raw_file
from provcheck.errors import BankError
from provcheck.io.safetensors import read_arrays
from provcheck.types import Floats

FILE = raw_file("rivals")
"""An (M, M) array of similarities for each method, in the order of the bank's references."""

RIVALS = ("MATCH, weights", "MATCH, activations", "HuRef", "AWM", "Sampled cosine")
"""The methods, as in the table; reference_embeddings/recipe/rivals.py computes them and says how."""


def weight_similarities(bank: Bank) -> dict[str, Floats]:
    """(M, M) similarities by method; none when the bank holds no such file.

    NaN, where a method cannot compare two models (other shapes, no common tokens), becomes its lowest similarity: it
    finds no relation. Raises BankError when the arrays do not fit the bank.
    """
    if not (bank.folder / FILE).exists() or (path := bank.checked_file(FILE)) is None:
        return {}
    try:
        arrays = read_arrays(path, bank.manifest.files[FILE]) or {}
    except (OSError, ValueError):
        arrays = {}
    shape = (len(bank.references), len(bank.references))
    if set(arrays) != set(RIVALS) or any(one.shape != shape or np.isnan(one).all() for one in arrays.values()):
        raise BankError(f"the file {FILE} of bank '{bank.manifest.name}' does not fit it", "compute it again")
    return {name: _without_gaps(arrays[name].astype(np.float64)) for name in RIVALS}


def _without_gaps(similarities: Floats) -> Floats:
    return np.where(np.isnan(similarities), np.nanmin(similarities), similarities)
