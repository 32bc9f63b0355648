"""The recipe of the zoo: small language models whose lineage is known because we trained every one of them.

`zoo.yaml` lists every model, its parents and what was done to them. The flow is one way:

    plan (the yaml) -> runner (worker processes) -> mechanisms (what was done) -> folder (a Hugging Face model folder)

Corpora come from a folder given on the command line; the recipe holds no text and no weights.
"""
