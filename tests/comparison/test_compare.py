"""A measurement against another one and against a bank."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from provcheck import comparison
from provcheck.bank import Bank, load_bank
from provcheck.bank.writing import save_bank
from provcheck.comparison import compare, compare_two
from provcheck.errors import IncompatibleError
from provcheck.probes import probe_set
from provcheck.types import Measurement, ProbeSet, Reference, Relation
from tests.comparison.factory import MEAN_BYTES, QUESTIONS, measurement, mixed, random_loglik, random_words
from tests.tiny import tiny_probes

SUBJECT = measurement("subject", random_words(1), random_loglik(1))


@pytest.fixture(scope="module")
def probes() -> ProbeSet:
    """As many questions as the measurements have blocks; the digest is theirs."""
    few = tiny_probes()
    questions = [
        few.questions[0].model_copy(update={"id": f"q-{n}", "category": f"c{n // 12}"}) for n in range(QUESTIONS)
    ]
    made = probe_set("made-up", questions, few.texts)
    return ProbeSet(made.name, SUBJECT.facts.probes_digest, made.questions, made.texts)


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory, probes: ProbeSet) -> Bank:
    """A stranger, a relative, and the subject itself."""
    near = mixed(random_words(1), random_words(2), 0.3)
    return build(
        tmp_path_factory.mktemp("banks") / "small",
        probes,
        measurement("stranger", random_words(7), random_loglik(7)),
        measurement("relative", near, random_loglik(1) + 0.1 * random_loglik(2)),
        measurement("itself", random_words(1), random_loglik(1), weights_digest=SUBJECT.subject.weights_digest),
    )


def build(folder: Path, probes: ProbeSet, *measured: Measurement) -> Bank:
    models = [(Reference(id=m.subject.id, family="f", license="mit", mechanism="lora"), m) for m in measured]
    save_bank(folder, "small", probes, models)
    return load_bank(str(folder))


def test_references_come_nearest_first_with_what_the_bank_says(bank: Bank) -> None:
    compared = compare(SUBJECT, bank)
    assert [comparison.reference for comparison in compared] == ["itself", "relative", "stranger"]
    distances = [comparison.able.contrast.cosine_distance for comparison in compared if comparison.able.contrast]
    assert distances[0] == pytest.approx(0, abs=1e-5)
    assert 0.02 < distances[1] < 0.4
    assert 0.8 < distances[2] < 1.2
    first = compared[0]
    assert (first.family, first.mechanism, first.license) == ("f", "lora", "mit")
    assert [comparison.same_weights for comparison in compared] == [True, False, False]


def test_relations_are_left_to_the_judge(bank: Bank) -> None:
    for compared in compare(SUBJECT, bank):
        assert compared.relation is Relation.INCONCLUSIVE
        assert compared.probabilities is None
        assert compared.p_value is None


def test_the_banks_texts_give_unit_and_floor(bank: Bank, probes: ProbeSet) -> None:
    mean_bytes = np.mean([len(text.text.encode()) for text in probes.texts])
    assert bank.manifest.mean_text_bytes == pytest.approx(mean_bytes)
    (kl,) = (compared.kl.bits_per_byte for compared in compare(SUBJECT, bank) if compared.reference == "stranger")
    floor = np.quantile(bank.loglik_nats, 0.02)
    first, second = (np.maximum(random_loglik(seed), floor) for seed in (1, 7))
    assert kl == pytest.approx(np.var(first - second) / (2 * mean_bytes * np.log(2)), rel=1e-4)


def test_a_large_bank_is_compared_with_the_nearest_only(
    tmp_path: Path, probes: ProbeSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "SHORTLIST", 3)
    shares = [0.9, 0.2, 0.6, 0.1, 0.4]
    models = [
        measurement(f"share-{share}", mixed(random_words(1), random_words(2), share), random_loglik(3))
        for share in shares
    ]
    compared = compare(SUBJECT, build(tmp_path / "large", probes, *models))
    assert [one.reference for one in compared] == ["share-0.1", "share-0.2", "share-0.4"]


def test_a_model_without_attributions_comes_last_with_a_reason(tmp_path: Path, probes: ProbeSet) -> None:
    silent = measurement("silent", [0 * words for words in random_words(1)], random_loglik(2))
    stranger = measurement("stranger", random_words(7), random_loglik(7))
    *_, last = compare(SUBJECT, build(tmp_path / "bank", probes, silent, stranger))
    assert last.reference == "silent"
    assert last.able.paper is None
    assert last.able.contrast is None
    assert last.able.reason is not None
    assert last.kl.bits_per_byte is not None


def test_head_to_head_is_symmetric() -> None:
    other = measurement("other", mixed(random_words(1), random_words(2), 0.3), random_loglik(2))
    there, back = compare_two(SUBJECT, other, MEAN_BYTES), compare_two(other, SUBJECT, MEAN_BYTES)
    assert there.reference == "other"
    assert back.reference == "subject"
    for one, two in ((there.able.paper, back.able.paper), (there.able.contrast, back.able.contrast)):
        assert one is not None
        assert two is not None
        assert one.cosine_distance == pytest.approx(two.cosine_distance, abs=1e-6)
        assert one.ci95 == pytest.approx(two.ci95, abs=1e-6)
        assert one.ci95[0] <= one.cosine_distance <= one.ci95[1]
    assert there.kl.bits_per_byte == pytest.approx(back.kl.bits_per_byte)
    assert there.kl.se == pytest.approx(back.kl.se)


def test_head_to_head_with_itself_is_zero() -> None:
    same = compare_two(SUBJECT, SUBJECT, MEAN_BYTES)
    assert same.same_weights
    assert same.able.paper is not None
    assert same.able.contrast is not None
    assert same.able.paper.cosine_distance == pytest.approx(0, abs=1e-6)
    assert same.able.contrast.cosine_distance == pytest.approx(0, abs=1e-6)
    assert (same.kl.bits_per_byte, same.kl.se) == (0, 0)


@pytest.mark.parametrize("texts", [0, 29])
def test_too_few_common_texts_are_told(texts: int) -> None:
    few = random_loglik(2)
    few[texts:] = np.nan
    kl = compare_two(SUBJECT, measurement("few", loglik=few), MEAN_BYTES).kl
    assert (kl.bits_per_byte, kl.se, kl.scale_band, kl.texts) == (None, None, None, texts)
    assert kl.reason == f"only {texts} texts were measured by both models"


@pytest.mark.parametrize("bits", [(1.0, 1.0), (2.5, 1.0), (1.0, 2.5), (None, 1.0)])
def test_the_scale_band_is_null_beyond_two_bits_a_byte(bits: tuple[float | None, float]) -> None:
    first = measurement("first", loglik=random_loglik(1), bits_per_byte=bits[0])
    second = measurement("second", loglik=random_loglik(2), bits_per_byte=bits[1])
    kl = compare_two(first, second, MEAN_BYTES).kl
    assert kl.bits_per_byte is not None
    assert (kl.scale_band is None) == (bits != (1.0, 1.0)) == (kl.reason is not None)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"algorithm": "able-kl/0"}, "able-kl/0"), ({"probes_digest": "6" * 64}, "666666666666")],
)
def test_other_probes_or_algorithms_are_never_compared(bank: Bank, change: dict[str, str], message: str) -> None:
    other = measurement("other", **change)  # type: ignore[arg-type]
    with pytest.raises(IncompatibleError, match=message) as caught:
        compare_two(SUBJECT, other, MEAN_BYTES)
    assert caught.value.hint
    with pytest.raises(IncompatibleError, match=message):
        compare(other, bank)
