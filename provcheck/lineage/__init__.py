"""The lineage tree and the map of a bank, both from ABLE contrast distances (ABLE paper, section 4.2).

tips        which models are shown: subject, nearest references, one of each family; or a whole bank
trees       Neighbor-Joining and hierarchical clustering; splits of a tree, and who is nearest on it
bootstrap   support of the edges, from resampled blocks of questions
newick      a tree as text
placement   all of these: a Lineage
atlas       the map: t-SNE
assessment  how often a reference's documented parent is its nearest neighbour on the tree
"""

from provcheck.lineage.atlas import draw_map, project
from provcheck.lineage.placement import RESAMPLES, grow, place
from provcheck.lineage.tips import Tips, gather, nearby, whole
from provcheck.lineage.trees import Method

__all__ = ["RESAMPLES", "Method", "Tips", "draw_map", "gather", "grow", "nearby", "place", "project", "whole"]
