"""Offline work on a bank: nothing here takes part in an audit.

error_rates   the judge's error rates on held-out roots, compared with simpler methods
phylolm       one of these methods: how often two models continue prompts alike
weight_based  more of these methods, which compare weights
parents       how often a documented parent is the nearest neighbour on the tree
pairs         how far apart each mechanism leaves a model and its parent
"""
