"""Ways of storing the blocks of a model; `families` says which models are stored in which.

Names are those of the stored tensors, relative to the block that they are in, without `.weight` at the end. Where a
name is a tuple, the first one that is stored counts, and an empty last one says that there need be none. `*` stands for
the number of any expert.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

Names = str | tuple[str, ...]


class Order(Enum):
    """How one matrix holds the rows of gates and readers, or of queries, keys and values."""

    GATE_FIRST = "all gates, then all readers"
    GATE_LAST = "all readers, then all gates"
    INTERLEAVED = "gate, reader, gate, reader"
    BLOCKED = "all queries, then all keys, then all values"
    GROUPED = "for each key: its queries, the key, its value"
    CODEGEN = "four parts; in each its queries, then its values, then its keys"


@dataclass(frozen=True)
class Mlp:
    """Where some neurons lie: what they read along (`up`, and `gate` if they are gated) and write along (`down`).

    order: how `up` holds both gates and readers. turned: letters of what is stored transposed, compared with a Linear
    layer: `u` for up and gate, `d` for down. inner: gain of a norm over the neurons, between activation and `down`.
    """

    up: str
    down: str
    gate: str | None = None
    order: Order | None = None
    turned: str = ""
    inner: str | None = None


@dataclass(frozen=True)
class Attention:
    """Where the heads lie: in `output` and `packed`, if that is stored, else in four matrices.

    turned: letters of what is stored transposed, compared with a Linear layer: `p` for packed, `o` for output.
    """

    output: str = "self_attn.o_proj"
    query: str = "self_attn.q_proj"
    key: str = "self_attn.k_proj"
    value: str = "self_attn.v_proj"
    packed: str | None = None
    order: Order = Order.BLOCKED
    turned: str = ""


@dataclass(frozen=True)
class Layout:
    """One way of storing a model. A norm without a name has no gain.

    block: prefix of a block, with `{}` for its number. mlps: all of those that a block holds are its MLP. centred: the
    norms subtract the mean. unit: what is added to a stored gain. sparse: some blocks have no MLP.
    """

    mlps: tuple[Mlp, ...]
    attention: Attention | None = Attention()
    block: str = "layers.{}."
    embedding: str = "embed_tokens"
    head: Names = ("lm_head", "embed_out", "output_projection", "head", "output")
    final_norm: Names = "norm"
    mlp_norm: Names = "post_attention_layernorm"
    mlp_post_norm: Names = ()
    attention_norm: Names = "input_layernorm"
    attention_post_norm: Names = ()
    embedding_norm: Names = ()
    centred: bool = False
    unit: float = 0.0
    sparse: bool = False
