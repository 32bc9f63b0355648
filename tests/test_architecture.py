"""The architecture, read off the imports: every room stands on a floor and imports from the floors below it only.

So no arrow runs upward, and rooms of one floor never import one another: a stage knows no other stage, and renderings
know neither stages nor banks. `provcheck/README.md` says why.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import provcheck

PACKAGE = Path(provcheck.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
MAX_LINES = 300
"""Lines that are not blank."""

FLOORS: list[set[str]] = [
    {"types", "version"},
    {"errors"},
    {"io", "observer", "stopwatch", "wording", "architectures"},
    {"checkpoint", "probes", "shared_store"},
    {"signals"},
    {"store", "bank", "measurement", "report_file", "rendering", "changes"},
    {"cache", "endpoints"},
    {"targets"},
    {"sketches"},
    {"apart"},
    {"engines", "measuring", "comparison", "verdict", "lineage", "disguise", "policy"},
    {"assembly", "attestation", "building", "drafting", "evaluation", "inventories", "references"},
    {"serving"},
    {"pipeline", "pairing", "plots", "sharing", "studies"},
    {"verification", "doctor", "auditing"},
    {"cli", "pytest_plugin", ""},
    {"__main__", "guide"},
]
"""From the ground up; the empty name is `provcheck/__init__.py`."""

FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}

HEAVY = {"torch", "transformers", "peft", "accelerate"}
LAZY_HEAVY = {"doctor.py", "targets/configs.py"}
"""doctor asks for the GPU, configs for transformers' table of causal models; both inside a function."""

OF_SIGNALS = re.compile(
    r"\b(able|ABLE|KL|kl|loglik|contrast|bits_per_byte|scale_band|cosine_distance)\b|paper_blocks|contrast_|kl_|_kl\b"
)
"""Names that belong to the two signals."""

KNOW_A_SIGNAL = {
    "verdict/fitting.py",  # the judge names its features
    "evaluation/methods.py",  # the simpler methods beside it are single features
}

ROOMS_OF_SIGNALS = {"signals", "studies"}
"""A study is an experiment on one signal's numbers."""

SAME_NAME = {"__init__", "page", "values"}
"""Every signal has a page and its values."""


def module_of(path: Path) -> str:
    """`verdict/rule` for provcheck/verdict/rule.py, the package's name for its `__init__`."""
    return "/".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix("/__init__").removesuffix("__init__")


def room_of(module: str) -> str:
    return module.partition("/")[0]


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


def rooms_imported(path: Path) -> set[str]:
    return {name.split(".")[1] for name in imports(parsed(path)) if name.startswith("provcheck.")}


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_imports_go_downward(path: Path) -> None:
    room = room_of(module_of(path))
    assert not {other for other in rooms_imported(path) if other != room and FLOOR[other] >= FLOOR[room]}


def test_every_room_has_its_floor() -> None:
    assert {room_of(module_of(path)) for path in FILES} == set(FLOOR)


def test_signals_know_no_other_signal() -> None:
    """Only the table names them."""
    for path in PACKAGE.glob("signals/*/*.py"):
        own = path.parent.name
        others = {name for name in imports(parsed(path)) if re.match(r"provcheck\.signals\.\w+\.", name)}
        assert all(name.startswith(f"provcheck.signals.{own}.") for name in others), path


def code_of(path: Path) -> str:
    """The file without comments and docstrings, which may speak of the papers."""
    tree = parsed(path)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [  # type: ignore[attr-defined]
                one for one in body if not (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))
            ] or [ast.Pass()]
    return ast.unparse(tree)


def test_only_a_signals_own_folder_knows_its_fields() -> None:
    outside = [path for path in FILES if room_of(module_of(path)) not in ROOMS_OF_SIGNALS]
    found = {path.relative_to(PACKAGE).as_posix() for path in outside if OF_SIGNALS.search(code_of(path))}
    assert found == KNOW_A_SIGNAL
    templates = PACKAGE.parent / "reports" / "templates"
    assert not [path.name for path in templates.iterdir() if OF_SIGNALS.search(path.read_text("utf-8"))]


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


def test_no_file_name_occurs_twice() -> None:
    counts = Counter(path.stem for path in FILES)
    assert {name for name, count in counts.items() if count > 1} <= SAME_NAME


def test_one_spelling() -> None:
    """American English for the noun, as in the field `license`."""
    for path in [*FILES, *PACKAGE.parent.glob("policies/*"), *PACKAGE.parent.glob("*.md")]:
        assert not re.search(r"\blicence", path.read_text("utf-8"), re.IGNORECASE), path


def test_nothing_can_unpickle() -> None:
    """Not in reading banks, measurements or judges; `allow_pickle` is for models whose user took the risk."""
    for path in FILES:
        roots = {name.partition(".")[0] for name in imports(parsed(path))}
        assert not roots & {"pickle", "dill", "joblib", "cloudpickle", "shelve", "marshal"}, path
        assert "torch.load(" not in path.read_text("utf-8"), path


def test_no_assertion_guards_production_code() -> None:
    """`python -O` takes them out."""
    for path in FILES:
        tokens = tokenize.generate_tokens(io.StringIO(path.read_text("utf-8")).readline)
        assert not [token for token in tokens if token.type == tokenize.NAME and token.string == "assert"], path
