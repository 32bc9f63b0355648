"""Offline work on a bank: nothing here takes part in an audit.

error_rates   the judge's error rates on held-out roots, compared with simpler methods
attacked      what the judge says of models that were attacked
methods       the judge and these methods, and what they are rated by
phylolm       one of them: how often two models continue prompts alike
weight_based  more of them, which compare weights
parents       how often a documented parent is the nearest neighbour on the tree
pairs         how far apart each mechanism leaves a model and its parent
"""
