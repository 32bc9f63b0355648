"""matplotlib's SVG made fit for a page whose security policy allows no style attributes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from provcheck.rendering.pictures.palette import PAPER, VARIABLES

PLACEHOLDER = "words-{}"
PLACEHOLDER_OF = re.compile(r"words-(\d+)")
HALO = {"stroke": PAPER, "stroke-width": "2", "stroke-linejoin": "round", "paint-order": "stroke"}
"""A halo around letters, so that they can be read where they cross a line."""

_LINK = "{http://www.w3.org/1999/xlink}href"
_LONG_NUMBER = re.compile(r"\d+\.\d{3,}")
_DROPPED = {"style", "id", "transform", "font-family", "font", "version"}
_COLOURED = ("fill", "stroke")
_PAGE_COLOURS = {colour: f"var(--{name})" for name, colour in VARIABLES.items()}


def cleaned(drawn: str, prefix: str, words: Sequence[str]) -> ET.Element:
    """The drawing with attributes in place of styles, unique ids, and `words` in place of their placeholders."""
    root = ET.fromstring(drawn)  # noqa: S314 - matplotlib wrote it a moment ago, and it holds no untrusted text
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        _clean(element, prefix, words)
    _drop(root, {"style", "metadata"})
    _flatten(root)
    return root


def use_page_colours(root: ET.Element) -> None:
    """Replace the light colors by the page's variables."""
    for element in root.iter():
        for attribute in _COLOURED:
            if element.get(attribute) in _PAGE_COLOURS:
                element.set(attribute, _PAGE_COLOURS[element.attrib[attribute]])


def element(tag: str, text: str, **attributes: str) -> ET.Element:
    """An element that holds a text."""
    made = ET.Element(tag, attributes)
    made.text = text
    return made


def _clean(element: ET.Element, prefix: str, words: Sequence[str]) -> None:
    attributes = {key: value for key, value in element.attrib.items() if key not in _DROPPED}
    attributes |= {key: value for key, value in _style(element) if key not in _DROPPED}
    if (target := attributes.pop(_LINK, None)) is not None:
        attributes["href"] = f"#{prefix}-{target[1:]}"
    if element.tag == "path" and "id" in element.attrib:
        attributes["id"] = f"{prefix}-{element.attrib['id']}"
    element.attrib = {key: " ".join(_LONG_NUMBER.sub(_short, value).split()) for key, value in attributes.items()}
    if element.tag == "text":
        element.text = words[int((element.text or "").rpartition("-")[2])]
        element.attrib |= HALO
    else:
        element.text = None
    element.tail = None


def _style(element: ET.Element) -> list[tuple[str, str]]:
    pairs = (pair.partition(":") for pair in element.get("style", "").split(";") if pair.strip())
    return [(key.strip(), value.strip()) for key, _, value in pairs]


def _short(number: re.Match[str]) -> str:
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")


def _drop(root: ET.Element, tags: set[str]) -> None:
    for parent in list(root.iter()):
        for child in [child for child in parent if child.tag in tags]:
            parent.remove(child)


def _flatten(root: ET.Element) -> None:
    """Take out groups and definitions that hold nothing or say nothing."""
    for parent in reversed(list(root.iter())):
        kept: list[ET.Element] = []
        for child in parent:
            idle = (child.tag == "g" and not child.attrib) or (child.tag == "defs" and not len(child))
            kept += list(child) if idle else [child]
        parent[:] = kept
