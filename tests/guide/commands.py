"""Whether the program understands a command that a page shows, without running it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

import typer

from provcheck.cli.app import app

PROGRAM = "provcheck"
ENDS = {"|", "||", "&&", ";", ">", ">>", "<"}


def commands_in(text: str) -> Iterator[list[str]]:
    """Every command of a shell block, word by word, without comments and what output goes into."""
    for line in text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
        lexer.whitespace_split = True
        words: list[str] = []
        for word in lexer:
            if word in ENDS:
                yield from [words] if words else []
                words = [word] if word in {">", ">>", "<"} else []
            else:
                words.append(word)
        yield from [words] if words else []


def parse(words: list[str]) -> None:
    """Parse a command of provcheck as the program does; raises what the user would see as a usage error."""
    command: Any = typer.main.get_command(app)
    context = command.make_context(PROGRAM, list(words))
    while hasattr(command, "commands"):
        name, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        context = command.make_context(name, rest, parent=context)


def options_of(words: list[str]) -> set[str]:
    """All options of the command that the first words name, and of the groups around it."""
    command: Any = typer.main.get_command(app)
    found = _own(command)
    for word in words:
        command = getattr(command, "commands", {}).get(word, command)
        found |= _own(command)
    return found


def all_options() -> set[str]:
    """Every option of every command."""
    return _below(typer.main.get_command(app))


def _below(command: Any) -> set[str]:
    return _own(command).union(*map(_below, getattr(command, "commands", {}).values()))


def _own(command: Any) -> set[str]:
    return {word for one in command.params for word in (*one.opts, *one.secondary_opts)} | {"-h", "--help"}
