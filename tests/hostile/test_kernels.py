"""A config that names kernels: nothing is fetched, whatever is installed, and the numbers stay as they are."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from transformers.integrations import hub_kernels
from transformers.utils import import_utils

from provcheck.errors import UnsafeModel
from provcheck.measurement.loader import load
from provcheck.targets.resolution import resolve
from provcheck.types import ProbeSet
from tests.cached import change_json
from tests.measured import measure, same_bits
from tests.tiny import save_tiny


class Asked(Exception):
    """Somebody asked for a kernel."""


@pytest.fixture(autouse=True)
def kernels(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The package `kernels` as if it were installed; it fetches nothing and keeps who asked."""
    asked: list[str] = []
    package = ModuleType("kernels")

    def fetch(*names: Any, **_options: Any) -> Any:
        asked.append(str(names))
        raise Asked(str(names))

    package.__getattr__ = lambda name: fetch  # type: ignore[method-assign]
    monkeypatch.setitem(sys.modules, "kernels", package)
    monkeypatch.setattr(import_utils, "is_kernels_available", lambda *_args, **_options: True)
    for name in ("get_kernel", "load_and_register_attn_kernel"):
        if hasattr(hub_kernels, name):
            monkeypatch.setattr(hub_kernels, name, fetch)
    for module in [one for name, one in sys.modules.items() if name.startswith("transformers.modeling_utils")]:
        if hasattr(module, "load_and_register_attn_kernel"):
            monkeypatch.setattr(module, "load_and_register_attn_kernel", fetch)
    return asked


@pytest.mark.parametrize("key", ["attn_implementation", "_attn_implementation", "experts_implementation"])
@pytest.mark.parametrize("value", ["evil/kernels", "kernels-community/flash-attn", "paged|evil/x", "evil/k@main:f"])
def test_a_repository_of_kernels_is_refused(tmp_path: Path, kernels: list[str], key: str, value: str) -> None:
    folder = save_tiny(tmp_path / "m")
    for place in (
        {key: value},
        {key: {"": value}},
        {"text_config": {key: value}},
        {"text_config": {"x": {key: value}}},
    ):
        change_json(folder, "config.json", **{key: None, "text_config": None, **place})
        with pytest.raises(UnsafeModel, match="names code to run") as caught:
            resolve(str(folder))
        assert "remove" in caught.value.hint.lower() and not kernels


@pytest.mark.parametrize(
    "value", ["flash_attention_2", "flash_attention_3", "flex_attention", "eager", "sdpa", "nonsense", 7]
)
def test_what_is_built_in_is_left_to_the_library(
    tmp_path: Path, probes: ProbeSet, kernels: list[str], value: object
) -> None:
    """A name that this machine cannot use is no reason to fetch a kernel in its place, nor to measure otherwise."""
    plain = measure(resolve(str(save_tiny(tmp_path / "plain"))), probes)
    folder = save_tiny(tmp_path / "m")
    change_json(folder, "config.json", attn_implementation=value, _attn_implementation=value)
    assert same_bits(measure(resolve(str(folder)), probes), plain)
    assert not kernels


def test_the_stub_records(tmp_path: Path, kernels: list[str]) -> None:
    """Else the tests above could not fail."""
    from transformers import AutoModelForCausalLM

    folder = save_tiny(tmp_path / "m")
    change_json(folder, "config.json", attn_implementation="evil/kernels")
    with pytest.raises((Asked, ValueError, ImportError, OSError)):
        AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)
    load(resolve(str(save_tiny(tmp_path / "fine"))), "cpu", "float32")
    assert kernels
