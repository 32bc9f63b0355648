"""The regular expressions in an adapter's config: matching an evil one would never end, so they are tried first."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from provcheck.errors import UnsupportedModel

KEYS = (
    "target_modules",
    "exclude_modules",
    "feedforward_modules",
    "modules_to_save",
    "layers_pattern",
    "rank_pattern",
    "alpha_pattern",
)
"""Keys of adapter_config.json whose strings peft takes for regular expressions, alone or inside of its own."""

SECONDS = 20
"""A sane expression takes less than a hundredth of a second for the modules of a large model."""

TRY = r"""
import json, re, sys
patterns, names = json.load(sys.stdin)
for pattern in patterns:
    for form in ("%s", r"(.*\.)?(%s)$", r"(^|.*\.)%s($|\..*)", r"(?:^|.*?\.)%s\.(\d+)\."):
        try:
            whole = re.compile(form.replace("%s", pattern))
        except (re.error, RecursionError, OverflowError):
            continue  # peft will say so
        for name in names:
            whole.match(name), whole.fullmatch(name)
"""


def check_patterns(config: Mapping[str, Any], modules: Iterable[str]) -> None:
    """Raise UnsupportedModel if matching a pattern against the names of the modules takes too long."""
    found = (pattern for key in KEYS for pattern in _strings(config.get(key)))
    patterns = [pattern for pattern in found if not re.fullmatch(r"[\w.-]*", pattern)]
    if not patterns:
        return
    text = json.dumps([patterns, list(modules)])
    command = [sys.executable, "-I", "-S", "-c", TRY]  # another process, since matching cannot be stopped in this one
    try:
        subprocess.run(command, input=text, text=True, timeout=SECONDS, check=False)  # noqa: S603  it is ours
    except subprocess.TimeoutExpired:
        raise UnsupportedModel(
            f"the regular expressions in adapter_config.json take more than {SECONDS} seconds to match",
            "list the names of the modules in their place",
        ) from None


def _strings(value: object) -> Iterator[str]:
    """A pattern, or those in a list, or the keys of a mapping."""
    several = value if isinstance(value, list | tuple | set | dict) else (value,)
    return (one for one in several if isinstance(one, str))
