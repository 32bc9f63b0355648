"""Sampled continuations of a model, for the PhyloLM baseline: what it says next, in its own words.

PhyloLM (Yax et al., 2024) calls a prompt a gene and the first characters of a sampled continuation an allele; models
are compared by how often they give which allele. The bank keeps the samples, which are small; the models are not.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from provcheck.io.writing import write_whole

GENES = 64
SAMPLES = 16
ALLELE_CHARACTERS = 4
PROMPT_CHARACTERS = 40
NEW_TOKENS = 5
SEED = 20262

Alleles = list[dict[str, int]]
"""For each gene: how often each allele was sampled."""


def genes(texts: list[str]) -> list[str]:
    """64 prompts, evenly spaced over the texts: the whole words among the first 40 characters."""
    chosen = [texts[place * len(texts) // GENES] for place in range(GENES)]
    return [text[:PROMPT_CHARACTERS].rsplit(maxsplit=1)[0] for text in chosen]


def sample_kept(folder: Path, prompts: list[str]) -> Alleles:
    """The samples of an earlier run, which lie beside the model's folder, or new ones."""
    kept = folder.parent / ".samples" / f"{folder.name}.json"
    if not kept.exists():
        kept.parent.mkdir(exist_ok=True)
        write_whole(kept, json.dumps(sample(folder, prompts)).encode())
    alleles: Alleles = json.loads(kept.read_text(encoding="utf-8"))
    return alleles


@torch.inference_mode()
def sample(folder: Path, prompts: list[str]) -> Alleles:
    """16 continuations of every prompt at temperature 1, cut to their first 4 characters; the seed is fixed."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    encoded = [tokenizer(prompt, add_special_tokens=True)["input_ids"] for prompt in prompts]
    by_length: dict[int, list[int]] = defaultdict(list)
    for gene, ids in enumerate(encoded):
        by_length[len(ids)].append(gene)
    torch.manual_seed(SEED)
    alleles: Alleles = [{} for _ in prompts]
    for _, group in sorted(by_length.items()):
        for gene, counts in zip(group, _sample_group(model, tokenizer, [encoded[g] for g in group]), strict=True):
            alleles[gene] = counts
    return alleles


def _sample_group(model: Any, tokenizer: Any, prompts: list[list[int]]) -> Alleles:
    """Samples of prompts of one length, which need no padding."""
    ids = torch.tensor(prompts)
    said = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        do_sample=True,
        top_k=0,
        num_return_sequences=SAMPLES,
        max_new_tokens=NEW_TOKENS,
        pad_token_id=tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0,
    )
    texts = tokenizer.batch_decode(said, skip_special_tokens=True)
    starts = [len(text) for text in tokenizer.batch_decode(ids, skip_special_tokens=True)]
    first = [text[starts[row // SAMPLES] :][:ALLELE_CHARACTERS] for row, text in enumerate(texts)]
    return [dict(Counter(first[row : row + SAMPLES])) for row in range(0, len(first), SAMPLES)]
