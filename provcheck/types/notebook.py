"""Records in a notebook: as HTML, and as rows of a pandas DataFrame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from pydantic import BaseModel

NEAREST = 10
"""Rows that a notebook shows of a long table."""


def cell(value: object) -> str:
    """A value as HTML, its direction isolated: names come from strangers. A number is never rounded into 0 or 1."""
    if isinstance(value, float):
        return escape(_number(value))
    text = "" if value is None else str(value)
    shown = "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in text)
    return f"<bdi>{escape(shown)}</bdi>"


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table with one line of headings."""
    head = "".join(f"<th>{escape(one)}</th>" for one in headings)
    body = "".join(f"<tr>{''.join(f'<td>{cell(one)}</td>' for one in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def listed(sentences: Iterable[str]) -> str:
    """Sentences, one a line."""
    return f"<ul>{''.join(f'<li>{cell(one)}</li>' for one in sentences)}</ul>"


def flat(record: BaseModel, under: str = "") -> dict[str, Any]:
    """The single values of a record, and of the records in it, by their path: `able.contrast.cosine_distance`.

    Lists are left out. What was not measured is `NAME.not_measured`, with the reason.
    """
    found: dict[str, Any] = {}
    for name, value in record:
        path = f"{under}{name}"
        for inner, one in value.items() if isinstance(value, Mapping) else [("", value)]:
            here = f"{path}.{inner}" if inner else path
            if isinstance(one, BaseModel):
                found |= flat(one, f"{here}.")
            elif not isinstance(one, tuple | list):
                found[here] = one
    return found


def data_frame(data: Any, **how: Any) -> Any:
    """A pandas DataFrame. Raises ImportError, with what to do, where pandas is not installed."""
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError("to_frame() needs pandas: pip install 'provcheck[frames]'") from error
    return pd.DataFrame(data, **how)


def _number(value: float) -> str:
    text = f"{value:.3g}"
    if float(text) == value or float(text) not in (0.0, 1.0):
        return text
    return "> 0.999" if 0 < value < 1 and float(text) == 1 else repr(value)
