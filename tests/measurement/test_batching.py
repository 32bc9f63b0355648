"""Batches: their size, running side by side, and what happens when memory runs out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from provcheck.errors import TooLarge, UsageError
from provcheck.measurement.batching import Run, Stage, batches, run_batches
from provcheck.measurement.encoding import Encoded, encode_questions, encode_texts
from provcheck.measurement.loader import Loaded
from provcheck.measurement.memory import Footprint, Limits
from provcheck.measurement.scoring import all_but_the_first
from provcheck.observer import Silent
from provcheck.types import Floats, ProbeSet
from tests.measurement.conftest import SMALL_BATCH, in_memory
from tests.measurement.running import asked, attribute_words, loglikelihoods, texts_of

LIMITS = Limits(tokens=300, memory=2**40, side_by_side=1, footprint=Footprint(token=1, square=0.5, logits=2))


def sequence(length: int, place: int = 0) -> Encoded:
    spans = np.stack([np.arange(length), np.arange(length) + 1], axis=1)
    return Encoded(np.arange(3, length + 3), spans, np.zeros(length, dtype=bool), place)


@pytest.fixture
def _two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@given(
    lengths=st.lists(st.integers(2, 60), max_size=30),
    tokens=st.integers(1, 300),
    memory=st.integers(1, 100_000),
    side_by_side=st.integers(1, 4),
)
def test_batches_hold_every_sequence_once_and_keep_the_limits(
    lengths: list[int], tokens: int, memory: int, side_by_side: int
) -> None:
    limits = replace(LIMITS, tokens=tokens, memory=memory, side_by_side=side_by_side)
    sequences = [sequence(length, place) for place, length in enumerate(sorted(lengths, reverse=True))]
    made = list(batches(sequences, all_but_the_first, limits))
    assert [one.probe for batch in made for one in batch] == list(range(len(lengths)))
    for batch in made:
        rows, width, scored = len(batch), len(batch[0].ids), sum(len(one.ids) - 1 for one in batch)
        needed = side_by_side * limits.footprint.batch(rows, width, scored)
        assert rows == 1 or (width * rows <= tokens and needed <= memory)


def test_a_footprint_counts_tokens_attention_and_logits() -> None:
    assert Footprint(10, 0, 0).batch(3, 5, 7) == 150
    assert Footprint(0, 2, 0).batch(3, 5, 7) == 150
    assert Footprint(0, 0, 4).batch(3, 5, 7) == 28 + 28


class Machine:
    """A stage on a machine that holds so many tokens at once."""

    def __init__(self, tokens: int, error: Exception) -> None:
        self.tokens, self.error = tokens, error
        self.tried: list[int] = []

    def compute(self, batch: list[Encoded]) -> Floats:
        size = len(batch) * len(batch[0].ids)
        self.tried.append(size)
        if size > self.tokens:
            raise self.error
        return np.array([float(one.probe) for one in batch])

    @property
    def stage(self) -> Stage[Encoded]:
        return Stage("test", self.compute, values=lambda _one: 1, scored=all_but_the_first, gradients=False)


class Notes(Silent):
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.steps = 0

    def note(self, message: str) -> None:
        self.notes.append(message)

    def advance(self, n: int = 1) -> None:
        self.steps += n


OUT_OF_MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB."),
    RuntimeError("[enforce fail at alloc_cpu.cpp:121] . DefaultCPUAllocator: can't allocate memory: you tried to"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:75] err == 0. DefaultCPUAllocator: not enough memory: you tried"),
    MemoryError(),
]


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=lambda error: f"{type(error).__name__} {error}"[:60])
@pytest.mark.parametrize("threads", [1, 2])
def test_out_of_memory_halves_the_batch_and_goes_on(
    threads: int, error: Exception, loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    monkeypatch.setattr(torch, "set_num_threads", lambda _threads: None)
    sequences = [sequence(10, place) for place in range(50)]
    machine, heard = Machine(60, error), Notes()
    found = list(run_batches(machine.stage, loaded, sequences, Run(200, heard)))
    assert [(one.probe, float(value)) for one, (value,) in found] == [(n, float(n)) for n in range(50)]
    assert heard.notes == [f"out of memory: going on with batches of {tokens} tokens" for tokens in (100, 50)]
    assert heard.steps == 50
    assert machine.tried[-10:] == [50] * 10


def test_one_sequence_that_does_not_fit_is_told(loaded: Loaded) -> None:
    machine = Machine(9, OUT_OF_MEMORY[0])
    with pytest.raises(TooLarge, match="not enough memory to measure one sequence of 10 tokens") as caught:
        list(run_batches(machine.stage, loaded, [sequence(10, place) for place in range(8)], Run(80)))
    assert caught.value.hint
    assert machine.tried == [80, 40, 20, 10]


def test_other_errors_are_not_taken_for_missing_memory(loaded: Loaded) -> None:
    machine = Machine(0, RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        list(run_batches(machine.stage, loaded, [sequence(10)], Run()))


def test_too_small_a_budget_is_a_usage_error_that_names_a_size_that_works(loaded: Loaded, probes: ProbeSet) -> None:
    texts, _ = encode_texts(loaded.tokenizer, texts_of(probes), None)
    with pytest.raises(UsageError, match="the longest probe needs about") as caught:
        loglikelihoods(loaded, texts, len(probes.texts), Run(memory_bytes=1000))
    size = int(caught.value.hint.split("--memory ")[1].split("MiB")[0])
    assert np.isfinite(loglikelihoods(loaded, texts, len(probes.texts), Run(memory_bytes=size * 2**20))).all()


@pytest.mark.usefixtures("_two_threads")
def test_side_by_side_gives_the_same_bits(probes: ProbeSet) -> None:
    loaded = in_memory()
    options, _ = encode_questions(loaded.tokenizer, asked(probes), None)
    texts, _ = encode_texts(loaded.tokenizer, texts_of(probes), None)

    def measured() -> list[bytes]:
        words = attribute_words(loaded, probes.questions, options, Run(SMALL_BATCH))
        loglik = loglikelihoods(loaded, texts, len(probes.texts), Run(SMALL_BATCH))
        return [array.tobytes() for array in (*words, loglik)]

    parallel = [measured() for _ in range(5)]
    assert torch.get_num_threads() == 2, "what was found is restored"
    torch.set_num_threads(1)
    alone = measured()
    assert all(other == alone for other in parallel)


@pytest.mark.usefixtures("_two_threads")
def test_an_error_in_a_batch_that_runs_beside_others_comes_out(loaded: Loaded) -> None:
    machine = Machine(0, ValueError("broken"))
    with pytest.raises(ValueError, match="broken"):
        list(run_batches(machine.stage, loaded, [sequence(10, place) for place in range(9)], Run(20)))
    assert torch.get_num_threads() == 2


def test_nothing_to_measure_is_no_error(loaded: Loaded) -> None:
    assert list(run_batches(Machine(0, MemoryError()).stage, loaded, [], Run())) == []
