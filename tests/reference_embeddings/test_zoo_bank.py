"""The shipped bank zoo-v2: whole, honest about its split, and as its README says."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from provcheck.bank import Bank, load_bank
from provcheck.bank.folder import verify_bank
from provcheck.cli import run
from provcheck.evaluation.error_rates import Evaluation, evaluate, markdown
from provcheck.io import data
from provcheck.signals import all_signals, find_signal
from provcheck.signals.stacks import compare_all
from provcheck.signals.weights.values import WeightsValues
from provcheck.types import Relation
from provcheck.verdict import find_calibrations
from provcheck.verdict.calibration import Calibration
from provcheck.verdict.fitting import calibrate
from provcheck.verdict.training import documented_pairs

FOLDER = data.bank_folder("zoo-v2")
README = FOLDER.parent / "README.md"


@pytest.fixture(scope="module")
def zoo() -> Bank:
    return load_bank("zoo-v2")


def test_every_digest_holds() -> None:
    verify_bank("zoo-v2")


def test_loads_in_under_a_second() -> None:
    started = time.perf_counter()
    load_bank("zoo-v2")
    assert time.perf_counter() - started < 1


def test_holds_the_roots_and_derived_models_that_it_promises(zoo: Bank) -> None:
    roots = [r for r in zoo.references if r.mechanism == "from-scratch"]
    derived = [r for r in zoo.references if r.mechanism != "from-scratch"]
    assert len(roots) >= 16
    assert len(derived) >= 80
    assert len({r.model_type for r in roots}) >= 8
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 80e6


def test_a_third_of_the_random_starts_is_held_out_with_all_descendants(zoo: Bank) -> None:
    splits: dict[str, set[str | None]] = {}
    for reference in zoo.references:
        for start in zoo.ancestry.initialisations(reference.id):
            splits.setdefault(start, set()).add(reference.split)
    assert all(len(found) == 1 and None not in found for found in splits.values())
    held = sum(found == {"held-out"} for found in splits.values())
    assert 0.25 <= held / len(splits) <= 0.4


def test_the_demo_subjects_are_not_in_the_bank(zoo: Bank) -> None:
    assert not {f"zoo/{name}" for name in data.demo_subjects()} & {r.id for r in zoo.references}


@pytest.mark.slow
def test_the_table_of_the_readme_is_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bank", "pairs", "zoo-v2"]) == 0
    assert capsys.readouterr().out in README.read_text(encoding="utf-8")


@pytest.mark.slow
def test_rewrites_are_called_identical_or_derived(zoo: Bank) -> None:
    found = find_calibrations(zoo)
    assert found is not None
    calibration, pairs = found.largest, documented_pairs(zoo)
    scores = calibration.related.scores(pairs.columns(calibration.related.features))
    rewrites = [
        scores[place]
        for place, (i, j) in enumerate(pairs.models)
        for child, parent in ((zoo.references[i], zoo.references[j]), (zoo.references[j], zoo.references[i]))
        if child.mechanism == "rewrite" and parent.id in child.parents
    ]
    assert len(rewrites) >= 5
    assert min(rewrites) > calibration.facts.accuse_above


@pytest.mark.slow
def test_the_committed_judge_is_that_of_the_committed_bank(zoo: Bank) -> None:
    """Its thresholds and probabilities are fitted again from the bank alone."""
    found = find_calibrations(zoo)
    assert found is not None and found.fits(zoo)
    for shipped, again in zip(found.panels, calibrate(zoo).panels, strict=True):
        assert_refitted(shipped, again)


def assert_refitted(shipped: Calibration, again: Calibration) -> None:
    assert again.facts.model_dump(exclude={"accuse_above", "acquit_up_to"}) == shipped.facts.model_dump(
        exclude={"accuse_above", "acquit_up_to"}
    )
    assert again.facts.accuse_above == pytest.approx(shipped.facts.accuse_above, abs=1e-6)
    assert again.facts.acquit_up_to == pytest.approx(shipped.facts.acquit_up_to, abs=1e-6)
    np.testing.assert_allclose(again.null_scores, shipped.null_scores, atol=1e-6)
    scores = np.linspace(-4, 4, 81)
    for name, machine in shipped.machines.items():
        assert again.machines[name].features == machine.features
        np.testing.assert_allclose(
            again.machines[name].probability_of(scores), machine.probability_of(scores), atol=1e-5, err_msg=name
        )


def test_the_exact_p_value_is_honest_on_roots_that_share_nothing(zoo: Bank) -> None:
    """Small ones are no more frequent than they state; it is cautious, so larger ones may be."""
    from scipy.stats import binom, kstest

    roots = np.array([row for row, one in enumerate(zoo.references) if one.mechanism == "from-scratch"])
    ids, starts = [zoo.references[row].id for row in roots], zoo.ancestry.initialisations
    stack, _ = zoo.part("weights", roots)
    compared = compare_all(find_signal("weights"), stack)
    apart = [cast("WeightsValues", values) for i, j, values in compared if starts(ids[i]).isdisjoint(starts(ids[j]))]
    found = [values.exact_p_value for values in apart if values.exact_p_value is not None]
    assert len(found) > 50
    for level in (0.1, 0.05, 0.01):
        assert sum(one <= level for one in found) <= binom.ppf(0.999, len(found), level)
    assert kstest(found, "uniform", alternative="greater").pvalue > 0.001


def test_every_reference_has_every_signal(zoo: Bank) -> None:
    """In the order of the manifest, so that the judge could be fitted on all of them."""
    for signal in all_signals():
        assert zoo.rows_of(signal).tolist() == list(range(len(zoo.references)))
        assert len(zoo.stacks[signal]) == len(zoo.references)


def test_the_committed_evaluation_is_that_of_the_committed_bank() -> None:
    """Both files hold the same numbers; that they are right is for the slow test below."""
    shipped = Evaluation.model_validate_json((FOLDER / "evaluation.json").read_bytes())
    assert (FOLDER / "evaluation.md").read_text(encoding="utf-8") == markdown(shipped)
    assert shipped.bank == "zoo-v2"


@pytest.mark.slow
def test_the_committed_evaluation_repeats(zoo: Bank) -> None:
    shipped = Evaluation.model_validate_json((FOLDER / "evaluation.json").read_bytes())
    again = evaluate(zoo)
    assert again.independent_pairs == shipped.independent_pairs
    for row, before in zip(again.methods, shipped.methods, strict=True):
        for name in ("auc", "precision", "recall", "false_accusation_rate"):
            np.testing.assert_allclose(getattr(row, name), getattr(before, name), atol=0.01, err_msg=row.method)
    assert again.mechanisms == shipped.mechanisms


def test_the_readme_names_no_number_of_models_that_is_wrong(zoo: Bank) -> None:
    said = re.search(r"(\d+) models: (\d+) roots", README.read_text(encoding="utf-8"))
    assert said is not None
    roots = sum(r.mechanism == "from-scratch" for r in zoo.references)
    assert (int(said[1]), int(said[2])) == (len(zoo.references), roots)


def test_the_split_hides_held_out_models_from_the_judge(zoo: Bank) -> None:
    found = find_calibrations(zoo)
    assert found is not None
    calibrated = [r for r in zoo.references if r.split == "calibration"]
    for panel in found.panels:
        assert set(panel.facts.roots) == {r.id for r in calibrated if r.mechanism == "from-scratch"}
    assert Relation.INCONCLUSIVE not in {
        zoo.ancestry.relation(a.id, b.id) for a in calibrated[:9] for b in calibrated[:9]
    }


def test_lies_where_the_package_looks() -> None:
    assert Path(FOLDER).name == data.DEFAULT_BANK
