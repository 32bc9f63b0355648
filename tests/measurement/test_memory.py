"""What a batch needs, what there is, and that a measurement stays within its budget."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from provcheck.measurement import devices
from provcheck.measurement.devices import free_bytes, free_in_container, in_coarse_steps, is_out_of_memory
from provcheck.measurement.encoding import EncodedOption
from provcheck.measurement.memory import footprint, kept_bytes
from tests.measurement.conftest import in_memory
from tests.measurement.peak import sequence
from tests.tiny import ARCHITECTURES, VOCABULARY


def short_sequence(length: int) -> EncodedOption:
    """Tokens that the tiny models know."""
    long = sequence(length, 0)
    return replace(long, ids=long.ids % VOCABULARY)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_footprint_of_short_passes_bounds_what_a_longer_one_keeps(architecture: str) -> None:
    loaded = in_memory(architecture)
    example = short_sequence(300)
    counted = footprint(loaded, example, gradients=True)
    assert kept_bytes(loaded, example, 300) < counted.batch(2, 300, 2)
    without = footprint(loaded, example, gradients=False)
    assert without.logits == 2 * 4 * VOCABULARY
    assert 0 < without.token <= 2 * counted.token


def test_counting_keeps_nothing() -> None:
    """Autograd's graph may hold itself: what is counted must not stay in memory."""
    loaded, example = in_memory(), short_sequence(40)
    kept_bytes(loaded, example, 20)
    before = tensors_in_memory()
    kept_bytes(loaded, example, 20)
    assert tensors_in_memory() == before


def tensors_in_memory() -> int:
    gc.collect()
    return sum(type(thing) is torch.Tensor for thing in gc.get_objects())


@given(st.floats(1, 2**50))
def test_coarse_steps_lose_a_fifth_at_most(size: float) -> None:
    coarse = in_coarse_steps(size)
    assert 0.8 * int(size) <= coarse <= size
    assert in_coarse_steps(coarse) == coarse


def test_coarse_steps_do_not_move_with_a_little_noise() -> None:
    assert len({in_coarse_steps(66e9 + noise * 1e8) for noise in range(20)}) == 1


def test_a_container_has_what_its_limit_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "memory.max").write_text(f"{2**28}\n")
    (tmp_path / "memory.current").write_text(f"{2**27}\n")
    assert free_in_container(tmp_path) == 2**27
    (tmp_path / "memory.max").write_text("max\n")
    assert free_in_container(tmp_path) == float("inf")
    assert free_in_container(tmp_path / "none") == float("inf")
    monkeypatch.setattr(devices, "free_in_container", lambda: 2**27)
    assert 0 < free_bytes(torch.device("cpu")) < 2**27


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("HIP out of memory."), True),
        (MemoryError(), True),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 1 bytes"), True),
        (RuntimeError("CUDA error: device-side assert triggered"), False),
        (ValueError("out of memory"), False),
        (KeyboardInterrupt("out of memory"), False),
    ],
)
def test_what_counts_as_out_of_memory(error: BaseException, expected: bool) -> None:
    assert is_out_of_memory(error) is expected


def test_the_allocator_of_this_machine_says_so_in_such_words() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="peaks are read from /proc")
@pytest.mark.parametrize(("architecture", "threads"), [("llama", 1), ("llama", 2), ("gemma2", 1)])
def test_the_peak_is_within_the_budget(architecture: str, threads: int) -> None:
    command = [sys.executable, "-m", "tests.measurement.peak", architecture, str(threads)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    found = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [line["stage"] for line in found] == ["options", "options", "texts", "texts"]
    assert all(line["peak"] <= line["budget"] for line in found), found
    assert max(line["peak"] / line["budget"] for line in found) > 0.3, "a budget is there to be used"
