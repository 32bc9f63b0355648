"""The command line: one file per command. A command parses, calls, prints and exits, nothing else."""

from __future__ import annotations

import os
import sys
import traceback
from typing import NoReturn

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
"""Waiting torch threads must not spin: on a busy machine, spinning made measuring up to ten times slower."""

INTERRUPTED_BY_TYPER = 130


def main() -> NoReturn:
    """Run the command line and exit with one of pytest's exit codes (`provcheck.types.ExitCode`)."""
    from provcheck.cli.ending import prepare

    prepare()
    try:
        code = run(sys.argv[1:])
    except KeyboardInterrupt:  # before or after the command
        code = _interrupted()
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code; the only place where errors are caught."""
    from typer.exceptions import Abort, TyperException

    from provcheck.cli.app import app
    from provcheck.cli.origins import place_of_fault

    try:
        code = app(args=arguments, prog_name="provcheck", standalone_mode=False)
        print(end="", flush=True)  # a full disk must not show only when Python ends
        return _interrupted() if code == INTERRUPTED_BY_TYPER else int(code or 0)
    except (KeyboardInterrupt, Abort):  # typer's Abort: at the prompt for a passphrase
        return _interrupted()
    except TyperException as error:
        _say(f"error: {error.format_message()}{place_of_fault(error)}", "run `provcheck --help`")
        return _code("USAGE_ERROR")
    except Exception as error:
        return _explain(error)


def _interrupted() -> int:
    _say("interrupted: no file is half-written", "")
    return _code("INTERRUPTED")


def _explain(error: Exception) -> int:
    """A sentence for what the user can act on; a traceback for what is our fault."""
    from provcheck.errors import ProvcheckError
    from provcheck.io.text import plain

    if isinstance(error, ProvcheckError):
        _say(f"error: {plain(error.message)}", plain(error.hint))
        return int(error.exit_code)
    traceback.print_exc()
    _say(f"internal error: {type(error).__name__}", "this is a bug in provcheck; please report it with the lines above")
    return _code("INTERNAL_ERROR")


def _code(name: str) -> int:
    """The exit code of that name; looked up late, so that `--help` need not import it."""
    from provcheck.types import ExitCode

    return int(ExitCode[name])


def _say(message: str, hint: str) -> None:
    print(message, file=sys.stderr)
    if hint:
        print(f"hint: {hint}", file=sys.stderr)
