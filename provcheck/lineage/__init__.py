"""The lineage tree and the map of a bank, both from the mean distances of the signals that give such.

leaves     which models are shown: subject, nearest references, one of each family; or a whole bank
trees      Neighbor-Joining and hierarchical clustering; splits of a tree, who is nearest on it, and its Newick text
placement  a tree with bootstrap support, and the subject's place on it: a Lineage
tsne       the map
matrix     the distances of all references of a bank
keeping    trees and maps that were made before
"""

from provcheck.lineage.leaves import Leaves, gather, nearby, whole
from provcheck.lineage.placement import RESAMPLES, grow, place
from provcheck.lineage.trees import Method
from provcheck.lineage.tsne import draw_map, project

__all__ = ["RESAMPLES", "Leaves", "Method", "draw_map", "gather", "grow", "nearby", "place", "project", "whole"]
