"""A measurement against another one and against a bank."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from provcheck.bank import Bank, load_bank
from provcheck.bank.saving import save_bank
from provcheck.comparison import compare, compare_two, examine, shared_signals, shortlist
from provcheck.errors import IncompatibleError
from provcheck.probes import probe_set
from provcheck.signals import find_signal
from provcheck.signals.able.values import AbleValues, able_of
from provcheck.signals.likelihood.values import LikelihoodValues, likelihood_of
from provcheck.signals.stacks import sketch_at
from provcheck.types import Comparison, Measurement, NotMeasured, ProbeSet, Reference, Relation
from tests.comparison.factory import DIGEST, MEAN_BYTES, QUESTIONS, measurement, mixed, random_loglik, random_words
from tests.synthetic import with_facts, without
from tests.tiny import tiny_probes

SUBJECT = measurement("subject", random_words(1), random_loglik(1))


def able(comparison: Comparison) -> AbleValues:
    found = able_of(comparison)
    assert found is not None
    return found


def likelihood(comparison: Comparison) -> LikelihoodValues:
    found = likelihood_of(comparison)
    assert found is not None
    return found


def why_not(comparison: Comparison, signal: str) -> str:
    found = comparison.signals[signal]
    assert isinstance(found, NotMeasured)
    return found.not_measured


@pytest.fixture(scope="module")
def probes() -> ProbeSet:
    """As many questions as the measurements have blocks; the digest is theirs."""
    few = tiny_probes()
    questions = [
        few.questions[0].model_copy(update={"id": f"q-{n}", "category": f"c{n // 12}"}) for n in range(QUESTIONS)
    ]
    made = probe_set("made-up", questions, few.texts)
    return ProbeSet(made.name, DIGEST, made.questions, made.texts)


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory, probes: ProbeSet) -> Bank:
    """A stranger, a relative, and the subject itself."""
    return build(tmp_path_factory.mktemp("banks") / "small", probes, *measured_for_the_bank())


def measured_for_the_bank() -> list[Measurement]:
    near = mixed(random_words(1), random_words(2), 0.3)
    return [
        measurement("stranger", random_words(7), random_loglik(7)),
        measurement("relative", near, random_loglik(1) + 0.1 * random_loglik(2)),
        measurement("itself", random_words(1), random_loglik(1), weights_digest=SUBJECT.subject.weights_digest),
    ]


def build(folder: Path, probes: ProbeSet, *measured: Measurement) -> Bank:
    models = [(Reference(id=m.subject.id, family="f", license="mit", mechanism="lora"), m) for m in measured]
    save_bank(folder, "small", probes, models)
    return load_bank(str(folder))


def test_references_come_nearest_first_with_what_the_bank_says(bank: Bank) -> None:
    compared = compare(SUBJECT, bank)
    assert [comparison.reference for comparison in compared] == ["itself", "relative", "stranger"]
    distances = [able(comparison).contrast.cosine_distance for comparison in compared]
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


def test_the_probes_give_the_floor(bank: Bank) -> None:
    assert bank.stacks["likelihood"].context == {"mean_text_bytes": MEAN_BYTES}
    (kl,) = (likelihood(found).bits_per_byte for found in compare(SUBJECT, bank) if found.reference == "stranger")
    floor = -8 * np.log(2) * MEAN_BYTES
    first, second = (np.maximum(random_loglik(seed), floor) for seed in (1, 7))
    assert kl == pytest.approx(np.var(first - second) / (2 * MEAN_BYTES * np.log(2)), rel=1e-4)


def test_a_large_bank_is_compared_with_the_nearest_only(
    tmp_path: Path, probes: ProbeSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shortlist, "SHORTLIST", 3)
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
    assert why_not(last, "able") == "a model's attributions are all zero, or no question was measured"
    assert likelihood(last).bits_per_byte > 0


def test_head_to_head_is_symmetric() -> None:
    other = measurement("other", mixed(random_words(1), random_words(2), 0.3), random_loglik(2))
    there, back = compare_two(SUBJECT, other), compare_two(other, SUBJECT)
    assert there.reference == "other"
    assert back.reference == "subject"
    assert there.license == "mit"
    for view in ("paper", "contrast"):
        one, two = getattr(able(there), view), getattr(able(back), view)
        assert one.cosine_distance == pytest.approx(two.cosine_distance, abs=1e-6)
        assert one.ci95 == pytest.approx(two.ci95, abs=1e-6)
        assert one.ci95[0] <= one.cosine_distance <= one.ci95[1]
    assert likelihood(there).bits_per_byte == pytest.approx(likelihood(back).bits_per_byte)
    assert likelihood(there).se == pytest.approx(likelihood(back).se)
    assert likelihood(there).winsorised_bits_per_byte == pytest.approx(likelihood(back).winsorised_bits_per_byte)


def test_head_to_head_with_itself_is_zero() -> None:
    same = compare_two(SUBJECT, SUBJECT)
    assert same.same_weights
    assert able(same).paper.cosine_distance == pytest.approx(0, abs=1e-6)
    assert able(same).contrast.cosine_distance == pytest.approx(0, abs=1e-6)
    found = likelihood(same)
    assert (found.bits_per_byte, found.se, found.winsorised_bits_per_byte) == (0, 0, 0)


@pytest.mark.parametrize("name", ["stranger", "relative", "itself"])
def test_two_compared_head_to_head_are_what_an_audit_says_of_them(name: str, bank: Bank) -> None:
    audited = next(one for one in compare(SUBJECT, bank) if one.reference == name)
    second = {m.subject.id: m for m in measured_for_the_bank()}[name]
    pair = compare_two(SUBJECT, second)
    assert able(pair).paper.cosine_distance == pytest.approx(able(audited).paper.cosine_distance, abs=2e-4)
    assert able(pair).contrast.cosine_distance == pytest.approx(able(audited).contrast.cosine_distance, abs=2e-4)
    assert able(pair).contrast.ci95 == pytest.approx(able(audited).contrast.ci95, abs=5e-4)
    one, other = likelihood(pair), likelihood(audited)
    for field in ("bits_per_byte", "se", "winsorised_bits_per_byte"):
        assert getattr(one, field) == pytest.approx(getattr(other, field), rel=1e-4, abs=1e-12)
    assert (one.scale_band, one.texts) == (other.scale_band, other.texts)


def test_of_a_pair_as_the_bank_keeps_it_not_a_bit_differs(bank: Bank) -> None:
    """Single and half precision are all that a measurement and a bank's row of it differ by."""
    for row, reference in enumerate(bank.references):
        sketches = {}
        for name, stack in bank.stacks.items():
            kept = sketch_at(find_signal(name), stack, row)
            sketches[name] = replace(kept, facts=SUBJECT.sketches[name].facts)
        second = replace(SUBJECT, subject=SUBJECT.subject.model_copy(update={"id": reference.id}), signals=sketches)
        audited = next(one for one in compare(SUBJECT, bank) if one.reference == reference.id)
        assert compare_two(SUBJECT, second).signals == audited.signals


def test_no_other_model_moves_the_divergence_of_two() -> None:
    garbled = random_loglik(2)
    garbled[0] = -5000.0
    floor = -8 * np.log(2) * MEAN_BYTES
    first, second = np.maximum(random_loglik(1), floor), np.maximum(garbled, floor)
    found = likelihood(compare_two(SUBJECT, measurement("garbled", loglik=garbled))).bits_per_byte
    assert found == pytest.approx(np.var(first - second) / (2 * MEAN_BYTES * np.log(2)), rel=1e-6)


@pytest.mark.parametrize("texts", [0, 29])
def test_too_few_common_texts_are_told(texts: int) -> None:
    few = random_loglik(2)
    few[texts:] = np.nan
    found = compare_two(SUBJECT, measurement("few", loglik=few))
    reason = f"only {texts} texts were measured by both models; at least 30 are needed"
    assert why_not(found, "likelihood") == reason
    assert able(found)


@pytest.mark.parametrize("bits", [(1.0, 1.0), (2.5, 1.0), (1.0, 2.5), (None, 1.0), (1.0, None)])
def test_the_scale_band_is_null_beyond_two_bits_a_byte(bits: tuple[float | None, float | None]) -> None:
    first = measurement("first", loglik=random_loglik(1), bits_per_byte=bits[0])
    second = measurement("second", loglik=random_loglik(2), bits_per_byte=bits[1])
    kl = likelihood(compare_two(first, second))
    assert kl.bits_per_byte > 0
    assert (kl.scale_band is None) == (bits != (1.0, 1.0)) == (kl.reason is not None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": "able/0"}, r"it was measured with able/0, '{}' with able/3"),
        ({"probes_digest": "6" * 64}, r"it is measured on probe set made-up \(6{{12}}\), '{}' on made-up \(5{{12}}\)"),
    ],
)
def test_other_probes_or_versions_are_never_compared(bank: Bank, change: dict[str, str], message: str) -> None:
    other = measurement("other", **change)  # type: ignore[arg-type]
    if "version" in change:
        other = with_facts(other, "likelihood", version="likelihood/0")
    for name, run in (("subject", lambda: compare_two(other, SUBJECT)), ("small", lambda: compare(other, bank))):
        with pytest.raises(IncompatibleError, match=message.format(name)) as caught:
            run()
        assert caught.value.message.startswith(f"the subject cannot be compared with '{name}': ")
        assert caught.value.hint


def test_a_signal_of_another_version_is_left_out_and_the_others_are_compared(bank: Bank) -> None:
    other = measurement("other", version="able/1")
    for name, found in (("small", compare(other, bank)[0]), ("subject", compare_two(other, SUBJECT))):
        assert why_not(found, "able") == f"it was measured with able/1, '{name}' with able/3"
        assert likelihood(found)
    assert list(shared_signals(other, bank)) == ["likelihood"]


def test_arrays_of_another_shape_are_refused(bank: Bank) -> None:
    """A file may claim any probes."""
    short = measurement("short", random_words(1)[:40])
    message = "name the same probe set, but have arrays of another shape"
    with pytest.raises(IncompatibleError, match=f"'short' and 'small' {message}"):
        compare(short, bank)
    with pytest.raises(IncompatibleError, match=f"'short' and 'subject' {message}"):
        compare_two(short, SUBJECT)


def test_a_model_that_lacks_a_signal_is_compared_in_the_others(bank: Bank) -> None:
    blind = without(SUBJECT, "able")
    compared = compare(blind, bank)
    assert [one.reference for one in compared] == ["itself", "relative", "stranger"], "by the next signal"
    whole = {one.reference: one for one in compare(SUBJECT, bank)}
    for one in compared:
        assert why_not(one, "able") == "it is an endpoint"
        assert one.signals["likelihood"] == whole[one.reference].signals["likelihood"]
    pair = compare_two(blind, SUBJECT)
    assert why_not(pair, "able") == "it is an endpoint" and likelihood(pair)
    back = compare_two(SUBJECT, blind)
    assert why_not(back, "able") == "of 'subject': it is an endpoint" and likelihood(back)


def test_a_measurement_that_knows_nothing_of_a_signal(bank: Bank) -> None:
    """As one that was made before the signal came."""
    old = replace(SUBJECT, signals={"able": SUBJECT.signals["able"]})
    for one in compare(old, bank):
        assert why_not(one, "likelihood") == "the measurement holds none" and able(one)
    assert why_not(compare_two(old, SUBJECT), "likelihood") == "the measurement holds none"
    assert why_not(compare_two(SUBJECT, old), "likelihood") == "'subject' holds none"


def test_nothing_in_common_is_an_error(bank: Bank) -> None:
    one, two = without(SUBJECT, "able"), without(SUBJECT, "likelihood")
    with pytest.raises(IncompatibleError, match="the subject cannot be compared with 'subject': it is an endpoint"):
        compare_two(one, two)
    with pytest.raises(IncompatibleError, match="the subject cannot be compared with 'small': it is an endpoint"):
        compare(without(one, "likelihood"), bank)
    able_only, texts_only = (replace(SUBJECT, signals={name: SUBJECT.signals[name]}) for name in SUBJECT.signals)
    message = "has no signal in common with 'subject': it has able, 'subject' has likelihood"
    with pytest.raises(IncompatibleError, match=message):
        compare_two(able_only, texts_only)
    with pytest.raises(IncompatibleError, match="has no signal in common with 'small': it has none"):
        compare(replace(SUBJECT, signals={}), bank)


def test_a_reference_that_lacks_a_signal_says_why_and_comes_after_those_that_have_it(
    tmp_path: Path, probes: ProbeSet
) -> None:
    near = without(measurement("near", random_words(1), random_loglik(1)), "able", "it is an endpoint")
    stranger = measurement("stranger", random_words(7), random_loglik(7))
    bank = build(tmp_path / "bank", probes, near, stranger)
    first, last = compare(SUBJECT, bank)
    assert (first.reference, last.reference) == ("stranger", "near")
    assert why_not(last, "able") == "it is an endpoint" and able(first)
    assert likelihood(last).bits_per_byte == pytest.approx(0, abs=1e-9)
    assert bank.rows_of("able").tolist() == [1] and bank.rows_of("likelihood").tolist() == [0, 1]
    alone = build(tmp_path / "alone", probes, stranger)
    assert first.signals["able"] == compare(SUBJECT, alone)[0].signals["able"]


def test_a_bank_without_a_signal(tmp_path: Path, probes: ProbeSet) -> None:
    models = [without(measurement(f"m{n}", random_words(n), random_loglik(n)), "able") for n in (7, 1)]
    bank = build(tmp_path / "bank", probes, *models)
    compared = compare(SUBJECT, bank)
    assert [one.reference for one in compared] == ["m1", "m7"]
    assert {why_not(one, "able") for one in compared} == {"'small' holds none"}
    with pytest.raises(IncompatibleError, match="the subject cannot be compared with 'small': it is an endpoint"):
        compare(without(SUBJECT, "likelihood"), bank)
    with pytest.raises(IncompatibleError, match="in common with 'small': it has able, 'small' has likelihood"):
        compare(replace(SUBJECT, signals={"able": SUBJECT.signals["able"]}), bank)


def test_a_large_bank_is_cut_by_the_first_signal_that_both_sides_have(
    tmp_path: Path, probes: ProbeSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """References without that signal are not among the nearest, unless they are named."""
    monkeypatch.setattr(shortlist, "SHORTLIST", 2)
    shares = [0.9, 0.2, 0.6, 0.1]
    models = [
        measurement(f"share-{share}", mixed(random_words(1), random_words(2), share), random_loglik(place))
        for place, share in enumerate(shares)
    ]
    models.insert(1, without(measurement("blind", loglik=random_loglik(1)), "able"))
    bank = build(tmp_path / "large", probes, *models)
    assert [one.reference for one in compare(SUBJECT, bank)] == ["share-0.1", "share-0.2"]
    named = compare(SUBJECT, bank, ["BLIND", "share-0.9"])
    assert [one.reference for one in named] == ["share-0.1", "share-0.2", "share-0.9", "blind"]
    by_texts = compare(without(SUBJECT, "able"), bank)
    assert {one.reference for one in by_texts} == {"blind", "share-0.2"}, "both have the log-likelihoods of the subject"


def test_only_the_chosen_reference_is_examined(bank: Bank) -> None:
    compared = compare(SUBJECT, bank)
    examined = examine(compared, "relative", SUBJECT, bank)
    assert [len(able(one).categories) for one in examined] == [0, 1, 0]
    assert able(examined[1]).categories[0].distance == able(compared[1]).contrast
    assert examined[0] == compared[0] and examined[1].signals["likelihood"] == compared[1].signals["likelihood"]
    blind = without(SUBJECT, "able")
    assert examine(compare(blind, bank), "relative", blind, bank) == compare(blind, bank)
