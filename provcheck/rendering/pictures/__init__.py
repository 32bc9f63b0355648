"""Pictures of a report as SVG, drawn by matplotlib; each module draws one kind.

`sheet` holds paper and colours, `newick` reads trees. Names of models come from strangers: they never reach matplotlib,
but are put into the finished SVG as text. matplotlib and scikit-bio are slow to import: import these modules only where
a picture is drawn.
"""
