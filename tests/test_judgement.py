"""What must never happen, on the shipped bank with its calibrated judge."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from provcheck.bank import load_bank
from provcheck.bank.saving import save_bank
from provcheck.measuring import ModelOptions, measure_model
from provcheck.pipeline import AuditOptions, audit
from provcheck.probes import load_probes
from provcheck.store import save_measurement
from provcheck.types import Measurement, Reference, Relation
from provcheck.verdict import find_calibrations
from tests.tiny import save_tiny


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> tuple[Measurement, Measurement]:
    """Two models with the same config and tokenizer and independent random weights, measured on all probes."""
    folder = tmp_path_factory.mktemp("twins")
    first, second = (
        save_tiny(folder / f"seed-{seed}", seed=seed, max_position_embeddings=2048, num_hidden_layers=1)
        for seed in (1, 2)
    )
    one, two = (measure_model(str(path), ModelOptions(cache=False)) for path in (first, second))
    return one, two


@pytest.mark.slow
def test_twins_with_random_weights_are_never_related(twins: tuple[Measurement, Measurement], tmp_path: Path) -> None:
    one, two = twins
    assert one.subject.model_type == two.subject.model_type
    reference = Reference(id="org/twin", family="twin")
    save_bank(tmp_path / "bank", "twins", load_probes(), [(reference, two)])
    assert find_calibrations(load_bank(str(tmp_path / "bank"))) is not None
    save_measurement(one, tmp_path / "one.safetensors")
    report = audit(str(tmp_path / "one.safetensors"), AuditOptions(bank=str(tmp_path / "bank")))
    assert not report.verdict.relation.related
    assert "calibrated on zoo-v2" in report.judge.name


@pytest.mark.slow
def test_random_weights_are_related_to_nothing_that_ships(
    twins: tuple[Measurement, Measurement], tmp_path: Path
) -> None:
    save_measurement(twins[0], tmp_path / "one.safetensors")
    report = audit(str(tmp_path / "one.safetensors"))
    assert not any(comparison.relation.related for comparison in report.comparisons)


@pytest.mark.slow
def test_a_copy_under_another_name_is_identical(twins: tuple[Measurement, Measurement], tmp_path: Path) -> None:
    one, _ = twins
    save_bank(tmp_path / "bank", "copies", load_probes(), [(Reference(id="org/original", family="twin"), one)])
    renamed = replace(one, subject=one.subject.model_copy(update={"id": "mine", "weights_digest": "0" * 64}))
    save_measurement(renamed, tmp_path / "mine.safetensors")
    report = audit(str(tmp_path / "mine.safetensors"), AuditOptions(bank=str(tmp_path / "bank")))
    assert report.verdict.relation in {Relation.IDENTICAL, Relation.DERIVED, Relation.INCONCLUSIVE}
    assert not report.verdict.relation.independent
