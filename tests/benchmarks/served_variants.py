"""A model served in many ways: in other number formats and with other kernels, quantized, fine-tuned, or another one.

Every variant is given as the log-probabilities of the tokens of the same texts, which `serving_noise` reads against
those of the model itself.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from transformers import AutoModelForCausalLM, AutoTokenizer

from provcheck.io.digests import file_digest
from provcheck.measurement.encoding import visible_until
from provcheck.probes import load_probes
from provcheck.targets.endpoint import spread
from provcheck.types import Floats
from reference_embeddings.recipe.corpus import read_corpus
from reference_embeddings.recipe.plan import Member, root_of

TEXTS, ROWS, LENGTH, CHARACTERS = 200, 8, 128, 600_000
RATE, LORA_RATE, LORA_STEPS = 1e-4, 1e-3, 10
STEPS = {"speeches": (1, 3, 10, 30), "rfcs": (1, 3, 10), "moby": (1,)}
OTHERS = 2
"""Models of other roots that a model is compared with."""

REWRITES = (
    "rewrite", "evasion-rotation", "evasion-rescaling", "evasion-duplication", "evasion-norms", "evasion-heads",
    "evasion-shift", "evasion-all",
)  # fmt: skip
KIND_OF = dict.fromkeys(REWRITES, "rewritten") | {
    "fine-tune": "fine-tune",
    "lora": "LoRA",
    "preference": "fine-tune",
    "continued-pretraining": "fine-tune",
}
"""Mechanisms of the zoo; quantizations are told by their bits, and the rest is left out."""

Variants = Iterator[tuple[str, str, Floats]]


def pieces(tokenizer: Any, chosen: Sequence[str], limit: int) -> tuple[list[list[int]], list[Floats]]:
    """Of each text: the tokens, and where each ends, as `provcheck.types.LogLikelihood` counts; too long ones empty."""
    ids, ends = [], []
    for text in chosen:
        found = tokenizer(text, return_offsets_mapping=True, return_special_tokens_mask=True)
        fits = len(found["input_ids"]) <= limit
        until = visible_until(text)[np.minimum([end for _, end in found["offset_mapping"]], len(text))]
        ids.append(found["input_ids"] if fits else [])
        ends.append(np.where(found["special_tokens_mask"], -1, until) if fits else np.zeros(0))
    return ids, ends


def texts() -> list[str]:
    """Those that an audit with 200 requests scores."""
    every = [text.text for text in load_probes("provcheck-v1").texts]
    return [every[place] for place in spread(len(every), TEXTS)]


def measure(folder: Path, beside: Mapping[Path, Member], corpora: Path | None) -> dict[str, Floats]:
    """All that is kept of a model: `counts`, `ends`, `exact` (nats in float32) and each `kind/variant` (nats).

    Without corpora, it is served unchanged only.
    """
    tokenizer = AutoTokenizer.from_pretrained(folder)
    network = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    ids, ends = pieces(tokenizer, texts(), getattr(network.config, "max_position_embeddings", None) or 10**9)
    found = {"counts": np.array([len(one) for one in ids]), "ends": np.concatenate(ends).astype(np.int32)}
    found["exact"] = _score(network, ids)
    for kind, variant, nats in _variants(folder, network, tokenizer, ids, beside, corpora):
        found[f"{kind}/{variant}"] = nats
    return found


def _variants(
    folder: Path,
    network: Any,
    tokenizer: Any,
    ids: list[list[int]],
    beside: Mapping[Path, Member],
    corpora: Path | None,
) -> Variants:
    for variant, model, batch in _unchanged(network, folder):
        yield "same", variant, _score(model, ids, batch)
    with torch.autocast("cpu", torch.bfloat16):
        yield "same", "float32 weights, bfloat16 products", _score(network, ids)
    if corpora is None:
        return
    for kind, variant, model in _quantizations(network):
        yield kind, f"{variant}, float32", _score(model, ids)
        yield kind, f"{variant}, bfloat16", _score(copy.deepcopy(model).to(torch.bfloat16), ids)
    for corpus, steps in STEPS.items():
        for step, model in _tuned(network, tokenizer, read_corpus(corpora, corpus), steps, RATE):
            kind = f"tuned {step} step{'s' * (step > 1)}"
            yield kind, f"{corpus}, bfloat16", _score(copy.deepcopy(model).to(torch.bfloat16), ids)
            if step == 1:
                yield f"{kind}, float32", f"{corpus}, float32", _score(model, ids)
    for _, model in _tuned(_with_lora(network), tokenizer, read_corpus(corpora, "moby"), (LORA_STEPS,), LORA_RATE):
        merged = model.merge_and_unload().to(torch.bfloat16)
        yield "LoRA", f"moby, {LORA_STEPS} steps at {LORA_RATE:g}, bfloat16", _score(merged, ids)
    for kind, other in _others(folder, beside):
        served = AutoModelForCausalLM.from_pretrained(other, dtype=torch.bfloat16).eval()
        yield kind, f"{other.name}, bfloat16", _score(served, ids)


def _unchanged(network: Any, folder: Path) -> Iterator[tuple[str, Any, int]]:
    """Variant, model, rows a batch."""
    half = copy.deepcopy(network).to(torch.bfloat16)
    yield "bfloat16", half, 8
    yield "bfloat16, one at a time", half, 1
    yield "float32, one at a time", network, 1
    yield "float16", copy.deepcopy(network).to(torch.float16), 8
    yield "bfloat16 weights, float32 products", copy.deepcopy(half).float(), 8
    other = {"dtype": torch.bfloat16, "attn_implementation": "eager"}
    yield "bfloat16, other attention kernel", AutoModelForCausalLM.from_pretrained(folder, **other).eval(), 8


def _quantizations(network: Any) -> Iterator[tuple[str, str, Any]]:
    yield "8-bit", "integers, a scale a row", _rounded(network, lambda table: _to_integers(table, 8))
    yield "8-bit", "float8 e4m3, a scale a matrix", _rounded(network, _to_float8)
    yield "4-bit", "integers, a scale for 32", _rounded(network, lambda table: _to_integers(table, 4, 32))
    yield "4-bit", "integers, a scale and a zero for 32", _rounded(network, lambda table: _to_asymmetric(table, 4, 32))


def _others(folder: Path, beside: Mapping[Path, Member]) -> Iterator[tuple[str, Path]]:
    """The models beside it with its tokens: what was made of it, and a few of other roots."""
    members = {member.name: member for member in beside.values()}
    if folder.name not in members:
        return
    own, strangers = file_digest(folder / "tokenizer.json"), 0
    for path, member in beside.items():
        if path == folder or file_digest(path / "tokenizer.json") != own:
            continue
        if root_of(member.name, members) != root_of(folder.name, members):
            strangers += 1
            if strangers <= OTHERS:
                yield "another model", path
        elif member.parents == (folder.name,) and member.mechanism == "quantize":
            yield f"{member.parameters['bits']}-bit", path
        elif member.parents == (folder.name,) and member.mechanism in KIND_OF:
            yield KIND_OF[member.mechanism], path


@torch.inference_mode()
def _score(network: Any, ids: list[list[int]], rows: int = 8) -> Floats:
    """Log-probabilities of all tokens, float32, NaN for each text's first, one text after the other."""
    order, found = sorted((n for n in range(len(ids)) if ids[n]), key=lambda place: -len(ids[place])), {}
    for start in range(0, len(order), rows):
        part = order[start : start + rows]
        batch = torch.zeros(len(part), len(ids[part[0]]), dtype=torch.long)
        for row, place in enumerate(part):
            batch[row, : len(ids[place])] = torch.tensor(ids[place])
        table = network(input_ids=batch, use_cache=False).logits.float().log_softmax(-1)
        for row, place in enumerate(part):
            own = batch[row, 1 : len(ids[place]), None]
            found[place] = table[row, : len(own)].gather(1, own)[:, 0].numpy()
    return np.concatenate([np.concatenate([[np.nan], found[place]]) for place in sorted(found)]).astype(np.float32)


def _rounded(network: Any, rounding: Any) -> Any:
    """Matrices but embeddings rounded."""
    network = copy.deepcopy(network)
    embeddings = {id(p) for m in network.modules() if isinstance(m, torch.nn.Embedding) for p in m.parameters()}
    for parameter in network.parameters():
        if parameter.dim() >= 2 and id(parameter) not in embeddings:
            parameter.data = rounding(parameter.data.flatten(0, -2)).reshape(parameter.data.shape)
    return network


def _to_integers(table: torch.Tensor, bits: int, group: int = 0) -> torch.Tensor:
    """The nearest of 2^bits - 1 steps around 0, with a scale a row or a group of columns."""
    parts = table.reshape(-1, group) if group and table.shape[1] % group == 0 else table
    scale = parts.abs().amax(1, keepdim=True).clamp_min(1e-12) / (2 ** (bits - 1) - 1)
    rounded: torch.Tensor = (parts / scale).round() * scale
    return rounded.reshape(table.shape)


def _to_asymmetric(table: torch.Tensor, bits: int, group: int) -> torch.Tensor:
    """The nearest of 2^bits steps from the least to the largest weight of a group of columns."""
    parts = table.reshape(-1, group) if table.shape[1] % group == 0 else table
    least = parts.amin(1, keepdim=True)
    scale = (parts.amax(1, keepdim=True) - least).clamp_min(1e-12) / (2**bits - 1)
    rounded: torch.Tensor = ((parts - least) / scale).round() * scale + least
    return rounded.reshape(table.shape)


def _to_float8(table: torch.Tensor) -> torch.Tensor:
    """The nearest float8 with 3 bits of mantissa, with a scale for all."""
    scale = table.abs().max().clamp_min(1e-12) / 448
    rounded: torch.Tensor = (table / scale).to(torch.float8_e4m3fn).float() * scale
    return rounded


def _with_lora(network: Any) -> Any:
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(0)
    return get_peft_model(copy.deepcopy(network), LoraConfig(r=8, lora_alpha=16, target_modules="all-linear"))


def _tuned(network: Any, tokenizer: Any, text: str, steps: Sequence[int], rate: float) -> Iterator[tuple[int, Any]]:
    """The model after so many steps of AdamW on random windows of a text."""
    network, generator = copy.deepcopy(network).train(), torch.Generator().manual_seed(0)
    stream = torch.tensor(tokenizer(text[:CHARACTERS], add_special_tokens=False)["input_ids"])
    lead = torch.tensor(tokenizer("")["input_ids"], dtype=torch.long)[:1]
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=rate, betas=(0.9, 0.95), weight_decay=0.05)
    for step in range(1, max(steps) + 1):
        starts = torch.randint(len(stream) - LENGTH + 1, (ROWS,), generator=generator).tolist()
        batch = torch.stack([torch.cat([lead, stream[at : at + LENGTH - len(lead)]]) for at in starts])
        logits = network(input_ids=batch).logits[:, :-1]
        functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten()).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if step in steps:
            yield step, copy.deepcopy(network).eval()
