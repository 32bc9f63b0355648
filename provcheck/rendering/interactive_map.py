"""The map of a bank as one page to look around in: zoom, evidence under the pointer, families on and off, search.

Needs plotly, which is not installed by default: `pip install 'provcheck[interactive]'`. Its script comes along in the
page, which loads nothing; names of models come from strangers and stay text.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from importlib.util import find_spec
from typing import Any

from markupsafe import Markup

from provcheck import wording
from provcheck.errors import UsageError
from provcheck.io.data import templates_folder
from provcheck.io.text import plain, short_name
from provcheck.rendering.html_report import fill
from provcheck.rendering.pictures.map_picture import describe_map, looks_of
from provcheck.rendering.pictures.palette import FONT, KIN
from provcheck.types import MapPoint

MARKERS = {"o": "circle", "s": "square", "^": "triangle-up", "D": "diamond", "*": "star"}
"""plotly's names of the shapes on the drawn map."""

SUBJECT, ALONE = "this model", "single models"
"""What the legend calls the subject, and the families of one model."""


@dataclass(frozen=True)
class Spot:
    """A model on the map with what is known of it; distances are those that the map is made from."""

    point: MapPoint
    mechanism: str | None
    parents: tuple[str, ...]
    nearest: str
    nearest_distance: float
    subject_distance: float | None
    """None where the map shows no subject, and of the subject itself."""


def check_plotly() -> None:
    """Raises UsageError where plotly is not installed."""
    if find_spec("plotly") is None:
        raise UsageError(
            "an interactive map needs the package plotly", "install it with `pip install 'provcheck[interactive]'`"
        )


def map_page(spots: Sequence[Spot], bank: str, distances: str) -> str:
    """The page as HTML; `distances` names what the distances are. Raises UsageError where plotly is not installed."""
    check_plotly()
    from plotly.offline import get_plotlyjs

    scripts = [Markup(get_plotlyjs()), Markup((templates_folder() / "map.js").read_text("utf-8"))]  # noqa: S704
    return fill(
        "map.html.j2",
        bank=plain(bank),
        description=plain(describe_map([one.point for one in spots])),
        distances=distances,
        figure=Markup(_in_script(_figure(spots))),  # noqa: S704 - holds no `<`
        scripts=scripts,
        hashes=[_hash(script) for script in scripts],
    )


def _figure(spots: Sequence[Spot]) -> str:
    """plotly's figure as JSON: a trace for each family, one for single models, the subject on top."""
    from plotly.graph_objects import Figure, Scatter

    looks = looks_of([one.point for one in spots])
    several = {family for family in looks if family and sum(_is_of(one, family) for one in spots) > 1}
    groups: dict[str, list[Spot]] = {}
    for one in sorted(spots, key=lambda one: (one.point.subject, one.point.family or "")):
        family = one.point.family
        name = SUBJECT if one.point.subject else family if family in several else ALONE
        groups.setdefault(name or ALONE, []).append(one)
    figure = Figure([Scatter(**_trace(name, group, looks)) for name, group in groups.items()])
    axis: dict[str, Any] = {"visible": False, "zeroline": False}
    figure.update_layout(
        template="none",
        xaxis=axis,
        yaxis=axis | {"scaleanchor": "x"},
        dragmode="pan",
        hovermode="closest",
        hoverlabel={"align": "left", "font": {"family": FONT}},
        legend={"title": {"text": "families"}, "font": {"family": FONT}},
        margin={"l": 8, "r": 8, "t": 36, "b": 8},
    )
    return str(figure.to_json())


def _trace(name: str, spots: Sequence[Spot], looks: Any) -> dict[str, Any]:
    colour, shape, size = (KIN, "*", 11.0) if name == SUBJECT else looks[spots[0].point.family]
    return {
        "mode": "markers",
        "name": _shown(name),
        "x": [one.point.x for one in spots],
        "y": [one.point.y for one in spots],
        "customdata": [_search_text(one) for one in spots],
        "hovertext": ["<br>".join(_hover(one)) for one in spots],
        "hoverinfo": "text",
        "marker": {
            "color": colour,
            "symbol": MARKERS[shape],
            "size": 1.6 * size,
            "line": {"color": "#fff", "width": 1},
        },
    }


def _hover(one: Spot) -> Iterable[str]:
    """What is written under the pointer, line by line."""
    yield f"<b>{_shown(one.point.id)}</b>"
    yield f"family: {_shown(one.point.family or 'not known')}"
    if one.mechanism:
        yield f"mechanism: {_shown(one.mechanism)}"
    if one.parents:
        yield f"parents: {', '.join(map(_shown, one.parents))}"
    yield f"nearest: {_shown(one.nearest)}, at {_shown(wording.number(one.nearest_distance))}"
    if one.subject_distance is not None:
        yield f"distance to this model: {_shown(wording.number(one.subject_distance))}"


def _search_text(one: Spot) -> str:
    parts = (one.point.id, one.point.family, one.mechanism, *one.parents)
    return " ".join(plain(part) for part in parts if part).lower()


def _is_of(one: Spot, family: str) -> bool:
    return one.point.family == family and not one.point.subject


def _shown(text: str) -> str:
    """A name or number in a label, where plotly reads a few tags of HTML."""
    return escape(plain(short_name(text)), quote=False)


def _in_script(text: str) -> str:
    """JSON that cannot end the script it stands in."""
    return json.dumps(json.loads(text)).replace("<", "\\u003c")


def _hash(script: str) -> str:
    return b64encode(sha256(script.encode()).digest()).decode()
