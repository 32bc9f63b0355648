"""PhyloLM's similarity against the sums written out."""

from __future__ import annotations

import json
import math
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provcheck.bank import Bank, load_bank
from provcheck.bank.saving import add_file
from provcheck.errors import BankError
from provcheck.evaluation.phylolm import FILE, allele_similarities
from tests.synthetic import make_bank, roots

Samples = dict[str, list[dict[str, int]]]

MODELS, GENES = 4, 3


def with_samples(bank: Bank, folder: Path, samples: Samples) -> Bank:
    """A copy of the bank with sampled continuations."""
    shutil.copytree(bank.folder, folder, dirs_exist_ok=True)
    add_file(load_bank(str(folder)), FILE, json.dumps(samples).encode())
    return load_bank(str(folder))


def random_samples(ids: list[str], seed: int, genes: int = GENES) -> Samples:
    """Some of five alleles of each gene, with counts."""
    stream = random.Random(seed)
    return {
        id: [{a: stream.randint(1, 9) for a in stream.sample("abcde", stream.randint(1, 5))} for _ in range(genes)]
        for id in ids
    }


def literal_similarity(first: list[dict[str, int]], second: list[dict[str, int]]) -> float:
    """sum_g sum_a P1(a|g) P2(a|g) / sqrt(sum_g sum_a P1(a|g)^2 * sum_g sum_a P2(a|g)^2)."""
    product = own = other = 0.0
    for one, two in zip(first, second, strict=True):
        for allele in one.keys() | two.keys():
            p, q = one.get(allele, 0) / sum(one.values()), two.get(allele, 0) / sum(two.values())
            product, own, other = product + p * q, own + p * p, other + q * q
    return product / math.sqrt(own * other)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    return make_bank(tmp_path_factory.mktemp("alleles") / "small", roots(MODELS))


@given(seed=st.integers(0, 1000))
def test_against_the_sums_written_out(small: Bank, tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    ids = [reference.id for reference in small.references]
    samples = random_samples(ids, seed)
    found = allele_similarities(with_samples(small, tmp_path_factory.mktemp("samples") / "bank", samples))
    assert found is not None and found.shape == (MODELS, MODELS)
    for i, one in enumerate(ids):
        for j, two in enumerate(ids):
            assert found[i, j] == pytest.approx(literal_similarity(samples[one], samples[two]))


def test_the_same_letters_after_another_prompt_are_another_allele(small: Bank, tmp_path: Path) -> None:
    one, two, three, four = (reference.id for reference in small.references)
    samples: Samples = {
        one: [{"a": 5}, {"b": 5}],
        two: [{"b": 5}, {"a": 5}],
        three: [{"a": 50}, {"b": 1}],
        four: [{"a": 5}, {"c": 5}],
    }
    found = allele_similarities(with_samples(small, tmp_path / "bank", samples))
    assert found is not None
    np.testing.assert_allclose(found[0], [1, 0, 1, 0.5])


def test_without_samples_nothing_is_measured(small: Bank, tmp_path: Path) -> None:
    """Neither where the bank has none nor where the installation left them out."""
    assert allele_similarities(small) is None
    bank = with_samples(small, tmp_path / "bank", random_samples([r.id for r in small.references], 0))
    (bank.folder / FILE).unlink()
    assert allele_similarities(bank) is None


def test_changed_samples_are_refused(small: Bank, tmp_path: Path) -> None:
    bank = with_samples(small, tmp_path / "bank", random_samples([r.id for r in small.references], 0))
    (bank.folder / FILE).write_text("{}", "utf-8")
    with pytest.raises(BankError, match=r"samples-raw\.json of bank 'small' was changed"):
        allele_similarities(bank)
