"""Device and dtype are those that torch would use, and a machine without a GPU need not ask torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from provcheck.errors import UsageError
from provcheck.measurement import settling
from provcheck.measurement.devices import choose_device, choose_dtype, name_device, name_dtype
from provcheck.measurement.settling import Settled, may_have_gpu, settle


@pytest.mark.parametrize("device", ["auto", "cpu", "cpu:0"])
@pytest.mark.parametrize("dtype", ["auto", "float32", "bfloat16", "float16"])
def test_it_is_what_torch_uses(device: str, dtype: str) -> None:
    chosen = choose_device(device)
    expected = Settled(str(chosen), name_device(chosen), name_dtype(choose_dtype(dtype, chosen)))
    assert settle(device, dtype) == expected


@pytest.mark.parametrize(
    ("device", "dtype"), [("nonsense", "auto"), ("auto", "float99"), ("cpu", ""), ("cuda:99", "auto")]
)
def test_what_cannot_be_used_is_a_usage_error(device: str, dtype: str) -> None:
    with pytest.raises(UsageError):
        settle(device, dtype)


def test_a_gpu_that_torch_sees_is_never_overlooked() -> None:
    assert may_have_gpu() or not torch.cuda.is_available()


@pytest.mark.parametrize(
    ("version", "driver", "found"),
    [
        ("cuda = None\nhip = None", True, False),
        ("cuda = '12.8'\nhip = None", False, False),
        ("cuda = '12.8'\nhip = None", True, True),
        ("cuda = None\nhip = '6.4'", False, True),
        (None, False, True),
    ],
    ids=["built for the CPU", "no driver", "a driver", "ROCm", "not known"],
)
def test_when_there_may_be_a_gpu(
    version: str | None, driver: bool, found: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise ImportError('not to be imported')", "utf-8")
    if version:
        (tmp_path / "torch" / "version.py").write_text(version, "utf-8")
    origin = str(tmp_path / "torch" / "__init__.py")
    monkeypatch.setattr(settling, "find_spec", lambda name: type("Spec", (), {"origin": origin}))
    monkeypatch.setattr(settling, "_shows_gpu", lambda: driver)
    assert may_have_gpu.__wrapped__() is found


def test_the_cpu_is_settled_without_torch() -> None:
    use = "from provcheck.measurement.settling import settle; settle('cpu', 'auto')"
    code = f"import sys; {use}; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_a_driver_or_a_device_shows_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "DRIVERS", ("no-such-library.so",))
    monkeypatch.setattr(settling, "DEVICES", (str(tmp_path / "none"),))
    assert not settling._shows_gpu()
    monkeypatch.setattr(settling, "DEVICES", (str(tmp_path),))
    assert settling._shows_gpu()
