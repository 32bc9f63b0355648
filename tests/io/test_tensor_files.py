"""Tensors of a model's files, read one by one, or some of their rows; in all types of floats."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from provcheck.io.safetensors import as_floats
from provcheck.io.tensor_files import TensorFiles

FLOATS = (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2)


def test_tensors_of_several_files_are_read_one_by_one(tmp_path: Path) -> None:
    stream = torch.Generator().manual_seed(0)
    tensors = {str(kind): torch.randn(3, 5, generator=stream).to(kind) for kind in (torch.float32, torch.bfloat16)}
    save_file(tensors, tmp_path / "a.safetensors")
    save_file({"half": torch.ones(2, dtype=torch.float16), "whole": torch.ones(2, dtype=torch.int64)}, tmp_path / "b")
    found = TensorFiles([tmp_path / "a.safetensors", tmp_path / "b"])
    assert set(found) == {*tensors, "half", "whole"} and len(found) == 4
    for name, tensor in tensors.items():
        assert found.shape(name) == (3, 5)
        np.testing.assert_array_equal(found[name], tensor.float().numpy())
    assert found["half"].dtype == np.float16
    with pytest.raises(ValueError, match="no type of floats"):
        found["whole"]
    with pytest.raises(KeyError):
        found["absent"]


def saved(folder: Path, **tensors: torch.Tensor) -> TensorFiles:
    save_file(tensors, folder / "model.safetensors")
    return TensorFiles([folder / "model.safetensors"])


@pytest.mark.parametrize(("name", "kind"), [("F8_E4M3", torch.float8_e4m3fn), ("F8_E5M2", torch.float8_e5m2)])
def test_every_code_of_float8_is_the_number_that_torch_reads(name: str, kind: torch.dtype) -> None:
    codes = np.arange(256, dtype=np.uint8)
    found = as_floats(codes, name, (16, 16))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, torch.from_numpy(codes).view(kind).float().numpy().reshape(16, 16))


@pytest.mark.parametrize("kind", FLOATS, ids=str)
def test_rows_are_those_of_the_tensor(kind: torch.dtype, tmp_path: Path) -> None:
    tensor = torch.randn(7, 5, generator=torch.Generator().manual_seed(0)).to(kind)
    found, places = saved(tmp_path, a=torch.zeros(3), x=tensor), np.array([6, 0, 0, 3])
    assert found.holds_floats("x")
    np.testing.assert_array_equal(found.rows("x", places), found["x"][places])
    np.testing.assert_array_equal(found["x"], tensor.double().numpy())


def test_only_rows_that_are_asked_for_are_read(tmp_path: Path) -> None:
    found = saved(tmp_path, x=torch.ones(100_000, 64).bfloat16())
    tracemalloc.start()
    assert found.rows("x", np.arange(10)).shape == (10, 64)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000


@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    block=st.sampled_from([(128, 128), (64, 128), (1, 10**4), (10**4, 10**4)]),
    ending=st.sampled_from(["_scale_inv", "_scale"]),
)
def test_float8_is_multiplied_by_the_scale_of_its_block(
    tmp_path_factory: pytest.TempPathFactory, shape: tuple[int, int], block: tuple[int, int], ending: str
) -> None:
    """The blocks of DeepSeek, the rows and the single scales of vLLM."""
    tensor = torch.randn(shape, generator=torch.Generator().manual_seed(1)).to(torch.float8_e4m3fn)
    counts = tuple(-(-size // length) for size, length in zip(shape, block, strict=True))
    scales = torch.rand(counts, generator=torch.Generator().manual_seed(2)) + 0.5
    found = saved(tmp_path_factory.mktemp("scaled"), **{"a.weight": tensor, f"a.weight{ending}": scales})
    rows, columns = np.indices(shape)
    expected = tensor.float().numpy() * scales.numpy()[rows // block[0], columns // block[1]]
    np.testing.assert_array_equal(found["a.weight"], expected)
    np.testing.assert_array_equal(found.rows("a.weight", np.array([0])), expected[:1])


@pytest.mark.parametrize("shape", [(), (1,), (1, 1), (6,), (6, 1)])
def test_one_scale_or_one_for_each_row(shape: tuple[int, ...], tmp_path: Path) -> None:
    scales = torch.arange(2.0, 2 + np.prod(shape, dtype=int)).reshape(shape)
    found = saved(tmp_path, x=torch.ones(6, 5).to(torch.float8_e4m3fn), x_scale=scales)
    np.testing.assert_array_equal(found["x"], np.ones((6, 5)) * scales.reshape(-1, 1).numpy())


@pytest.mark.parametrize("shape", [(5,), (6, 5, 1), (4, 5), (7, 5), (0,), (6, 0)])
def test_scales_that_do_not_fit_make_a_tensor_unreadable(shape: tuple[int, ...], tmp_path: Path) -> None:
    found = saved(tmp_path, x=torch.ones(6, 5).to(torch.float8_e4m3fn), x_scale=torch.ones(shape))
    assert not found.holds_floats("x")
    assert found.holds_floats("x_scale")


def test_packed_numbers_are_no_floats(tmp_path: Path) -> None:
    found = saved(tmp_path, x=torch.ones(6, 5, dtype=torch.int8), y=torch.ones(3, 2).bool(), empty=torch.ones(0, 4))
    assert not found.holds_floats("x") and not found.holds_floats("y")
    assert found["empty"].shape == (0, 4)
