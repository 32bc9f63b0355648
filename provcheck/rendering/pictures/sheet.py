"""A sheet to draw on, measured in CSS pixels.

matplotlib draws the shapes and knows where words go, but not what they say: each is drawn as a placeholder and
filled in afterwards, so that no name is read as a formula, misses a glyph, or becomes markup. A figure for other
programs has its words in matplotlib's own letters.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any
from xml.etree import ElementTree as ET

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font
from matplotlib.patheffects import Normal, Stroke
from matplotlib.text import Text

from provcheck.io.text import plain
from provcheck.rendering.pictures.palette import FONT, INK, MARK, PAPER, SIZE, SMALL, SOFT
from provcheck.rendering.pictures.svg import HALO_WIDTH, PLACEHOLDER, PLACEHOLDER_OF, cleaned, element, use_page_colours

STYLE: Any = {"svg.fonttype": "none", "svg.hashsalt": "provcheck", "font.family": "sans-serif"}
SILENT = dict.fromkeys(("Date", "Creator", "Format", "Type"))
UNDATED: Any = {"png": {"Software": None}, "pdf": {"CreationDate": None, "Creator": None, "Producer": None}}
"""Metadata that is left out because it may differ from one run to the next."""

LINE_HEIGHT = 15.0
DPI = 216
"""Three pixels of an image for one of the sheet."""


class Sheet:
    """A picture of `width` by `height` pixels; `name` prefixes its ids and is unique on a page.

    `title` and `description` say in words what it shows, for those who cannot see it.
    """

    def __init__(self, name: str, width: float, height: float, title: str, description: str) -> None:
        self.name, self.width, self.height = name, width, height
        self.title, self.description = plain(title), plain(description)
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

    def ticks(self, axes: Axes, ticks: Mapping[float, str], label: Sequence[str]) -> None:
        """Label the ticks of the line below, and write what it measures at the foot of the sheet, line by line."""
        axes.set_xticks(list(ticks), [self.words(text) for text in ticks.values()], minor=False)
        axes.set_xticks([], minor=True)
        foot = self.field()
        for line, words in enumerate(reversed(label)):
            at = (self.width / 2, self.height - LINE_HEIGHT * (line + 0.5))
            self.write(foot, at, words, colour=SOFT, small=True, ha="center")

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

    def svg(self, *, standalone: bool) -> str:
        """The picture with its description for screen readers, in light colors or in those of the page around it."""
        root = cleaned(self._drawn(), self.name, self._words)
        root.attrib = {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {self.width:g} {self.height:g}",
            "width": f"{self.width:g}",
            "height": f"{self.height:g}",
            "role": "img",
            "aria-labelledby": f"{self.name}-title {self.name}-words",
        }
        root.insert(0, element("title", self.title, id=f"{self.name}-title"))
        root.insert(1, element("desc", self.description, id=f"{self.name}-words"))
        if not standalone:
            use_page_colours(root)
            return ET.tostring(root, encoding="unicode")
        root.set("font-family", FONT)
        root.insert(2, ET.Element("rect", {"width": "100%", "height": "100%", "fill": PAPER}))
        return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"

    def image(self, form: str) -> bytes:
        """The picture as `png` or `pdf`, in light colors."""
        # in a PDF a halo would make drawings of the letters, which no search finds
        figure, file = self.finished(halo=form == "png"), io.BytesIO()
        with matplotlib.rc_context(STYLE | {"pdf.fonttype": 42}):
            figure.savefig(file, format=form, dpi=DPI, metadata=UNDATED[form] | {"Title": self.title})
        return file.getvalue()

    def finished(self, *, halo: bool = False) -> Figure:
        """The figure with its words in place, on paper of its own; after this the sheet gives no SVG any more.

        Its letters are those of DejaVu Sans, which comes along. A sign that this font lacks is written as its number,
        such as \\u7d44.
        """
        for text in self.figure.findobj(Text):
            if placeholder := PLACEHOLDER_OF.fullmatch(text.get_text()):
                text.set(text=_in_font(self._words[int(placeholder[1])]), parse_math=False)
                if halo:
                    text.set_path_effects([Stroke(linewidth=HALO_WIDTH, foreground=PAPER), Normal()])
        self.figure.set(frameon=True, facecolor=PAPER)
        return self.figure

    def _drawn(self) -> str:
        file = io.StringIO()
        with matplotlib.rc_context(STYLE):
            FigureCanvasSVG(self.figure).print_figure(file, format="svg", metadata=SILENT)
        return file.getvalue()


@cache
def _letters() -> frozenset[int]:
    """What matplotlib's own font can write."""
    return frozenset(get_font(findfont("DejaVu Sans")).get_charmap())


def _in_font(words: str) -> str:
    return "".join(one if ord(one) in _letters() else f"\\u{ord(one):04x}" for one in words)
