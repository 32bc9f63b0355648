"""From what the user typed to a model that can be loaded: `resolve(model) -> Loadable`.

    resolution   the flow, for a full model and for an adapter
    location     is it a folder or a Hub id
    places       which files lie there
    hub          one commit of a Hub repository, from the network or from the local cache
    stamps       whether the files stayed as they were
    weights      which weight files count, their digests and sizes
    headers      is a safetensors file whole
    ggufs        one file that holds weights, config and tokenizer
    gguf_headers is its header one that its reader gets through
    configs      what config.json says, and whether that is a causal language model
    tokenization which kind of tokenizer
    companions   digests of what lies beside the weights
    cards        licence and base model that the model card declares
    files        bounded, forgiving reading of files that nobody vouches for

Everything that is read here was written by strangers: sizes are bounded, names stay inside the folder, and nothing is
run or unpickled. Links are followed: the Hub's cache is made of them, and in a folder its owner made them. Neither
torch nor transformers is imported before it is needed.
"""

from provcheck.subject.resolution import resolve

__all__ = ["resolve"]
