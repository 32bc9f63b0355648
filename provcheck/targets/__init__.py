"""Targets: from what the user typed to something that can be measured, `find_target(model, options) -> Target`.

A kind of target is one file with a function `find(model, options) -> Target | None`, and one line in `KINDS`.

    target        what a target must do
    saved         a measurement file: nothing can be measured anew
    endpoint      a model behind a server: log-probabilities alone
    local         a folder or a Hub repository, an adapter, a GGUF file, the demo
    resolution    which files a name means, and what they say the model is
    hub           one commit of a Hub repository, from the network or from the local cache
    model_files   where files lie; bounded reading, digests, and whether they stayed as they were
    ranged_files  weight files on the Hub that are fetched in part, and the tensors in them
    range_requests  one such file: HTTP range requests, retried and checked
    weight_files  which weight files count, whether they are whole, their sizes
    gguf          one file that holds weights, config and tokenizer
    configs       what config.json says, and whether that is a causal language model
    adapters      which adapters can be measured, by what adapter_config.json says
    bases         the base model that a subject is claimed to descend from
    companions    what lies beside the weights: digests, and the kind of tokenizer
    token_texts   the texts of its tokens
    token_growth  whether a tokenizer adds so much to a text that tokens would fill the memory
    makeup        what may be odd about the files: the numbers that signs of disguise rest on
    looks         those of the stored tensors
    token_facts   those of tokenizer.json
    cards         license and base model that the model card declares

Everything that is read here is untrusted input: sizes are bounded, names stay inside the folder, and nothing is run or
unpickled. Symlinks are followed: the Hub's cache is made of them, and in a folder its owner made them. Neither torch
nor transformers is imported before it is needed.
"""

from __future__ import annotations

from importlib import import_module

from provcheck.errors import SubjectNotFound
from provcheck.targets.target import DEMO, FindOptions, OpenTarget, RunsOn, Target

__all__ = ["DEMO", "KINDS", "FindOptions", "OpenTarget", "RunsOn", "Target", "find_target"]

KINDS = {
    "measurement file": "provcheck.targets.saved:find",
    "endpoint": "provcheck.targets.endpoint:find",
    "model": "provcheck.targets.local:find",
}
"""Kind -> module and function. The first kind that recognizes the name takes it; the last one takes every name."""


def find_target(model: str, options: FindOptions | None = None) -> Target:
    """Find what the user named. Raises SubjectError or MeasurementFileError with a hint where it cannot be used."""
    for place in KINDS.values():
        module, _, function = place.partition(":")
        found: Target | None = getattr(import_module(module), function)(model, options or FindOptions())
        if found is not None:
            return found
    raise SubjectNotFound(f"'{model}' is no model", "Give a folder or a Hub id such as org/name.")
