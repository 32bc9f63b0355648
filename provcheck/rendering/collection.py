"""Checks before they run, and the kinds of checks there are: for `--collect-only` and `provcheck policy`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console

from provcheck import wording
from provcheck.io.text import plain
from provcheck.rendering.console import print_line, print_rule


@dataclass(frozen=True)
class Line:
    """One check of a policy: its id, its kind, and what it asks for."""

    id: str
    kind: str
    severity: str
    description: str


def print_collected(console: Console, policy: str, selected: int, deselected: int) -> None:
    """`policy default: collected 3 checks / 1 deselected / 2 selected`, as pytest does."""
    counts = [f"collected {wording.plural(selected + deselected, 'check')}"]
    if deselected:
        counts += [f"{deselected} deselected", f"{selected} selected"]
    print_line(console, plain(f"policy {policy}: {' / '.join(counts)}"))


def print_checks(console: Console, checks: Sequence[Line], verbosity: int = 0) -> None:
    """A line for each check; below 0 only its id."""
    width = max((len(check.id) for check in checks), default=0)
    for check in checks:
        kind = f" [{check.kind}]" if check.kind != check.id else ""
        warning = " (warning)" if check.severity == "warning" else ""
        text = f"  {check.id:<{width}}  {plain(check.description)}{kind}{warning}"
        print_line(console, check.id if verbosity < 0 else text)


def print_end(console: Console, what: str, selected: int, deselected: int) -> None:
    """The last line where nothing was measured: `== 3 checks collected, 1 deselected ==`."""
    counts = wording.plural(selected, "check") if selected else "no checks"
    left_out = f", {deselected} deselected" if deselected else ""
    print_rule(console, f"{counts} {what}{left_out}", "bold green" if selected else "bold yellow")
