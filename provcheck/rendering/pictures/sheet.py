"""A sheet to draw on, measured in CSS pixels.

matplotlib draws the shapes and knows where words go, but not what they say: each is drawn as a placeholder and
filled in afterwards, so that no name is read as a formula, misses a glyph, or becomes markup. A figure for other
programs has its words in matplotlib's own letters.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.text import Text

from provcheck.io.text import plain
from provcheck.rendering.pictures.palette import FONT, INK, MARK, PAPER, SIZE, SMALL, SOFT
from provcheck.rendering.pictures.svg import PLACEHOLDER, PLACEHOLDER_OF, cleaned, element, use_page_colours

STYLE: Any = {"svg.fonttype": "none", "svg.hashsalt": "provcheck", "font.family": "sans-serif"}
SILENT = dict.fromkeys(("Date", "Creator", "Format", "Type"))
"""Metadata that is left out because it may differ from one run to the next."""


class Sheet:
    """A picture of `width` by `height` pixels; `name` prefixes its ids and is unique on a page."""

    def __init__(self, name: str, width: float, height: float) -> None:
        self.name, self.width, self.height = name, width, height
        self.figure = Figure(figsize=(width / 72, height / 72), dpi=72, frameon=False)
        self._words: list[str] = []

    def field(self, left: float = 0, top: float = 0, right: float = 0, bottom: float = 0) -> Axes:
        """Axes without a frame inside these margins; one unit is a pixel and y grows downwards, until set otherwise."""
        width, height = self.width - left - right, self.height - top - bottom
        place = (left / self.width, bottom / self.height, width / self.width, height / self.height)
        axes = self.figure.add_axes(place, frameon=False)
        axes.set(xlim=(0, width), ylim=(height, 0), xticks=[], yticks=[])
        return axes

    def chart(self, left: float, top: float, right: float, bottom: float) -> Axes:
        """Axes inside these margins with a line below and ticks on it, for numbers."""
        axes = self.field(left, top, right, bottom)
        axes.set_frame_on(True)
        axes.patch.set_visible(False)
        axes.spines[["top", "left", "right"]].set_visible(False)
        axes.spines["bottom"].set(color=MARK, linewidth=1)
        axes.tick_params(color=MARK, labelcolor=SOFT, labelsize=SMALL, length=4, width=1)
        return axes

    def ticks(self, axes: Axes, ticks: Mapping[float, str], label: str) -> None:
        """Label the line below and its ticks."""
        axes.set_xticks(list(ticks), [self.words(text) for text in ticks.values()], minor=False)
        axes.set_xticks([], minor=True)
        axes.set_xlabel(self.words(label), color=SOFT, fontsize=SMALL, labelpad=7)

    def write(
        self, axes: Axes, at: tuple[float, float], words: str, *, colour: str = INK, small: bool = False, **how: Any
    ) -> None:
        """Put words into the axes; `how` is matplotlib's `ha`, `va` and `weight`."""
        axes.text(
            *at, self.words(words), color=colour, fontsize=SMALL if small else SIZE, **({"va": "center_baseline"} | how)
        )

    def words(self, words: str) -> str:
        """A placeholder that becomes these words."""
        self._words.append(plain(words))
        return PLACEHOLDER.format(len(self._words) - 1)

    def svg(self, title: str, description: str, *, standalone: bool) -> str:
        """The picture with a description for screen readers, in light colors or in those of the page around it."""
        root = cleaned(self._drawn(), self.name, self._words)
        root.attrib = {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {self.width:g} {self.height:g}",
            "width": f"{self.width:g}",
            "height": f"{self.height:g}",
            "role": "img",
            "aria-labelledby": f"{self.name}-title {self.name}-words",
        }
        root.insert(0, element("title", plain(title), id=f"{self.name}-title"))
        root.insert(1, element("desc", plain(description), id=f"{self.name}-words"))
        if not standalone:
            use_page_colours(root)
            return ET.tostring(root, encoding="unicode")
        root.set("font-family", FONT)
        root.insert(2, ET.Element("rect", {"width": "100%", "height": "100%", "fill": PAPER}))
        return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"

    def finished(self) -> Figure:
        """The figure with its words in place, on paper of its own; after this the sheet gives no SVG any more."""
        for text in self.figure.findobj(Text):
            if placeholder := PLACEHOLDER_OF.fullmatch(text.get_text()):
                text.set(text=self._words[int(placeholder[1])], parse_math=False)
        self.figure.set(frameon=True, facecolor=PAPER)
        return self.figure

    def _drawn(self) -> str:
        file = io.StringIO()
        with matplotlib.rc_context(STYLE):
            FigureCanvasSVG(self.figure).print_figure(file, format="svg", metadata=SILENT)
        return file.getvalue()
