"""Where the common options come from: the command line, else PROVCHECK_* variables, else [tool.provcheck] in
pyproject.toml, else the default.

Typer decides which counts: a common option names its variable, and the file becomes the default map of its context. The
nearest pyproject.toml with such a table counts, from the working directory upwards.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typer

from provcheck.io.spelling import did_you_mean
from provcheck.io.text import plain, reason, shown

FILE, TABLE = "pyproject.toml", "[tool.provcheck]"
MAX_BYTES = 1_000_000
PREFIX = "PROVCHECK_"
OTHER_VARIABLES = ("PROVCHECK_CACHE", "PROVCHECK_KEY_PASSPHRASE", "PROVCHECK_ENDPOINT_KEY")
"""Read elsewhere, and no options."""

PATHS = {"bank", "policy", "out", "probes", "reference"}
"""Keys whose values may be paths; relative ones start at the folder of the file."""


@dataclass(frozen=True)
class Settings:
    """What [tool.provcheck] says; `fault`: what is wrong with it or with the variables, and what to do next."""

    file: Path | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    fault: tuple[str, str] | None = None


def variable_of(option: str) -> str:
    """PROVCHECK_CLAIMED_BASE for --claimed-base."""
    return PREFIX + key_of(option).upper().replace("-", "_")


def key_of(option: str) -> str:
    """`claimed-base` for --claimed-base, `offline` for --offline/--no-offline."""
    return option.partition("/")[0].removeprefix("--")


def apply_settings(context: typer.Context) -> None:
    """Read file and variables, and make what the file says the default of every common option of every command.

    A fault is kept for `check_settings`, so that --help always works.
    """
    command: Any = context.command
    common = _common(command)
    file, values, fault = _read()
    fault = fault or _check_values(file, values, common, _other_keys(command)) or _check_variables(common)
    context.obj = Settings(file, {} if fault else values, fault)
    context.default_map = _defaults(command, context.obj)


def check_settings(context: typer.Context) -> None:
    """Raise UsageError where the settings are faulty."""
    from provcheck.errors import UsageError

    settings = context.find_object(Settings)
    if settings is not None and settings.fault:
        raise UsageError(*settings.fault)


def shown_file(file: Path) -> str:
    """The file as people would call it from here."""
    return plain(FILE if file.parent == Path.cwd() else shown(file))


def _read() -> tuple[Path | None, Mapping[str, Any], tuple[str, str] | None]:
    """The nearest file with the table, what the table holds, and what is wrong with the file."""
    try:
        here = Path.cwd()
    except OSError:
        return None, {}, None
    for folder in (here, *here.parents):
        file = folder / FILE
        if not os.path.isfile(file):  # noqa: PTH113 - Path.is_file raises where it may not look
            continue
        try:
            tool = _parsed(file).get("tool", {})
        except (OSError, ValueError, RecursionError) as error:
            return file, {}, (f"{shown_file(file)} cannot be read: {reason(error)}", "correct it, or work elsewhere")
        found = tool.get("provcheck") if isinstance(tool, dict) else None
        if isinstance(found, dict):
            return file, found, None
        if found is not None:
            return file, {}, (f"{shown_file(file)}: {TABLE} must be a table of `key = value` lines", "")
    return None, {}, None


def _parsed(file: Path) -> dict[str, Any]:
    if file.stat().st_size > MAX_BYTES:
        raise ValueError(f"it is larger than {MAX_BYTES // 1_000_000} MB")
    return tomllib.loads(file.read_bytes().decode("utf-8-sig"))


def _check_values(
    file: Path | None, values: Mapping[str, Any], common: Mapping[str, Any], others: set[str]
) -> tuple[str, str] | None:
    """The first fault of the table."""
    where = f"{shown_file(file)}, {TABLE}" if file else ""
    for key, value in values.items():
        if key not in common and key in others:
            return f"{where}: --{key} is for the command line only", f"keys: {', '.join(sorted(common))}"
        if key not in common:
            near = did_you_mean(key, common)
            return f"{where}: there is no key {plain(key)!r}{near}", f"keys: {', '.join(sorted(common))}"
        if problem := _wrong_type(common[key], key, value):
            return f"{where}: {key} must be {problem}, not {plain(repr(value)[:80])}", ""
    return None


def _wrong_type(option: Any, key: str, value: Any) -> str:
    """What the value must be; empty where it is."""
    texts = isinstance(value, list) and all(isinstance(one, str) for one in value)
    if option.is_flag:
        return "" if isinstance(value, bool) else "true or false"
    if option.multiple or key == "signals":
        return "" if texts or isinstance(value, str) else "text or a list of texts"
    return "" if isinstance(value, str) else "text in quotes"


def _check_variables(common: Mapping[str, Any]) -> tuple[str, str] | None:
    """The first PROVCHECK_* variable that nothing reads: a typo must not drop a setting silently."""
    known = [*(option.envvar for option in common.values()), *OTHER_VARIABLES]
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in known:
            near = did_you_mean(name, known)
            return f"no option reads the environment variable {plain(name)}{near}", f"variables: {', '.join(known)}"
    return None


def _defaults(command: Any, settings: Settings) -> dict[str, Any]:
    """What typer wants: by subcommand, then by parameter."""
    found: dict[str, Any] = {name: _defaults(one, settings) for name, one in _subcommands(command).items()}
    for option in command.params:
        if is_common(option) and (key := key_of(option.opts[0])) in settings.values:
            found[option.name] = _value(option, key, settings)
    return found


def _value(option: Any, key: str, settings: Settings) -> Any:
    value = settings.values[key]
    if key == "signals":
        return value if isinstance(value, str) else ",".join(value)
    if option.multiple:
        return [_from_here(key, one, settings) for one in ([value] if isinstance(value, str) else value)]
    return _from_here(key, value, settings)


def _from_here(key: str, value: Any, settings: Settings) -> Any:
    """A path in a file further up, as seen from the working directory; names of what ships stay as they are.

    `~` is the home folder, for which a shell stands in on the command line.
    """
    if key not in PATHS or settings.file is None:
        return value
    value = os.path.expanduser(value)  # noqa: PTH111 - Path.expanduser raises for a user that there is not
    path = settings.file.parent / value
    is_path = key == "out" or (any(sign in value for sign in "/\\.") and path.exists())
    stays = settings.file.parent == Path.cwd() or path == Path(value) or value == "-"
    return os.path.relpath(path) if is_path and not stays else value


def _common(command: Any) -> dict[str, Any]:
    """Every common option of a command and its subcommands, by key."""
    found = {key_of(one.opts[0]): one for one in command.params if is_common(one)}
    for one in _subcommands(command).values():
        found |= _common(one)
    return found


def _other_keys(command: Any) -> set[str]:
    """The keys that all other options would have."""
    found = {key_of(name) for one in command.params for name in one.opts if name.startswith("--")}
    return found.union(*map(_other_keys, _subcommands(command).values()))


def _subcommands(command: Any) -> dict[str, Any]:
    return getattr(command, "commands", {})


def is_common(parameter: Any) -> bool:
    """Whether a parameter of a command is a common option."""
    return str(getattr(parameter, "envvar", "") or "").startswith(PREFIX)
