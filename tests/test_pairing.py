"""A pair that was named beforehand is judged by the shipped bank's judge, as one hypothesis."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from provcheck import ModelOptions, PairReport, audit, compare_models, distance, judge_pair
from provcheck.errors import IncompatibleError, UsageError
from provcheck.io import data
from provcheck.rendering.pair_page import pair_page, pair_sentence
from provcheck.signals import distance_of, read_record
from provcheck.store import save_measurement
from provcheck.types import Measurement, NotMeasured, Relation
from provcheck.verdict.fitting import calibrate
from tests.synthetic import make_blocks, make_measurement, make_probes
from tests.tiny import save_tiny
from tests.verdict.zoo import calibrated, child_of, make_zoo, root_measurement

TUNED = child_of(root_measurement(3), "me/tuned", 0.2, seed=77)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A calibrated bank that stands for the one that ships."""
    home = tmp_path_factory.mktemp("shipped")
    bank = make_zoo(home / "plain")
    return calibrated(bank, home / "judged", calibrate(bank)).folder


@pytest.fixture(autouse=True)
def _ships(shipped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "banks", lambda: {data.DEFAULT_BANK: shipped})


def judged(folder: Path, *measurements: Measurement) -> PairReport:
    names = [str(folder / f"{place}.safetensors") for place in range(len(measurements))]
    for name, one in zip(names, measurements, strict=True):
        save_measurement(one, Path(name))
    return judge_pair(*names)


def test_a_child_and_its_parent(tmp_path: Path) -> None:
    report = judged(tmp_path, TUNED, root_measurement(3))
    (other,) = report.opponents
    assert report.verdict.relation is other.comparison.relation is Relation.DERIVED
    assert report.verdict.reference == "org/root-3"
    assert sum((other.comparison.probabilities or {}).values()) == pytest.approx(1)
    assert pair_sentence(report) == (
        "The weights of me/tuned descend from org/root-3, or both descend from one ancestor."
    )
    assert report.mixture is None and report.digest == report.computed_digest()
    assert read_record(PairReport, report.model_dump(mode="json")) == report


def test_a_named_pair_is_one_hypothesis_and_several_are_several(tmp_path: Path) -> None:
    """The p-value of one pair is not corrected; that of one of two is, for two."""
    one = judged(tmp_path, TUNED, root_measurement(3))
    two = judged(tmp_path, TUNED, root_measurement(3), root_measurement(5))
    assert one.verdict.p_value is not None and two.verdict.p_value == pytest.approx(2 * one.verdict.p_value)
    assert any("as one hypothesis" in reason for reason in one.verdict.reasons)
    assert any("corrected for the 2 references that were named" in reason for reason in two.verdict.reasons)
    assert not any("all references of the bank" in reason for reason in (*one.verdict.reasons, *two.verdict.reasons))


def test_strangers_are_not_accused(tmp_path: Path) -> None:
    report = judged(tmp_path, root_measurement(60), root_measurement(61))
    assert report.verdict.relation.independent
    assert "show no relation to org/root-61" in pair_sentence(report) or "independent of" in pair_sentence(report)


def test_signals_that_the_judge_has_no_panel_for_are_said_to_be(tmp_path: Path) -> None:
    """Measured on other probes than the judge's bank: compared, but nothing to judge by."""
    probes = make_probes("others")
    models = [make_measurement(name, make_blocks(seed), probes=probes) for name, seed in (("a", 1), ("b", 2))]
    report = judged(tmp_path, *models)
    assert report.verdict.relation is Relation.INCONCLUSIVE
    assert any("it was measured in another way than in the judge's bank" in one for one in report.verdict.reasons)


def test_without_a_bank_only_equal_files_are_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "banks", dict)
    report = judged(tmp_path, TUNED, root_measurement(3))
    assert report.verdict.relation is Relation.INCONCLUSIVE and report.judge is None
    assert report.verdict.reasons == (
        "No bank with a judge ships with this installation, so nothing but equal weight files can be judged.",
    )


def test_what_was_changed_needs_weights(tmp_path: Path) -> None:
    report = judged(tmp_path, TUNED, root_measurement(3), root_measurement(5))
    found = report.opponents[0].changes
    assert isinstance(found, NotMeasured) and "a saved measurement holds only" in found.not_measured
    assert isinstance(report.mixture, NotMeasured)
    page = pair_page(report)
    assert "What was changed could not be read" in page and 'data-verdict="derived"' in page


def test_names_of_strangers_are_escaped_and_made_plain(tmp_path: Path) -> None:
    hostile = child_of(root_measurement(3), "<b>\u202e{x}</b>", 0.2, seed=78)
    page = pair_page(judged(tmp_path, hostile, root_measurement(3)))
    assert "<b>" not in page and "\u202e" not in page and "&lt;b&gt;" in page


def test_a_distance_is_that_of_a_report(tmp_path: Path) -> None:
    names = tmp_path / "me.safetensors", tmp_path / "other.safetensors"
    for name, one in zip(names, (TUNED, root_measurement(3)), strict=True):
        save_measurement(one, name)
    report = audit(names[0], references=[names[1]])
    audited = next(one for one in report.comparisons if one.reference == "org/root-3")
    found = distance(*names)
    assert found == distance_of(compare_models(*names)[2])
    assert found == distance(TUNED, root_measurement(3)), "measurements at hand are not measured again"
    expected = distance_of(audited)
    assert expected and found.value == pytest.approx(expected.value, abs=1e-3)
    assert found.low < found.value < found.high
    shown = audited.model_dump()["signals"]
    able, kl = distance(*names, signal="able"), distance(*names, signal="likelihood")
    assert able.value == pytest.approx(shown["able"]["contrast"]["cosine_distance"], abs=1e-3)
    assert kl.value == pytest.approx(shown["likelihood"]["bits_per_byte"], rel=1e-2)
    assert distance(*names, ModelOptions(signals=("able",))) == able


def test_where_there_is_no_distance(tmp_path: Path) -> None:
    with pytest.raises(IncompatibleError, match="'me/tuned' and 'org/root-3' have no distance") as caught:
        distance(TUNED, root_measurement(3), signal="weights")
    assert "weights: " in caught.value.hint
    with pytest.raises(UsageError, match="there is no signal 'abel'"):
        distance(TUNED, root_measurement(3), signal="abel")


def test_a_copy_with_another_rope_is_called_out(tmp_path: Path) -> None:
    """The weights are equal, and the shipped bank need not know them."""
    victim = save_tiny(tmp_path / "victim")
    copy = Path(shutil.copytree(victim, tmp_path / "copy"))
    config = (copy / "config.json").read_text("utf-8")
    (copy / "config.json").write_text(config.replace('"rope_theta": 10000.0', '"rope_theta": 100000.0'), "utf-8")
    options = ModelOptions(cache=False, signals=("weights",))
    report = judge_pair(copy, victim, options=options, changes=False)
    assert report.verdict.relation is Relation.IDENTICAL
    assert report.signs and [sign.name for sign in report.signs.found] == ["config-differs"]
    assert "rope_theta 100,000 in place of 10,000" in pair_page(report)
    honest = judge_pair(victim, victim, options=options, changes=False)
    assert honest.signs and not honest.signs.found
