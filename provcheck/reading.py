"""Reading files that nobody vouches for: bounded in bytes, depth and time; all that fails is OSError or ValueError."""

from __future__ import annotations

import errno
import json
import re
import stat
import unicodedata
from collections.abc import Hashable
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

MAX_TEXT = 200
"""Characters kept of a foreign text."""

MAX_VALUES = 2_000_000
"""Of a JSON file: those of the manifest of a bank of 80,000 references."""

MAX_FAULTS = 10_000


def is_file(name: str | Path) -> bool:
    """Whether there is a plain file of that name; False where the system refuses to look (no right to, too long).

    In a text, `~` is the home folder; a path is taken as it is.
    """
    try:
        return (Path(name).expanduser() if isinstance(name, str) else name).is_file()
    except (OSError, ValueError, RuntimeError):
        return False


def existing_folder(name: str) -> Path | None:
    """The folder of that name; None if there is none or the system refuses to look (no right to, name too long)."""
    try:
        path = Path(name).expanduser()
        return path if path.is_dir() else None
    except (OSError, ValueError, RuntimeError):
        return None


def read_bounded(path: Path, limit: int) -> bytes:
    """The content of a plain file of at most `limit` bytes; OSError for anything else, and nothing waits for a pipe."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is not a plain file")
    if found.st_size > limit:
        raise OSError(errno.EFBIG, f"it is larger than {limit // 1_000_000 or limit / 1_000_000} MB")
    with path.open("rb") as file:
        return file.read(limit)


def parse_json(content: bytes, values: int = MAX_VALUES) -> Any:
    """The value of a JSON text. Raises ValueError, also for more than about so many values, which take up memory.

    For records: pydantic's own reader copies a foreign document once for each field that it lacks.
    """
    if sum(map(content.count, (b",", b"[", b"{"))) > values:
        raise ValueError(f"it holds more than {values:,} values")
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"it is not valid JSON: {error}") from None


def read_yaml(path: Path, limit: int) -> Any:
    """The value of a YAML file. Raises OSError, or ValueError with the place of the fault.

    Aliases are refused: a few lines of them can stand for billions of entries. So are keys that occur twice, of which
    each reader may believe another one. PyYAML's own loader is used and not libyaml's, which deep nesting crashes.
    """
    try:
        return yaml.load(read_bounded(path, limit).decode("utf-8-sig"), Loader=_Loader)  # noqa: S506
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}: " if mark else ""
        raise ValueError(place + (error.problem or "it is not valid YAML")) from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    except (yaml.YAMLError, OverflowError) as error:
        raise ValueError(str(error).splitlines()[0]) from None


def first_fault(error: ValueError) -> str:
    """Where a text is not JSON, or a record does not follow its schema, and why: one short line."""
    if not isinstance(error, ValidationError):
        return reason(error)
    if error.error_count() > MAX_FAULTS:  # each would be described before the first can be read
        return f"it does not follow the schema in {error.error_count():,} places"
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part)[:MAX_TEXT] for part in first["loc"][:8])
    return clean(f"{where}: {first['msg']}" if where else first["msg"]) or "it does not follow the schema"


def shown(path: Path) -> str:
    """The path with `~` for the home folder, so that output shows no user's name."""
    with suppress(ValueError, RuntimeError):
        return str(Path("~") / path.absolute().relative_to(Path.home()))
    return str(path)


def reason(error: Exception) -> str:
    """What an exception says, without the path it may name: one short line."""
    return clean(getattr(error, "strerror", None) or str(error)) or type(error).__name__


def clean(text: object) -> str | None:
    """A foreign text made safe to print: one bounded line without control or bidi characters; None if empty.

    Tokens of the Hub, and names with passwords in addresses, are taken out.
    """
    if not isinstance(text, str):
        return None
    kept = "".join(_printable(c) for c in text[: 10 * MAX_TEXT])
    return _SECRET.sub("", kept).strip()[:MAX_TEXT].strip() or None


def _printable(character: str) -> str:
    """The character, a plain space for other spaces, or nothing."""
    category = unicodedata.category(character)
    return "" if category in _UNPRINTABLE else " " if category == "Zs" else character


_SECRET = re.compile(r"\bhf_[A-Za-z0-9]{30,}|(?<=://)[^/@\s]*@")
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


class _Loader(yaml.SafeLoader):
    """SafeLoader without aliases and double keys."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Refuse an alias where a node begins."""
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="aliases (*name) are not supported", problem_mark=mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Refuse keys that occur twice."""
        keys = [(key.tag, key.value) for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if len(set(keys)) < len(keys):
            twice = next(key for place, key in enumerate(keys) if key in keys[:place])
            raise yaml.MarkedYAMLError(
                problem=f"the key '{twice[1][:MAX_TEXT]}' occurs twice", problem_mark=node.start_mark
            )
        return super().construct_mapping(node, deep)
