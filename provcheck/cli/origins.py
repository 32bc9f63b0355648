"""Where the value of each common option came from, as users read it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from provcheck.cli.settings import TABLE, Settings, check_settings, is_common, key_of, shown_file
from provcheck.io.text import plain

GIVEN, DEFAULT = "the command line", "default"


@contextmanager
def configured(context: typer.Context) -> Iterator[None]:
    """Refuse faulty settings before a command, and add to the hint of its errors which options others have set.

    Raises UsageError.
    """
    from provcheck.errors import ProvcheckError

    check_settings(context)
    try:
        yield
    except ProvcheckError as error:
        if note := settings_note(context):
            error.hint = f"{error.hint.rstrip('.')}; note the {note}".removeprefix("; ")
        raise


def settings_note(context: typer.Context) -> str:
    """`settings: bank, policy from pyproject.toml; device from PROVCHECK_DEVICE`; empty where there are none."""
    by_origin: dict[str, list[str]] = {}
    for key, _, origin in listed_settings(context):
        by_origin.setdefault(origin, []).append(key)
    found = [f"{', '.join(keys)} from {origin}" for origin, keys in by_origin.items() if origin not in (GIVEN, DEFAULT)]
    return f"settings: {'; '.join(found)}" if found else ""


def described_settings(context: typer.Context) -> list[tuple[bool, str]]:
    """A line for each common option of an audit: its value, and where that comes from; or what is wrong with them."""
    from typer.exceptions import TyperException

    settings, root = context.find_object(Settings), context.find_root()
    if settings and settings.fault:
        return [(False, settings.fault[0])]
    commands: Any = root.command
    try:
        audit = commands.commands["audit"].make_context("audit", ["demo"], parent=root)
    except TyperException as error:
        return [(False, f"{error.format_message()}{place_of_fault(error)}")]
    return [(True, f"{key}: {_in_words(key, value)} ({origin})") for key, value, origin in listed_settings(audit)]


def _in_words(key: str, value: Any) -> str:
    """`json, html`, `yes`; where there is no value, what that means."""
    from provcheck.io import data

    if isinstance(value, bool):
        return "yes" if value else "no"
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value or "")
    unset = {"bank": data.DEFAULT_BANK, "signals": "all", "memory": "what is free"}
    return plain(text) or unset.get(key, "none")


def place_of_fault(error: Any) -> str:
    """` (pyproject.toml)` where typer refuses a value of the file; it names variables itself."""
    context, option = getattr(error, "ctx", None), getattr(error, "param", None)
    if context is None or option is None or origin_of(context, option) in (GIVEN, DEFAULT, str(option.envvar)):
        return ""
    return f" ({origin_of(context, option)}, {TABLE})"


def listed_settings(context: typer.Context) -> list[tuple[str, Any, str]]:
    """Key, value and origin of each common option of a command that was parsed."""
    command: Any = context.command
    return [
        (key_of(one.opts[0]), context.params.get(one.name), origin_of(context, one))
        for one in command.params
        if is_common(one)
    ]


def origin_of(context: typer.Context, option: Any) -> str:
    """`pyproject.toml`, `PROVCHECK_BANK`, GIVEN or DEFAULT."""
    source = context.get_parameter_source(option.name)
    settings = context.find_object(Settings)
    name = source.name if source else ""
    if name == "DEFAULT_MAP" and settings and settings.file:
        return shown_file(settings.file)
    return {"COMMANDLINE": GIVEN, "ENVIRONMENT": str(option.envvar)}.get(name, DEFAULT)
