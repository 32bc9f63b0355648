"""The architecture, read off the imports. Imports go downward only:

    cli         pipeline and rendering; the commands about a bank use bank and single stages too
    pipeline    the stages, and whatever lies below them; `source` and `banking` are its parts that only measure
    stages      subject, measurement, comparison, verdict, lineage, policy: never one another; bank, store, probes
    bank        store; `rendering` and `doctor` only look at what is there
    base        types, errors, data, observer, reading, journal

`comparison.distance` and `comparison.divergence` are numerics without a stage's knowledge: they import nothing but
types, and verdict and lineage may use them, so that there is one formula for a distance.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import provcheck

PACKAGE = Path(provcheck.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
MAX_LINES = 300
"""Lines that are not blank."""

BASE = {"types", "errors", "data", "observer", "reading", "journal", "__version__"}
NUMERICS = {"comparison.distance", "comparison.divergence"}
STAGES = {"subject", "measurement", "comparison", "verdict", "lineage", "policy"}
BELOW = BASE | {"bank", "store", "probes"}

ALLOWED: dict[str, set[str]] = {
    "types": set(),
    "errors": {"types"},
    "data": {"errors", "reading"},
    "observer": set(),
    "reading": set(),
    "journal": {"types"},
    "store": BASE,
    "cache": BASE | {"store"},
    "probes": BASE,
    "bank": BASE | {"store"},
    "comparison/distance": {"types"},
    "comparison/divergence": {"types"},
    **dict.fromkeys(STAGES, BELOW),
    "verdict": BELOW | NUMERICS,
    "lineage": BELOW | NUMERICS,
    "signing": BASE,
    "rendering": BASE,
    "doctor": BELOW | {"cache"},
    "assembly": BELOW | STAGES,
    "verification": BELOW | STAGES | {"assembly", "pipeline", "source", "signing", "rendering.json_report"},
    "source": BELOW | {"subject", "measurement", "comparison", "cache"},
    "banking": BELOW | {"source"},
    "pipeline": BELOW | STAGES | {"assembly", "source"},
    "cli": BASE | {"pipeline", "source", "rendering", "doctor", "store", "signing", "verification"},
    "cli/policy": BASE | {"policy", "rendering"},
    "cli/bank": BASE | {"banking", "source", "rendering", "bank", "comparison", "verdict", "lineage"},
    "cli/drawing": BASE | {"pipeline", "source", "rendering", "bank", "store", "comparison", "lineage"},
    "cli/tree": BASE | {"pipeline", "source", "rendering", "lineage"},
    "cli/map": BASE | {"pipeline", "source", "rendering", "lineage"},
    "pytest_plugin": BASE | {"pipeline", "policy", "rendering.wording"},
    "": {"pipeline", "source", "bank", "store", "probes", "errors"},
}
"""What a package, or one file of it, may import; the empty name is `provcheck/__init__.py`."""

HEAVY = {"torch", "transformers", "peft", "accelerate"}
LAZY_HEAVY = {"doctor.py", "subject/configs.py"}
"""doctor asks for the GPU, configs for transformers' table of causal models; both inside a function."""


def module_of(path: Path) -> str:
    """`comparison/distance` for provcheck/comparison/distance.py, the package's name for its `__init__`."""
    return "/".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix("/__init__").removesuffix("__init__")


def imports(node: ast.AST) -> Iterator[str]:
    """Every module that is imported anywhere below the node, in functions too."""
    for child in ast.walk(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "imports are absolute"
            if child.module == "provcheck":
                yield from (f"provcheck.{alias.name}" for alias in child.names)
            else:
                yield child.module or ""


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def may_import(module: str, target: str) -> bool:
    """Whether `module` (such as `verdict/rule`) may import `target` (such as `comparison.distance`)."""
    package = module.partition("/")[0]
    allowed = ALLOWED.get(module, ALLOWED.get(package, set()))
    root = target.partition(".")[0]
    return root == package or root in allowed or ".".join(target.split(".")[:2]) in allowed


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_imports_go_downward(path: Path) -> None:
    module = module_of(path)
    internal = {name.removeprefix("provcheck.") for name in imports(parsed(path)) if name.startswith("provcheck.")}
    assert not sorted(target for target in internal if not may_import(module, target))


@pytest.mark.parametrize("numerics", sorted(NUMERICS))
def test_numerics_know_nothing_of_their_stage(numerics: str) -> None:
    path = PACKAGE / (numerics.replace(".", "/") + ".py")
    assert {name for name in imports(parsed(path)) if name.startswith("provcheck")} <= {"provcheck.types"}


def test_every_module_has_its_place_in_the_rule() -> None:
    packages = {module_of(path).partition("/")[0] for path in FILES}
    assert packages == {name.partition("/")[0] for name in ALLOWED}


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_only_measurement_imports_torch_and_transformers(path: Path) -> None:
    name = path.relative_to(PACKAGE).as_posix()
    if name.startswith("measurement/"):
        return
    heavy = {found for found in imports(parsed(path)) if found.partition(".")[0] in HEAVY}
    assert not heavy or name in LAZY_HEAVY
    at_the_top = (node for node in parsed(path).body if isinstance(node, ast.Import | ast.ImportFrom))
    assert not {found for node in at_the_top for found in imports(node) if found.partition(".")[0] in HEAVY}


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_no_file_is_long_and_every_file_says_what_it_is(path: Path) -> None:
    lines = [line for line in path.read_text("utf-8").splitlines() if line.strip()]
    assert len(lines) <= MAX_LINES
    assert ast.get_docstring(parsed(path))


def test_nothing_can_unpickle() -> None:
    """Not in reading banks, measurements or judges; `allow_pickle` is for models whose user took the risk."""
    for path in FILES:
        roots = {name.partition(".")[0] for name in imports(parsed(path))}
        assert not roots & {"pickle", "dill", "joblib", "cloudpickle", "shelve", "marshal"}, path
        assert "torch.load(" not in path.read_text("utf-8"), path
