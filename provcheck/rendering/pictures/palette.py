"""Colours, by the names that they have in the page's style, and sizes in CSS pixels."""

from __future__ import annotations

PAPER, INK, SOFT, MARK, LINE = "#fdfdfb", "#1c1f23", "#545a61", "#7c8792", "#d5d5cd"
KIN = "#5b2a91"
HUES = ("#1f6fb4", "#b25a00", "#0f7b6c", "#a8327d", "#667000", "#4d55b0")
VARIABLES = {
    "paper": PAPER,
    "ink": INK,
    "soft": SOFT,
    "mark": MARK,
    "line": LINE,
    "kin": KIN,
    **{f"hue{number}": hue for number, hue in enumerate(HUES, 1)},
}
"""The light colours of `report.css`; a picture in a file of its own keeps them as they are."""

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'
SIZE, SMALL = 13.0, 11.0
"""Heights of letters."""

BOLD = 1.1
"""How much wider bold letters are."""
