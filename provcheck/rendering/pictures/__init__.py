"""Pictures of a report as SVG, drawn by matplotlib: a module for each kind.

tree, map            the lineage tree, and the bank with the subject in it
null, scale          the subject's distance among independent pairs; its KL divergence on the papers' scale
agreement            distances by category of questions
sheet, svg, palette  what they are drawn on, what becomes of matplotlib's SVG, and colours
newick, dots         a tree laid out; rows of values on one axis
names, labels        names that fit, and where there is room for them

Names of models come from strangers: they never reach matplotlib, but are put into the finished SVG as text. matplotlib
and scikit-bio are slow to import: import these modules only where a picture is drawn.
"""

import logging

logging.getLogger("matplotlib").setLevel(logging.ERROR)  # before its import, which may speak of folders and fonts
