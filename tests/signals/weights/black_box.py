"""Tiny random models of many architectures, and what their layers do, seen from outside: no name inside a layer counts.

Every matrix and gain is random, every bias zero. A layer whose attention writes nothing adds to the stream what its MLP
writes; one whose MLP writes nothing, what its heads write. Where a norm stands behind them, or a factor, that is known
up to a factor for each token.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.activations import ACT2FN

from provcheck.io.tensor_files import TensorFiles
from provcheck.signals.weights.anatomy import Anatomy, dissect
from provcheck.types import Floats

LAYERS, WIDTH, TOKENS = 2, 32, 6
IDS = torch.tensor([[5, 17, 3, 60, 8, 41]])

SIZES: dict[str, Any] = {
    **dict.fromkeys(("hidden_size", "n_embd", "d_model", "word_embed_proj_dim"), WIDTH),
    **dict.fromkeys(("intermediate_size", "ffn_dim", "n_inner", "ffn_hidden_size", "block_ff_dim", "dff"), 40),
    **dict.fromkeys(("num_hidden_layers", "n_layer", "num_layers", "n_layers"), LAYERS),
    **dict.fromkeys(("num_attention_heads", "n_head", "num_heads", "n_heads", "attention_heads"), 4),
    **dict.fromkeys(("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts"), 3),
    **dict.fromkeys(("num_experts_per_tok", "moe_top_k", "moe_k"), 3),
    **dict.fromkeys(("moe_intermediate_size", "shared_intermediate_size"), 20),
    **dict.fromkeys(("max_position_embeddings", "n_positions", "max_seq_len"), 64),
    **dict.fromkeys(("attn_logit_softcapping", "final_logit_softcapping"), None),
    **dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop", "attention_dropout", "hidden_dropout"), 0.0),
    **dict.fromkeys(("n_group", "topk_group"), 1),
    **dict.fromkeys(("q_lora_rank", "kv_lora_rank"), 16),
    **dict.fromkeys(("qk_rope_head_dim", "qk_nope_head_dim", "v_head_dim", "rotary_dim"), 8),
    **dict.fromkeys(("num_shared_experts", "n_shared_experts"), 1),
    **dict.fromkeys(("first_k_dense_replace", "num_dense_layers", "moe_layer_start_index"), 1),
    "attention_types": [[["global"], LAYERS]],
    "vocab_size": 99,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "shared_expert_intermediate_size": 28,
    "state_size": 8,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "is_decoder": True,
    "use_cache": False,
    "use_post_norm": True,
    "attn_implementation": "eager",
}


@dataclass(frozen=True)
class Kind:
    """An architecture: sizes beside the usual ones (`...` for one that it must not have), and what it is known to do.

    act, read_act: activations of gates and readers that its config does not state. normed: a norm stands before its
    MLPs. layers, blocks: those with an MLP, as the model and as the anatomy count them. products: attention is a
    softmax over nothing but products of queries and keys. values: it writes nothing but the values of its heads.
    fused: one tensor holds the neurons of three experts.
    """

    model_type: str
    sizes: dict[str, Any] = field(default_factory=dict)
    act: str = ""
    read_act: str = ""
    normed: bool = True
    layers: tuple[int, ...] = tuple(range(LAYERS))
    blocks: tuple[int, ...] = tuple(range(LAYERS))
    products: bool = False
    values: bool = True
    fused: bool = False
    name: str = ""

    def __str__(self) -> str:
        return self.name or self.model_type


@dataclass(frozen=True)
class Case:
    """A random model of that kind, and the anatomy of its files."""

    kind: Kind
    model: Any
    anatomy: Anatomy

    @property
    def layers(self) -> list[torch.nn.Module]:
        found = [one for one in self.model.modules() if isinstance(one, torch.nn.ModuleList) and len(one) >= LAYERS]
        return [found[0][layer] for layer in self.kind.layers]

    def core(self, stream: Floats) -> Floats:
        """What a norm without gain makes of (T, d)."""
        if self.anatomy._layout.centred:
            stream = stream - stream.mean(axis=1, keepdims=True)
        return np.asarray(stream / np.sqrt((stream**2).mean(axis=1, keepdims=True)))

    def centred(self, stream: Floats) -> Floats:
        """(T, d) without what the model ignores."""
        return stream - stream.mean(axis=1, keepdims=True) if self.anatomy._layout.centred else stream

    def activated(self, read: Floats, gate: Floats | None) -> Floats:
        """(T, n) what neurons write, by what they read."""
        stated = next((v for key in ACTIVATIONS if (v := getattr(self.model.config, key, None))), "silu")
        act = ACT2FN[self.kind.act or stated]
        if gate is None:
            return np.asarray(act(torch.from_numpy(read)).detach())
        read = np.asarray(ACT2FN[self.kind.read_act](torch.from_numpy(read))) if self.kind.read_act else read
        return np.asarray(read * act(torch.from_numpy(gate)).numpy())


ACTIVATIONS = ("hidden_act", "hidden_activation", "activation_function", "activation", "afn", "mlp_hidden_act")

SILENT = r"wpe|embed_positions|positions_embed|dt_proj\.weight|receptance"
QUIET = r"router|gate\.weight|gate\.wg|expert_gate|moe\.gate"


def make(kind: Kind, folder: Path) -> Case:
    """The model in memory, saved and dissected."""
    model = random_model(kind)
    model.save_pretrained(folder)
    anatomy = dissect(TensorFiles(sorted(folder.glob("*.safetensors"))), model.config.to_dict())
    assert isinstance(anatomy, Anatomy), anatomy
    return Case(kind, model, anatomy)


def random_model(kind: Kind) -> Any:
    """In float32; places do not matter, gates of experts nearly not, and a state-space model forgets at once."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(config_of(kind), attn_implementation="eager").float().eval()
        model.requires_grad_(False)
        for name, parameter in model.named_parameters():
            _fill(name, parameter)
    for places in (getattr(module, name, None) for module in model.modules() for name in ("weights", "pos_encoding")):
        if isinstance(places, torch.Tensor):  # sines, which no parameter holds
            places.zero_()
    return model


def _fill(name: str, parameter: torch.Tensor) -> None:
    if re.search(SILENT, name) or name.endswith("A_log"):
        parameter.zero_()
    elif name.endswith(("dt_proj.bias", "dt_bias")):
        parameter.fill_(-100.0)
    elif "conv1d.weight" in name:
        parameter.zero_()[..., -1] = 1.0
    elif name.endswith("gate_up_proj_bias"):  # gpt_oss adds 1 to what is read
        parameter.zero_()[..., 1::2] = -1.0
    elif name.endswith("bias"):
        parameter.zero_()
    elif "time_mix" in name or name.endswith(".D") or "residual" in name:
        parameter.fill_(1.0)
    elif parameter.dim() > 1:
        parameter.normal_(std=0.02 if re.search(QUIET, name) else 1.0 if re.search("emb|wte", name) else 0.2)
    elif name.endswith("weight"):
        parameter.uniform_(0.5, 1.5)


def config_of(kind: Kind) -> Any:
    """Its config with small sizes; those that it cannot have are left out."""
    sizes = SIZES | kind.sizes
    sizes = {key: value for key, value in sizes.items() if value is not ...}
    while True:
        try:
            return AutoConfig.for_model(kind.model_type, **sizes)
        except AttributeError as error:
            found = re.search(r"property '(\w+)' of", str(error))
            if not found:
                raise
            del sizes[found[1]]


def run(case: Case, ids: torch.Tensor = IDS, **options: Any) -> tuple[list[tuple[Floats, Floats]], Any]:
    """What the stream is before and after each layer, (T, d) each; and the output."""
    seen: list[tuple[Floats, Floats]] = []

    def keep(_module: object, _args: object, output: Any) -> None:
        after = output[0] if isinstance(output, tuple) else output
        seen.append((stream[-1], after.reshape(-1, WIDTH).numpy().copy()))

    def before(_module: object, args: Any, kwargs: Any) -> None:
        given = args[0] if args else kwargs.get("hidden_states", kwargs.get("hidden"))
        stream.append(given.reshape(-1, WIDTH).numpy().copy())

    stream: list[Floats] = []
    hooks = [layer.register_forward_pre_hook(before, with_kwargs=True) for layer in case.layers]
    hooks += [layer.register_forward_hook(keep) for layer in case.layers]
    try:
        output = case.model(ids, **options)
    finally:
        for hook in hooks:
            hook.remove()
    return seen, output


def same_positions(case: Case) -> dict[str, Any]:
    """Every token at the first position, where rotary embeddings do nothing, if the model can be told so."""
    known = "position_ids" in inspect.signature(case.model.forward).parameters
    return {"position_ids": torch.zeros_like(IDS), "attention_mask": torch.ones_like(IDS)} if known else {}


WRITES = r"(o_proj|out_proj|c_proj|dense|output|output_linear|linear_out)(\.weight|$)"
MIXERS = r"(attn|attention|temporal_block|\bmamba|\bconv)\w*\."
"""What the matrices are called that write what a layer does beside its MLP."""


@contextmanager
def silenced(case: Case, *, mlp: bool) -> Iterator[None]:
    """Inside, the MLPs, or whatever else, write nothing to the stream."""
    changed = []
    for layer in case.layers:
        for name, parameter in layer.named_parameters():
            of_mixer = re.search(MIXERS, name) is not None and "norm" not in name
            if parameter.dim() > 1 and (not of_mixer if mlp else of_mixer and re.search(WRITES, name)):
                changed.append((parameter, parameter.clone()))
                parameter.zero_()
    yield
    for parameter, values in changed:
        parameter.copy_(values)


def share_unexplained(found: Floats, parts: Floats) -> float:
    """The largest share of a row of (T, d) that no combination of (T, k, d) parts gives."""
    left = []
    for row, given in zip(found.astype(np.float64), parts.astype(np.float64), strict=True):
        scales = np.linalg.lstsq(given.T, row, rcond=None)[0]
        left.append(np.linalg.norm(row - given.T @ scales) / np.linalg.norm(row))
    return float(max(left))
