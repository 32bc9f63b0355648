"""A whole measurement: coverage, determinism, batches and number formats."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from provcheck.errors import BrokenModel
from provcheck.measurement import MeasureOptions, measure
from provcheck.subject import resolve
from provcheck.types import ALGORITHM, Floats, Measurement, ProbeSet
from tests.tiny import save_tiny, tiny_probes


def cosine_distance(first: Floats, second: Floats) -> float:
    one, two = first.ravel().astype(np.float64), second.ravel().astype(np.float64)
    return float(1 - one @ two / np.linalg.norm(one) / np.linalg.norm(two))


@pytest.fixture(scope="module")
def measured(tiny_folder: Path, probes: ProbeSet) -> Measurement:
    return measure(resolve(str(tiny_folder)), probes)


def test_a_measurement_holds_what_the_design_says(measured: Measurement, probes: ProbeSet) -> None:
    assert measured.paper_blocks.shape == measured.contrast_blocks.shape == (6, 256)
    assert measured.paper.shape == measured.contrast.shape == (256,)
    assert measured.loglik_nats.shape == (12,)
    assert measured.loglik_nats.dtype == np.float64
    width = sum(len(question.options) * len(question.question.split()) for question in probes.questions)
    assert measured.words is not None
    assert measured.words.shape == (width,)
    assert measured.words.dtype == np.float32


def test_the_facts_say_how_it_was_made(measured: Measurement, probes: ProbeSet) -> None:
    facts = measured.facts
    assert (facts.algorithm, facts.probes, facts.probes_digest) == (ALGORITHM, "tiny", probes.digest)
    assert (facts.device, facts.dtype) == ("cpu", "float32")
    assert (facts.coverage.share, facts.coverage.left_out) == (1.0, {})
    assert {"provcheck", "torch", "transformers", "numpy"} <= facts.versions.keys()
    size = sum(len(text.text.encode()) for text in probes.texts)
    assert facts.bits_per_byte == pytest.approx(-measured.loglik_nats.sum() / size / np.log(2))


def test_the_same_measurement_twice_is_equal_bit_for_bit(
    tiny_folder: Path, probes: ProbeSet, measured: Measurement
) -> None:
    again = measure(resolve(str(tiny_folder)), probes)
    for name in ("words", "paper_blocks", "contrast_blocks", "loglik_nats"):
        assert getattr(again, name).tobytes() == getattr(measured, name).tobytes()


@pytest.mark.parametrize("batch_tokens", [1, 100, 100_000])
def test_batch_size_hardly_matters(
    tiny_folder: Path, probes: ProbeSet, measured: Measurement, batch_tokens: int
) -> None:
    other = measure(resolve(str(tiny_folder)), probes, MeasureOptions(batch_tokens=batch_tokens))
    for name in ("words", "paper_blocks", "contrast_blocks"):
        assert cosine_distance(getattr(other, name), getattr(measured, name)) < 1e-5
    np.testing.assert_allclose(other.loglik_nats, measured.loglik_nats, atol=1e-3, rtol=0)


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "gemma", "opt", "mamba", "bloom"])
def test_bfloat16_is_near_float32(architecture: str, tmp_path: Path, probes: ProbeSet) -> None:
    model = resolve(str(save_tiny(tmp_path / architecture, architecture)))
    exact, rounded = (measure(model, probes, MeasureOptions(dtype=dtype)) for dtype in ("float32", "bfloat16"))
    assert rounded.facts.dtype == "bfloat16"
    assert cosine_distance(rounded.paper_blocks, exact.paper_blocks) < 0.005
    assert cosine_distance(rounded.contrast_blocks, exact.contrast_blocks) < 0.005
    np.testing.assert_allclose(rounded.loglik_nats, exact.loglik_nats, rtol=0.01)


def test_what_bloom_normalises_away_changes_nothing(tmp_path: Path, probes: ProbeSet) -> None:
    """bloom normalises its embeddings before anything reads them: neither their scale nor its epsilon may matter."""
    exact = measure(resolve(str(save_tiny(tmp_path / "bloom", "bloom"))), probes)
    larger = measure(resolve(str(save_tiny(tmp_path / "larger", "bloom", layer_norm_epsilon=1e-4))), probes)
    assert cosine_distance(exact.paper_blocks, larger.paper_blocks) < 0.01


def test_what_exceeds_the_context_lowers_the_coverage(tmp_path: Path, probes: ProbeSet) -> None:
    folder = save_tiny(tmp_path / "short", "gpt2", n_positions=40)
    measured = measure(resolve(str(folder)), probes)
    coverage = measured.facts.coverage
    questions = coverage.left_out["question: longer than the model's context"]
    texts = coverage.left_out["text: longer than the model's context"]
    assert (coverage.questions, coverage.questions_total) == (6 - questions, 6)
    assert (coverage.texts, coverage.texts_total) == (12 - texts, 12)
    assert 0 < questions < 6
    assert 0 < texts < 12
    assert np.isnan(measured.loglik_nats).sum() == texts
    assert (~measured.paper_blocks.any(axis=1)).sum() == questions
    whole = measure(resolve(str(save_tiny(tmp_path / "long", "gpt2", n_positions=400))), probes)
    assert coverage.share < whole.facts.coverage.share == 1


def test_a_model_that_takes_nothing_is_measured_as_nothing(tmp_path: Path, probes: ProbeSet) -> None:
    measured = measure(resolve(str(save_tiny(tmp_path / "tiny", "gpt2", n_positions=1))), probes)
    assert measured.facts.coverage.share == 0
    assert measured.facts.bits_per_byte is None
    assert not measured.paper_blocks.any()
    assert np.isnan(measured.loglik_nats).all()


def test_characters_that_the_tokenizer_loses_lower_the_coverage(tmp_path: Path, probes: ProbeSet) -> None:
    measured = measure(resolve(str(save_tiny(tmp_path / "bert", "llama", "wordpiece"))), probes)
    lost = "characters that the tokenizer cannot represent"
    assert measured.facts.coverage.left_out == {f"question: {lost}": 1, f"text: {lost}": 4}
    assert measured.facts.coverage.share == pytest.approx(8 / 12)


def test_damaged_weights_are_told(tmp_path: Path, probes: ProbeSet) -> None:
    from safetensors.torch import load_file, save_file

    folder = save_tiny(tmp_path / "damaged")
    tensors = load_file(folder / "model.safetensors")
    tensors["model.norm.weight"][3] = float("nan")
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(BrokenModel, match="NaN or Inf"):
        measure(resolve(str(folder)), probes)


def test_a_smaller_probe_set_gives_the_same_numbers_for_its_probes(tiny_folder: Path, measured: Measurement) -> None:
    few = measure(resolve(str(tiny_folder)), tiny_probes(questions=2, texts=5))
    np.testing.assert_allclose(few.loglik_nats, measured.loglik_nats[:5], atol=1e-3)
    assert few.words is not None
    assert measured.words is not None
    assert cosine_distance(few.words, measured.words[: len(few.words)]) < 1e-5
