"""The reference of the command line, from the program's own help: every command, argument and option."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer

from provcheck.cli.app import app

INTRODUCTION = """# Every command and option

What `provcheck COMMAND --help` says, of every command. Exit codes are pytest's: 0 every check passed, 1 a check failed,
2 interrupted, 3 internal error, 4 usage error or bad input, 5 no check was collected.
"""


def command_page() -> str:
    """The page, in Markdown."""
    return "\n".join([INTRODUCTION, *_sections(typer.main.get_command(app), "provcheck")])


def _sections(command: Any, name: str) -> Iterator[str]:
    context = command.make_context(name, [], resilient_parsing=True)
    yield f"## {name}\n\n{_paragraph(command.help)}\n"
    yield f"```text\n{name} {' '.join(command.collect_usage_pieces(context))}\n```\n"
    yield from _table(command, context, "argument")
    yield from _table(command, context, "option")
    for child, one in getattr(command, "commands", {}).items():
        yield from _sections(one, f"{name} {child}")


def _table(command: Any, context: Any, kind: str) -> Iterator[str]:
    records = [one.get_help_record(context) for one in command.get_params(context) if one.param_type_name == kind]
    if records:
        yield f"| {kind} | what it says |\n|---|---|"
        yield from (f"| `{_cell(left)}` | {_prose(right)} |" for left, right in filter(None, records))
        yield ""


def _paragraph(text: str | None) -> str:
    return _prose(" ".join((text or "").split()))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _prose(text: str) -> str:
    return _cell(text).replace("<", "&lt;").replace("[", "\\[").replace("*", "\\*")
