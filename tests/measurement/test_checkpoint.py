"""A measurement that is killed between two batches continues, and gives the same numbers bit for bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from provcheck.measurement import MeasureOptions
from provcheck.measurement.batching import batch_key
from provcheck.measurement.encoding import encode_questions, encode_texts
from provcheck.measurement.loader import Loaded
from provcheck.targets.resolution import resolve
from provcheck.types import Floats, Measurement, ProbeSet
from tests.measured import loglik_nats, measure, same_bits
from tests.measurement.conftest import SMALL_BATCH
from tests.measurement.running import asked, texts_of

SETTINGS = MeasureOptions(batch_tokens=SMALL_BATCH)


class Killed(Exception):
    """The process is gone."""


class Kept:
    """A checkpoint in a dict; `lives` calls of `put` are done, then the process is killed."""

    def __init__(self, kept: dict[str, Floats] | None = None, lives: int = 1000) -> None:
        self.kept = {} if kept is None else kept
        self.lives = lives
        self.written: list[str] = []

    def get(self, key: str) -> Floats | None:
        return self.kept.get(key)

    def put(self, key: str, array: Floats) -> None:
        if self.lives == 0:
            raise Killed
        self.lives -= 1
        self.kept[key] = array.copy()
        self.written.append(key)

    def remove(self) -> None:
        self.kept.clear()


@pytest.fixture(scope="module")
def unbroken(tiny_folder: Path, probes: ProbeSet) -> tuple[Measurement, Kept]:
    checkpoint = Kept()
    return measure(resolve(str(tiny_folder)), probes, SETTINGS, None, checkpoint), checkpoint


def test_there_are_several_batches_of_both_stages(unbroken: tuple[Measurement, Kept]) -> None:
    stages = [key.rpartition("-")[0] for key in unbroken[1].written]
    assert stages == sorted(stages)
    assert stages.count("attributions") >= 3
    assert stages.count("log-likelihood") >= 3
    assert all(array.ndim == 1 and array.dtype == np.float64 for array in unbroken[1].kept.values())


@pytest.mark.parametrize("lives", [0, 1, 4, -1])
def test_a_killed_measurement_continues(
    lives: int, tiny_folder: Path, probes: ProbeSet, unbroken: tuple[Measurement, Kept]
) -> None:
    whole, reference = unbroken
    batches_done = lives % len(reference.written)
    killed = Kept(lives=batches_done)
    with pytest.raises(Killed):
        measure(resolve(str(tiny_folder)), probes, SETTINGS, None, killed)
    assert killed.written == reference.written[:batches_done]
    resumed = Kept(killed.kept)
    assert same_bits(measure(resolve(str(tiny_folder)), probes, SETTINGS, None, resumed), whole)
    assert resumed.written == reference.written[batches_done:]


def test_what_the_checkpoint_holds_is_what_is_used(
    tiny_folder: Path, probes: ProbeSet, unbroken: tuple[Measurement, Kept]
) -> None:
    doubled = Kept({key: 2 * array for key, array in unbroken[1].kept.items()})
    measured = measure(resolve(str(tiny_folder)), probes, SETTINGS, None, doubled)
    assert not doubled.written
    np.testing.assert_array_equal(loglik_nats(measured), 2 * loglik_nats(unbroken[0]))


def test_damaged_arrays_are_computed_again(
    tiny_folder: Path, probes: ProbeSet, unbroken: tuple[Measurement, Kept]
) -> None:
    whole, reference = unbroken
    damages = [
        lambda array: array[:-1],
        lambda array: array[None],
        lambda array: array * np.nan,
        lambda array: array.astype(np.float32),
    ]
    damaged = {key: damages[n % 4](array) for n, (key, array) in enumerate(reference.kept.items())}
    checkpoint = Kept(damaged)
    assert same_bits(measure(resolve(str(tiny_folder)), probes, SETTINGS, None, checkpoint), whole)
    assert checkpoint.written == reference.written


def test_another_batch_size_finds_nothing_that_was_padded_otherwise(
    tiny_folder: Path, probes: ProbeSet, unbroken: tuple[Measurement, Kept]
) -> None:
    checkpoint = Kept(dict(unbroken[1].kept))
    settings = MeasureOptions(batch_tokens=3 * SMALL_BATCH)
    resumed = measure(resolve(str(tiny_folder)), probes, settings, None, checkpoint)
    assert checkpoint.written
    assert same_bits(resumed, measure(resolve(str(tiny_folder)), probes, settings))


def test_keys_tell_stages_members_order_and_tokens_apart(loaded: Loaded, probes: ProbeSet) -> None:
    options, _ = encode_questions(loaded.tokenizer, asked(probes), None)
    texts, _ = encode_texts(loaded.tokenizer, texts_of(probes), None)
    two = options[:2]
    changed = replace(two[0], ids=two[0].ids + 1)
    keys = [
        batch_key("attributions", two),
        batch_key("other", two),
        batch_key("attributions", two[::-1]),
        batch_key("attributions", two[:1]),
        batch_key("attributions", [changed, two[1]]),
        *(batch_key("attributions", [text]) for text in texts),
    ]
    assert len(set(keys)) == len(keys)
    assert all(key.replace("-", "").isalnum() and key.islower() for key in keys)
