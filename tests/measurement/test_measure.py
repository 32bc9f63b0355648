"""A whole measurement: coverage, determinism, batches and number formats."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from provcheck.errors import BrokenModel
from provcheck.measurement import MeasureOptions
from provcheck.signals import TABLE, find_signal
from provcheck.targets.resolution import resolve
from provcheck.types import Coverage, Floats, Measurement, ProbeSet
from tests.measured import (
    able,
    bits_per_byte,
    contrast_blocks,
    loglik_nats,
    measure,
    of_questions,
    of_texts,
    paper_blocks,
    same_bits,
    share_of,
    words,
)
from tests.tiny import save_tiny, tiny_probes


def cosine_distance(first: Floats, second: Floats) -> float:
    one, two = first.ravel().astype(np.float64), second.ravel().astype(np.float64)
    return float(1 - one @ two / np.linalg.norm(one) / np.linalg.norm(two))


@pytest.fixture(scope="module")
def measured(tiny_folder: Path, probes: ProbeSet) -> Measurement:
    return measure(resolve(str(tiny_folder)), probes)


def test_a_measurement_holds_what_the_design_says(measured: Measurement, probes: ProbeSet) -> None:
    assert paper_blocks(measured).shape == contrast_blocks(measured).shape == (6, 256)
    exported = find_signal("able").exported(able(measured))
    assert exported["able_paper"].shape == exported["able_contrast"].shape == (256,)
    assert loglik_nats(measured).shape == (12,)
    assert loglik_nats(measured).dtype == np.float64
    width = sum(len(question.options) * len(question.question.split()) for question in probes.questions)
    assert words(measured).shape == (width,)
    assert words(measured).dtype == np.float32


def test_the_facts_say_how_it_was_made(measured: Measurement, probes: ProbeSet) -> None:
    facts = measured.facts
    assert (facts.probes, facts.probes_digest) == ("tiny", probes.digest)
    assert list(facts.signals) == list(TABLE)
    for name, one in facts.measured.items():
        assert one.basis == find_signal(name).basis(probes)
        assert one.seconds > 0
    assert facts.seconds == sum(one.seconds for one in facts.measured.values())
    assert (facts.device, facts.dtype) == ("cpu", "float32")
    for coverage in (of_questions(measured), of_texts(measured)):
        assert (coverage.share, coverage.left_out) == (1.0, {})
    assert {"provcheck", "torch", "transformers", "numpy"} <= facts.versions.keys()
    size = sum(len(text.text.encode()) for text in probes.texts)
    assert bits_per_byte(measured) == pytest.approx(-loglik_nats(measured).sum() / size / np.log(2))


def test_the_same_measurement_twice_is_equal_bit_for_bit(
    tiny_folder: Path, probes: ProbeSet, measured: Measurement
) -> None:
    again = measure(resolve(str(tiny_folder)), probes)
    assert same_bits(again, measured)


@pytest.mark.parametrize("batch_tokens", [1, 100, 100_000])
def test_batch_size_hardly_matters(
    tiny_folder: Path, probes: ProbeSet, measured: Measurement, batch_tokens: int
) -> None:
    other = measure(resolve(str(tiny_folder)), probes, MeasureOptions(batch_tokens=batch_tokens))
    for array in (words, paper_blocks, contrast_blocks):
        assert cosine_distance(array(other), array(measured)) < 1e-5
    np.testing.assert_allclose(loglik_nats(other), loglik_nats(measured), atol=1e-3, rtol=0)


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "gemma", "opt", "mamba", "bloom"])
def test_bfloat16_is_near_float32(architecture: str, tmp_path: Path, probes: ProbeSet) -> None:
    model = resolve(str(save_tiny(tmp_path / architecture, architecture)))
    exact, rounded = (measure(model, probes, MeasureOptions(dtype=dtype)) for dtype in ("float32", "bfloat16"))
    assert rounded.facts.dtype == "bfloat16"
    assert cosine_distance(paper_blocks(rounded), paper_blocks(exact)) < 0.005
    assert cosine_distance(contrast_blocks(rounded), contrast_blocks(exact)) < 0.005
    np.testing.assert_allclose(loglik_nats(rounded), loglik_nats(exact), rtol=0.01)


def test_what_bloom_normalises_away_changes_nothing(tmp_path: Path, probes: ProbeSet) -> None:
    """bloom normalises its embeddings before anything reads them: neither their scale nor its epsilon may matter."""
    exact = measure(resolve(str(save_tiny(tmp_path / "bloom", "bloom"))), probes)
    larger = measure(resolve(str(save_tiny(tmp_path / "larger", "bloom", layer_norm_epsilon=1e-4))), probes)
    assert cosine_distance(paper_blocks(exact), paper_blocks(larger)) < 0.01


def test_what_exceeds_the_context_lowers_the_coverage(tmp_path: Path, probes: ProbeSet) -> None:
    folder = save_tiny(tmp_path / "short", "gpt2", n_positions=40)
    measured = measure(resolve(str(folder)), probes)
    questions = of_questions(measured).left_out["longer than the model's context of 40 tokens"]
    texts = of_texts(measured).left_out["longer than the model's context of 40 tokens"]
    assert of_questions(measured) == Coverage(
        measured=6 - questions,
        total=6,
        unit="question",
        left_out={"longer than the model's context of 40 tokens": questions},
    )
    assert of_texts(measured) == Coverage(
        measured=12 - texts, total=12, unit="text", left_out={"longer than the model's context of 40 tokens": texts}
    )
    assert 0 < questions < 6
    assert 0 < texts < 12
    assert np.isnan(loglik_nats(measured)).sum() == texts
    assert (~paper_blocks(measured).any(axis=1)).sum() == questions
    whole = measure(resolve(str(save_tiny(tmp_path / "long", "gpt2", n_positions=400))), probes)
    assert share_of(measured) < share_of(whole) == 1


def test_a_model_that_takes_nothing_is_measured_as_nothing(tmp_path: Path, probes: ProbeSet) -> None:
    measured = measure(resolve(str(save_tiny(tmp_path / "tiny", "gpt2", n_positions=1))), probes)
    assert share_of(measured) == 0
    assert bits_per_byte(measured) is None
    assert not paper_blocks(measured).any()
    assert np.isnan(loglik_nats(measured)).all()


def test_characters_that_the_tokenizer_loses_lower_the_coverage(tmp_path: Path, probes: ProbeSet) -> None:
    measured = measure(resolve(str(save_tiny(tmp_path / "bert", "llama", "wordpiece"))), probes)
    lost = "characters that the tokenizer cannot represent"
    assert (of_questions(measured).left_out, of_texts(measured).left_out) == ({lost: 1}, {lost: 4})
    assert of_questions(measured).share == pytest.approx(5 / 6)
    assert of_texts(measured).share == pytest.approx(8 / 12)


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
    np.testing.assert_allclose(loglik_nats(few), loglik_nats(measured)[:5], atol=1e-3)
    assert cosine_distance(words(few), words(measured)[: len(words(few))]) < 1e-5
