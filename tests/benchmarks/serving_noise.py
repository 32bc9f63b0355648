"""How far rounding, quantization and a few steps of fine-tuning move the log-probabilities of single tokens.

Each model is run as it is, in other number formats and with other kernels, with its matrices rounded to 8 and 4 bits,
and after steps of AdamW at a rate of 1e-4 on three corpora. `ratio` is the median over tokens of the distance to the
model itself in float32, over the same of the model in bfloat16; see `provcheck.serving`.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from transformers import AutoModelForCausalLM, AutoTokenizer

from provcheck.probes import load_probes
from provcheck.targets.endpoint import spread
from provcheck.types import Floats
from reference_embeddings.recipe.corpus import read_corpus
from reference_embeddings.recipe.plan import load_recipe

TEXTS, ROWS, LENGTH, CHARACTERS, RATE = 200, 8, 128, 600_000, 1e-4
STEPS = {"speeches": (1, 3, 10, 30), "rfcs": (1, 3, 10, 30), "moby": (1,)}
Variants = Iterator[tuple[str, str, Floats]]


def measure_all(folders: Sequence[Path], corpora: Path) -> Iterator[dict[str, Any]]:
    """A row for each model and way of serving it: model, split of the zoo, kind, variant, ratio, nats."""
    for folder in folders:
        own = list(_variants(folder, corpora))
        rounding = next(_median(apart) for _, variant, apart in own if variant == "bfloat16")
        for kind, variant, apart in own:
            row = {"model": folder.name, "split": split_of(folder.name), "kind": kind, "variant": variant}
            yield row | {"ratio": round(_median(apart) / rounding, 4), "median_nats": round(_median(apart), 6)}


def split_of(model: str) -> str:
    """Whether the zoo's plan calibrates with the model's family or holds it out."""
    members = load_recipe().members()
    return next((one.split for name, one in members.items() if name == model), "held-out")


def summary(rows: Sequence[dict[str, Any]], identical: float, near: float) -> str:
    """What the limits do on held-out models, in words."""
    held = [row for row in rows if row["split"] == "held-out"]
    same, step = ([row["ratio"] for row in held if row["kind"] == kind] for kind in ("same", "tuned 1 step"))
    exact = [row["ratio"] for row in held if row["kind"] == "tuned 1 step, float32"]
    wrong, found, told = (sum(one > identical for one in ratios) for ratios in (same, step, exact))
    return (
        "On small models of the families that the zoo holds out, in sight when the limits were set, "
        f"{wrong} of {len(same)} unchanged copies were taken for changed; of those after one step of fine-tuning at "
        f"1e-4, {found} of {len(step)} served in bfloat16 and {told} of {len(exact)} served in float32 were told from "
        f"the reference, with {TEXTS} texts."
    )


def _variants(folder: Path, corpora: Path) -> Variants:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    network = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    texts = [text.text for text in load_probes("provcheck-v1").texts]
    limit = getattr(network.config, "max_position_embeddings", None) or 10**9
    every = [tokenizer(texts[place])["input_ids"] for place in spread(len(texts), TEXTS)]
    ids = [one for one in every if len(one) <= limit]
    exact = _score(network, ids)
    for kind, variant, model, batch in _served(network, folder):
        yield kind, variant, _score(model, ids, batch) - exact
    with torch.autocast("cpu", torch.bfloat16):
        yield "same", "float32 weights, bfloat16 products", _score(network, ids) - exact
    for corpus, steps in STEPS.items():
        for step, model in _tuned(network, tokenizer, read_corpus(corpora, corpus), steps):
            kind = f"tuned {step} step{'s' * (step > 1)}"
            yield kind, f"{corpus}, bfloat16", _score(copy.deepcopy(model).to(torch.bfloat16), ids) - exact
            if step == 1:
                yield f"{kind}, float32", f"{corpus}, float32", _score(model, ids) - exact


def _served(network: Any, folder: Path) -> Iterator[tuple[str, str, Any, int]]:
    """Kind, variant, model, rows a batch."""
    half = copy.deepcopy(network).to(torch.bfloat16)
    yield "same", "bfloat16", half, 8
    yield "same", "bfloat16, one at a time", half, 1
    yield "same", "float32, one at a time", network, 1
    yield "same", "float16", copy.deepcopy(network).to(torch.float16), 8
    yield "same", "bfloat16 weights, float32 products", copy.deepcopy(half).float(), 8
    other = {"dtype": torch.bfloat16, "attn_implementation": "eager"}
    yield "same", "bfloat16, other attention kernel", AutoModelForCausalLM.from_pretrained(folder, **other).eval(), 8
    for bits, group in ((8, 0), (4, 32)):
        rounded = _quantized(network, bits, group)
        yield f"{bits}-bit", "float32", rounded, 8
        yield f"{bits}-bit", "bfloat16", copy.deepcopy(rounded).to(torch.bfloat16), 8


@torch.inference_mode()
def _score(network: Any, ids: list[list[int]], rows: int = 8) -> Floats:
    """Log-probabilities of all tokens but each text's first, float64, one text after the other."""
    order, found = sorted(range(len(ids)), key=lambda place: -len(ids[place])), {}
    for start in range(0, len(order), rows):
        part = order[start : start + rows]
        batch = torch.zeros(len(part), len(ids[part[0]]), dtype=torch.long)
        for row, place in enumerate(part):
            batch[row, : len(ids[place])] = torch.tensor(ids[place])
        table = network(input_ids=batch, use_cache=False).logits.float().log_softmax(-1)
        for row, place in enumerate(part):
            own = batch[row, 1 : len(ids[place]), None]
            found[place] = table[row, : len(own)].gather(1, own)[:, 0].double().numpy()
    return np.concatenate([found[place] for place in range(len(ids))])


def _quantized(network: Any, bits: int, group: int) -> Any:
    """Matrices but embeddings rounded to the nearest of 2^bits - 1 steps, a scale a row or a group of columns."""
    network = copy.deepcopy(network)
    embeddings = {id(p) for m in network.modules() if isinstance(m, torch.nn.Embedding) for p in m.parameters()}
    for parameter in network.parameters():
        if parameter.dim() == 2 and id(parameter) not in embeddings:
            wide = parameter.data.shape[1]
            table = parameter.data.reshape(-1, group) if group and wide % group == 0 else parameter.data
            scale = table.abs().amax(1, keepdim=True).clamp_min(1e-12) / (2 ** (bits - 1) - 1)
            parameter.data = ((table / scale).round() * scale).reshape(parameter.data.shape)
    return network


def _tuned(network: Any, tokenizer: Any, text: str, steps: Sequence[int]) -> Iterator[tuple[int, Any]]:
    """The model after so many steps on random windows of a text."""
    network, generator = copy.deepcopy(network).train(), torch.Generator().manual_seed(0)
    stream = torch.tensor(tokenizer(text[:CHARACTERS], add_special_tokens=False)["input_ids"])
    lead = torch.tensor(tokenizer("")["input_ids"], dtype=torch.long)[:1]
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, betas=(0.9, 0.95), weight_decay=0.05)
    for step in range(1, max(steps) + 1):
        starts = torch.randint(len(stream) - LENGTH + 1, (ROWS,), generator=generator).tolist()
        batch = torch.stack([torch.cat([lead, stream[at : at + LENGTH - len(lead)]]) for at in starts])
        logits = network(input_ids=batch).logits[:, :-1]
        functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten()).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if step in steps:
            yield step, copy.deepcopy(network).eval()


def _median(apart: Floats) -> float:
    return float(np.median(np.abs(apart)))


def as_json(rows: Sequence[dict[str, Any]], identical: float, near: float) -> str:
    """The file that ships."""
    head = {"command": "python -m tests.benchmarks serving-noise FOLDER... --corpora DIR"}
    found = head | {"identical": identical, "near": near, "rates": summary(rows, identical, near)}
    lines = ",\n".join("    " + json.dumps(row) for row in rows)
    return json.dumps(found, indent=2)[:-2] + f',\n  "rows": [\n{lines}\n  ]\n}}\n'
