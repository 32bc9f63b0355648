"""The table of error rates on held-out roots: every method, its numbers, and both renderings of them."""

from __future__ import annotations

import json
import random
import statistics
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provcheck.bank import Bank
from provcheck.cli import run
from provcheck.errors import BankError
from provcheck.evaluation import error_rates as module
from provcheck.evaluation.error_rates import (
    DISTILLATION,
    ROOT_SHARE,
    SEEDS,
    Evaluation,
    _drawn_rows,
    evaluate,
    markdown,
)
from provcheck.evaluation.methods import Answer, _calibration_error, _greedy, _random, _rates
from provcheck.evaluation.weight_based import RIVALS
from provcheck.types import Bools, Floats, Relation
from provcheck.verdict.calibration import Calibration
from provcheck.verdict.fitting import calibrate, rate_interval
from provcheck.verdict.panels import Calibrations
from provcheck.verdict.training import Pairs, documented_pairs, every_pair
from tests.evaluation.test_phylolm import Samples, with_samples
from tests.evaluation.test_weight_based import with_rivals
from tests.synthetic import make_reference
from tests.verdict.matches import pairs_with_matches, with_weights, without_signal
from tests.verdict.zoo import CHILDREN, HELD_OUT, MECHANISMS, ROOTS, child_of, line_of, make_zoo

NAMES = ("able.contrast_distance", "able.paper_distance", "likelihood.log_kl", "likelihood.log_winsorised_kl")
METHODS = ["Random", "Greedy", "Log-Likelihood", "ABLE paper view", "ABLE contrast view"]
JUDGES = ["Judge: able", "Judge: able + likelihood"]
BOTH = "able+likelihood"
LINE = 1 + len(CHILDREN)
RATES = ("auc", "accuracy", "precision", "recall", "f1", "false_accusation_rate", "expected_calibration_error")

classes = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40)


@pytest.fixture(scope="module")
def evaluated(zoo: Bank) -> Evaluation:
    return evaluate(zoo)


@pytest.fixture(scope="module")
def held_pairs(zoo: Bank) -> Pairs:
    return documented_pairs(zoo).among(held_rows(zoo))


def held_rows(bank: Bank) -> list[int]:
    return [row for row, reference in enumerate(bank.references) if reference.split == "held-out"]


# The table


def test_all_methods_appear(evaluated: Evaluation) -> None:
    assert [row.method for row in evaluated.methods] == METHODS + JUDGES
    assert evaluated.not_measured == {
        "PhyloLM": "the bank holds no sampled continuations",
        **dict.fromkeys(RIVALS, "the bank holds no similarities of weights"),
    }


def test_the_counts(evaluated: Evaluation, held_pairs: Pairs) -> None:
    assert evaluated.held_out_models == evaluated.audits == HELD_OUT * LINE
    assert evaluated.related_pairs == HELD_OUT * LINE * (LINE - 1) // 2 == held_pairs.related.sum()
    assert evaluated.independent_pairs == HELD_OUT * (HELD_OUT - 1) // 2 * LINE**2
    assert {m.mechanism: m.pairs for m in evaluated.mechanisms} == {
        **dict.fromkeys(MECHANISMS.values(), HELD_OUT),
        "other kin": HELD_OUT * (LINE - 1) * (LINE - 2) // 2,
    }
    for mechanism in evaluated.mechanisms:
        assert list(mechanism.called) == [BOTH]
        assert mechanism.called[BOTH].related + mechanism.called[BOTH].inconclusive <= mechanism.pairs
    assert (evaluated.distillation.mechanism, evaluated.distillation.pairs) == (DISTILLATION, 0)


def test_rates_lie_in_their_intervals(evaluated: Evaluation) -> None:
    for row in evaluated.methods:
        low, high = row.false_accusation_interval
        assert 0 <= low <= row.false_accusation_rate[0] <= high <= 1
        for name in RATES:
            mean, sd = getattr(row, name)
            assert 0 <= mean <= 1 and 0 <= sd <= 0.5


def test_the_judge_does_what_the_bank_is_made_for(evaluated: Evaluation) -> None:
    judge = evaluated.methods[-1]
    assert judge.auc[0] > 0.99 and judge.recall[0] > 0.9 and judge.false_accusation_rate[0] == 0
    assert evaluated.audits_accusing == 0
    assert 0.3 < evaluated.methods[0].auc[0] < 0.7


def test_held_out_models_are_not_trained_on(zoo: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[int]] = []

    def spy(bank: Bank, rows: list[int] | None = None, pairs: Pairs | None = None) -> Calibrations:
        seen.append(rows or [])
        return calibrate(bank, rows, pairs)

    monkeypatch.setattr(module, "calibrate", spy)
    monkeypatch.setattr(module, "SEEDS", 2)
    evaluate(zoo)
    drawn = [rows for rows in seen if rows]
    assert len(drawn) == 2 and drawn[0] != drawn[1]
    assert not {row for rows in drawn for row in rows} & set(held_rows(zoo))


def test_pairs_are_computed_once(zoo: Bank, evaluated: Evaluation, monkeypatch: pytest.MonkeyPatch) -> None:
    """And all methods and seeds go by them; that changes no number."""
    seen: list[Bank] = []

    def spy(bank: Bank) -> Pairs:
        seen.append(bank)
        return every_pair(bank)

    monkeypatch.setattr(module, "every_pair", spy)
    monkeypatch.setattr("provcheck.verdict.fitting.documented_pairs", spy)
    assert evaluate(zoo) == evaluated
    assert seen == [zoo]


def test_the_judge_of_the_table_is_the_one_of_an_audit(
    zoo: Bank, evaluated: Evaluation, calibration: Calibration, held_pairs: Pairs
) -> None:
    """Related pairs by mechanism, counted with the bank's own judge."""
    scores = calibration.related.scores(held_pairs.columns(calibration.related.features))[held_pairs.related]
    facts = calibration.facts
    assert sum(m.called[BOTH].related for m in evaluated.mechanisms) == (scores > facts.accuse_above).sum()
    inconclusive = (scores > facts.acquit_up_to) & (scores <= facts.accuse_above)
    assert sum(m.called[BOTH].inconclusive for m in evaluated.mechanisms) == inconclusive.sum()


def test_features_alone_are_rated_on_calibration_pairs(zoo: Bank, evaluated: Evaluation) -> None:
    """By the share of pairs of a related and an independent pair that a feature orders one way."""
    held = set(held_rows(zoo))
    pairs = documented_pairs(zoo).among([row for row in range(len(zoo.references)) if row not in held])
    assert tuple(evaluated.features) == pairs.names == NAMES
    for name, auc in evaluated.features.items():
        values = pairs.columns([name])[:, 0]
        kin, strangers = values[pairs.related], values[~pairs.related]
        below = (kin[:, None] < strangers[None, :]).mean() + 0.5 * (kin[:, None] == strangers[None, :]).mean()
        assert auc == pytest.approx(max(below, 1 - below), abs=1e-4)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_whole_roots_are_drawn(zoo: Bank, seed: int) -> None:
    drawn = {zoo.references[row].id for row in _drawn_rows(zoo, seed)}
    roots = {f"org/root-{n}" for n in range(ROOTS)} & drawn
    assert len(roots) == round(ROOT_SHARE * ROOTS)
    for reference in zoo.references:
        expected = reference.split == "calibration" and zoo.ancestry.roots(reference.id) <= roots
        assert (reference.id in drawn) == expected


def test_wrong_accusations_are_counted(zoo: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """A judge that accuses everybody: every pair, every audit."""

    def reckless(bank: Bank, rows: list[int] | None = None, pairs: Pairs | None = None) -> Calibrations:
        low = {"accuse_above": -1e9, "acquit_up_to": -1e9, "witnesses": {}}
        found = calibrate(bank, rows, pairs).panels
        return Calibrations(tuple(replace(one, facts=one.facts.model_copy(update=low)) for one in found))

    monkeypatch.setattr(module, "calibrate", reckless)
    monkeypatch.setattr(module, "SEEDS", 1)
    table = evaluate(zoo)
    judge = table.methods[-1]
    assert (judge.recall[0], judge.false_accusation_rate[0]) == (1, 1)
    assert judge.false_accusation_interval == rate_interval(table.independent_pairs, table.independent_pairs)
    assert table.audits_accusing == table.audits
    assert all(m.called[BOTH].related == m.pairs for m in table.mechanisms)


# Panels


def test_every_panel_has_a_row_and_three_have_columns(zoo: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    bank = with_weights(zoo)
    pairs = pairs_with_matches(bank)
    monkeypatch.setattr(module, "every_pair", lambda _bank: pairs)
    monkeypatch.setattr(module, "SEEDS", 2)
    table, judge = evaluate(bank), calibrate(bank, pairs=pairs)
    rows = [f"Judge: {' + '.join(one.signals)}" for one in reversed(judge.panels)]
    assert len(rows) == 6
    assert [row.method for row in table.methods] == [*METHODS, "Weights, anchored match", *rows]
    assert {tuple(row.called) for row in table.mechanisms} == {("able+likelihood+weights", BOTH, "weights")}
    kin = pairs.among(held_rows(zoo)).where(pairs.among(held_rows(zoo)).related)
    for name in ("able+likelihood+weights", BOTH, "weights"):
        panel = judge.of(tuple(name.split("+")))
        assert panel is not None
        scores = panel.related.scores(kin.columns(panel.related.features))
        assert sum(row.called[name].related for row in table.mechanisms) == (scores > panel.facts.accuse_above).sum()
    heading = next(line for line in markdown(table).splitlines() if line.startswith("| pairs of parent"))
    assert "| able + likelihood + weights: related |" in heading and heading.endswith("| weights: inconclusive |")


def test_a_reference_without_a_signal_is_no_pair_of_the_table(zoo: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """All methods are tested on the same pairs: those that the largest panel can judge."""
    held, bank = held_rows(zoo), with_weights(zoo)
    pairs = without_signal(pairs_with_matches(bank), "weights", [held[0], 0])
    monkeypatch.setattr(module, "every_pair", lambda _bank: pairs)
    monkeypatch.setattr(module, "SEEDS", 1)
    table = evaluate(bank)
    assert table.related_pairs + table.independent_pairs == len(held[1:]) * (len(held) - 2) // 2
    assert table.methods[-1].method == "Judge: able + likelihood + weights"
    assert set(table.features) == set(pairs.names)


def test_distillation_has_its_own_row(tmp_path: Path) -> None:
    """The student is told from strangers like any model; that it resembles its teacher is neither right nor wrong."""
    lines = [line_of(n) for n in range(ROOTS)] + [line_of(n, split="held-out") for n in (ROOTS, ROOTS + 1)]
    models = [model for line in lines for model in line]
    teacher, measurement = lines[ROOTS][0]
    lesson = {"family": teacher.family, "split": "held-out", "mechanism": "distillation"}
    student = make_reference("org/student", teacher.id, **lesson)
    bank = make_zoo(tmp_path / "bank", [*models, (student, child_of(measurement, "org/student", 0.1, seed=5))])
    before, after = evaluate(make_zoo(tmp_path / "before", models)), evaluate(bank)
    assert before.distillation.pairs == 0 and after.distillation.pairs == LINE
    assert after.distillation.called[BOTH].related == LINE, "so near that the judge calls them related"
    assert after.related_pairs == before.related_pairs and after.mechanisms == before.mechanisms
    assert after.independent_pairs == before.independent_pairs + LINE
    assert after.methods[-1].false_accusation_rate == (0, 0)
    assert f"| {DISTILLATION} | {LINE} | {LINE} | 0 |" in markdown(after)


# PhyloLM


def test_phylolm_is_measured_where_there_are_samples(
    zoo: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Models of one root continue alike; held-out ones too."""
    samples: Samples = {}
    for reference in zoo.references:
        stream = random.Random("+".join(sorted(zoo.ancestry.roots(reference.id))))
        samples[reference.id] = [{stream.choice("abcdef"): 4, stream.choice("ghij"): 2} for _ in range(20)]
    bank = with_samples(zoo, tmp_path / "zoo", samples)
    monkeypatch.setattr(module, "SEEDS", 1)
    table = evaluate(bank)
    row = next(row for row in table.methods if row.method == "PhyloLM")
    assert (row.auc[0], set(table.not_measured)) == (1, set(RIVALS))
    text = markdown(table)
    assert text.count("| PhyloLM |") == 1 and text.count("not measured") == len(RIVALS)


# Methods that compare weights


def test_similarities_of_weights_have_rows(zoo: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Models of one root are alike; a method that cannot compare the others separates them as well."""
    ids = [reference.id for reference in zoo.references]
    kin = np.array([[bool(zoo.ancestry.roots(one) & zoo.ancestry.roots(other)) for other in ids] for one in ids])
    arrays = {name: np.where(kin, 0.9, 0.1).astype(np.float16) for name in RIVALS}
    arrays["AWM"] = np.where(kin, np.random.default_rng(0).uniform(0.5, 0.9, kin.shape), np.nan).astype(np.float16)
    bank = with_rivals(zoo, tmp_path / "zoo", arrays)
    monkeypatch.setattr(module, "SEEDS", 1)
    table = evaluate(bank)
    found = {row.method: row for row in table.methods}
    assert list(found)[2:-5] == list(RIVALS) and set(table.not_measured) == {"PhyloLM"}
    assert all(found[name].auc[0] == 1 for name in RIVALS)


# What it needs


def test_fewer_than_two_held_out_roots(tmp_path: Path) -> None:
    models = [model for number in range(3) for model in line_of(number)]
    for held in ([], line_of(3, split="held-out")):
        with pytest.raises(BankError, match="fewer than two held-out roots"):
            evaluate(make_zoo(tmp_path / "bank", [*models, *held]))


def test_held_out_models_without_kin(zoo: Bank, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line_of(n) for n in range(ROOTS)] + [line_of(n, split="held-out")[:1] for n in (ROOTS, ROOTS + 1)]
    bank = make_zoo(tmp_path / "bank", [model for line in lines for model in line])
    assert run(["bank", "evaluate", str(bank.folder)]) == 4
    assert "are all related, or none of them are" in capsys.readouterr().err


# The methods


def test_random_is_a_fair_coin(held_pairs: Pairs) -> None:
    expected = np.random.RandomState(3).uniform(size=len(held_pairs.models))
    answer = _random(held_pairs, held_pairs, 3)
    np.testing.assert_array_equal(answer.score, expected)
    np.testing.assert_array_equal(answer.accused, expected > 0.5)


def test_greedy_names_the_nearest_of_each(held_pairs: Pairs) -> None:
    assert_greedy(held_pairs)
    pairs = held_pairs.where(np.arange(len(held_pairs.models)) % 3 != 1)
    assert_greedy(pairs)


@given(st.integers(0, 1000), st.integers(2, 7))
def test_greedy_on_random_distances(seed: int, models: int) -> None:
    rows = [(i, j) for i in range(models) for j in range(i + 1, models)]
    features = np.random.default_rng(seed).uniform(size=(len(rows), len(NAMES)))
    assert_greedy(Pairs(NAMES, features, (Relation.UNRELATED,) * len(rows), np.array(rows)))


def assert_greedy(pairs: Pairs) -> None:
    column = pairs.columns(["able.paper_distance"])[:, 0]
    distance = dict(zip(map(tuple, pairs.models.tolist()), column.tolist(), strict=True))
    nearest = set()
    for model in {model for pair in distance for model in pair}:
        nearest.add(min((pair for pair in distance if model in pair), key=lambda pair: distance[pair]))
    answer = _greedy(pairs, pairs, 0)
    assert {tuple(pair) for pair in pairs.models[answer.accused].tolist()} == nearest
    np.testing.assert_array_equal(answer.score, answer.accused)


@given(classes)
def test_rates_are_those_of_the_counts(cases: list[tuple[bool, bool]]) -> None:
    accused, related = (np.array(side) for side in zip(*cases, strict=True))
    right = sum(a == r for a, r in cases)
    hits, wrong = sum(a and r for a, r in cases), sum(a and not r for a, r in cases)
    kin = sum(r for _, r in cases)
    precision = hits / (hits + wrong) if hits + wrong else 0
    recall = hits / kin if kin else 0
    f1 = 2 * precision * recall / (precision + recall) if hits else 0
    false = wrong / (len(cases) - kin) if kin < len(cases) else 0
    assert _rates(accused, related) == pytest.approx((right / len(cases), precision, recall, f1, false))


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=50))
def test_the_calibration_error_bin_by_bin(cases: list[tuple[float, bool]]) -> None:
    bins: dict[int, list[tuple[float, bool]]] = {}
    for probability, related in cases:
        bins.setdefault(min(9, int(probability * 10)), []).append((probability, related))
    expected = sum(
        abs(statistics.fmean(p for p, _ in found) - statistics.fmean(r for _, r in found)) * len(found) / len(cases)
        for found in bins.values()
    )
    given_probability, known = (np.array(side) for side in zip(*cases, strict=True))
    assert _calibration_error(answer(given_probability), known) == pytest.approx(expected)


def answer(probability: Floats) -> Answer:
    accused: Bools = probability > 0.5
    return Answer(probability, probability, accused)


# The renderings


def test_both_renderings_hold_the_same_numbers(
    zoo: Bank, evaluated: Evaluation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And a second run gives them again."""
    assert run(["bank", "evaluate", str(zoo.folder), "--out", str(tmp_path)]) == 0
    text, found = (
        (tmp_path / "evaluation.md").read_text("utf-8"),
        json.loads((tmp_path / "evaluation.json").read_text("utf-8")),
    )
    assert capsys.readouterr().out == text == markdown(evaluated)
    assert Evaluation.model_validate(found) == evaluated
    for row in found["methods"]:
        low, high = row["false_accusation_interval"]
        cells = [
            f"{row[name][0]:.3f} ± {row[name][1]:.3f}" for name in ("auc", "accuracy", "precision", "recall", "f1")
        ]
        cells.append(f"{row['false_accusation_rate'][0]:.2%} ({low:.2%} to {high:.2%})")
        cells.append("{:.3f} ± {:.3f}".format(*row["expected_calibration_error"]))
        assert f"| {row['method']} | {' | '.join(cells)} |" in text.splitlines()
    assert "| pairs | able + likelihood: related | able + likelihood: inconclusive |" in text
    for row in [*found["mechanisms"], found["distillation"]]:
        called = row["called"][BOTH]
        assert f"| {row['mechanism']} | {row['pairs']} | {called['related']} | {called['inconclusive']} |" in text
    for method, reason in found["not_measured"].items():
        assert f"| {method} | not measured: {reason} |" in text
    assert f"{found['related_pairs']} related and {found['independent_pairs']} independent pairs" in text
    assert f"Each of the {found['audits']} held-out models" in text
    assert f"{found['audits_accusing']} of these audits accused" in text
    for name, auc in found["features"].items():
        assert f"| {name} | {auc:.3f} |" in text


def test_json_on_the_terminal(
    zoo: Bank, evaluated: Evaluation, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "evaluate", lambda _bank: evaluated)
    assert run(["bank", "evaluate", str(zoo.folder), "--json"]) == 0
    assert Evaluation.model_validate_json(capsys.readouterr().out) == evaluated


def test_every_row_of_the_table_has_the_same_columns(evaluated: Evaluation) -> None:
    lines = markdown(evaluated).splitlines()
    assert {line.count("|") for line in lines[2:] if line.startswith("|")} == {9, 5, 4, 3}


def test_copies_are_ruled_out_by_the_limits_of_each_panel(evaluated: Evaluation) -> None:
    """Of the held-out pairs; what is counted is what a comparison of the two says."""
    assert [one.panel for one in evaluated.copies] == list(evaluated.mechanisms[0].called)
    for one in evaluated.copies:
        assert one.independent == evaluated.independent_pairs
        assert one.copies > 0 == one.copies_ruled_out
        assert 0 < one.independent_ruled_out <= one.independent
