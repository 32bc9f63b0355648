"""Attacks on the verdict: what one would do to a model folder to hide where its weights come from.

    python -m reference_embeddings.attacks MODEL

`attack.py` says what an attack is, `on_weights.py` and `on_files.py` build them, `suite.py` lists them, and
`judging.py` measures what is left of the function and of the evidence.
"""
