"""`__all__` is exactly the public API, and every name in it is there."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import subprocess
import sys
import typing

import pytest

import provcheck

PUBLIC = [
    "AuditKeywords",
    "AuditOptions",
    "Bank",
    "BankMap",
    "Comparison",
    "DistanceMatrix",
    "Interval",
    "Lineage",
    "Measurement",
    "ModelOptions",
    "NotMeasured",
    "Observer",
    "PairReport",
    "ProbeSet",
    "ProvcheckError",
    "Relation",
    "Report",
    "Sketch",
    "Subject",
    "Verdict",
    "audit",
    "compare_models",
    "distance",
    "distance_matrix",
    "judge_pair",
    "load_bank",
    "load_measurement",
    "load_probes",
    "measure_model",
    "plot_map",
    "plot_tree",
    "read_report",
    "save_measurement",
]
PACKAGES = [module.name for module in pkgutil.iter_modules(provcheck.__path__, "provcheck.") if module.ispkg]


def test_the_public_names() -> None:
    assert sorted(provcheck.__all__) == sorted([*PUBLIC, "__version__"])
    assert sorted(provcheck._HOME) == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_every_name_resolves_and_is_explained(name: str) -> None:
    assert getattr(provcheck, name).__doc__


def test_every_type_that_a_public_function_takes_or_returns_is_public() -> None:
    for name in PUBLIC:
        function = getattr(provcheck, name)
        if not inspect.isfunction(function):
            continue
        hints = typing.get_type_hints(function, include_extras=False)
        used = {one for hint in hints.values() for one in (hint, *typing.get_args(hint)) if inspect.isclass(one)}
        own = {one.__name__ for one in used if one.__module__.startswith("provcheck.")}
        assert own <= set(PUBLIC), name


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="module 'provcheck' has no attribute 'detect'"):
        _ = provcheck.detect


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_exports_what_it_names(package: str) -> None:
    module = importlib.import_module(package)
    assert [name for name in getattr(module, "__all__", ()) if not hasattr(module, name)] == []


def test_importing_provcheck_loads_next_to_nothing() -> None:
    code = "import sys, provcheck; print([m for m in ('numpy', 'pydantic', 'torch', 'typer') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
