"""Pictures of a report as SVG, drawn by matplotlib: a module for each kind.

tree_picture, map_picture  the lineage tree, and the bank with the subject in it
dots, histogram, heat_map  charts of the signals: rows of values on one axis; counts with a limit; shades of a table
xy_plot                    points and lines on two axes, for studies
sheet, svg, palette        what they are drawn on, what becomes of matplotlib's SVG, and colours
newick                     trees in Newick format, read
labels                     names that fit, and where there is room for them

Names of models come from strangers: in an SVG they never reach matplotlib, but are put into the finished file as text;
in a figure they are no formulas. matplotlib is slow to import: import these modules only where a picture is drawn.
"""

import logging

from provcheck.signals.describing import Chart, DotChart, Histogram

logging.getLogger("matplotlib").setLevel(logging.ERROR)  # before its import, which may log about folders and fonts


def draw(name: str, chart: Chart, *, standalone: bool = False) -> str:
    """A chart as SVG; `name` prefixes its ids, and is unique on a page. Raises ValueError if it cannot be drawn.

    `standalone` gives a complete file with its own colours, else a fragment in the colours of the page around it.
    """
    from provcheck.rendering.pictures.dots import dots_svg
    from provcheck.rendering.pictures.heat_map import heat_map_svg
    from provcheck.rendering.pictures.histogram import histogram_svg

    if isinstance(chart, DotChart):
        return dots_svg(name, chart, standalone=standalone)
    if isinstance(chart, Histogram):
        return histogram_svg(name, chart, standalone=standalone)
    return heat_map_svg(name, chart, standalone=standalone)
