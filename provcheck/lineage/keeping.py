"""Trees and maps are kept, so that the same models are not placed twice.

They are kept under a digest of all that they follow from: the models' ids, families and documented parents, every
number of their sketches, all code of this package, and the versions of the libraries that compute them.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

from provcheck.cache import MeasurementCache
from provcheck.io.digests import arrays_digest, file_digest
from provcheck.lineage.leaves import Leaves
from provcheck.types import BankMap, Lineage, Stack, canonical_digest

R = TypeVar("R", Lineage, BankMap)

LIBRARIES = ("numpy", "scipy", "scikit-bio", "scikit-learn")


def kept_or_made(make: Callable[[Leaves], R], kind: type[R], leaves: Leaves, kept: MeasurementCache | None) -> R:
    """The tree or map of these models as it was kept, or else what `make` gives, which is then kept."""
    if kept is None:
        return make(leaves)
    key = key_of(kind.__name__, leaves)
    found = kept.find_record(key, kind)
    if found is None:
        found = make(leaves)
        kept.keep_record(key, found)
    return found


def key_of(kind: str, leaves: Leaves) -> str:
    """sha256 (hex) over everything that a tree or a map of these models depends on."""
    models = [[one.id, one.family, list(one.parents)] for one in leaves.references]
    led = None if leaves.signal is None or leaves.stack is None else [leaves.signal.version, _content(leaves.stack)]
    further = [[part.signal.version, _content(part.stack), part.places.tolist()] for part in leaves.further]
    return canonical_digest([kind, leaves.subject, models, led, further, leaves.silent, _program()])


def _content(stack: Stack) -> list[object]:
    return [dict(stack.context), [dict(values) for values in stack.values], arrays_digest(stack.arrays)]


@cache
def _program() -> list[object]:
    """The code and the versions of what it calls; a checkout changes more often than its version."""
    root = Path(__file__).parent.parent
    code = [[path.relative_to(root).as_posix(), file_digest(path)] for path in sorted(root.rglob("*.py"))]
    return [code, platform.python_version(), platform.machine(), {name: version(name) for name in LIBRARIES}]
