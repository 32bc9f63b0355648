"""Sizes in config.json against the stored tensors: a small file must not make a library build a giant.

transformers makes room for what the config states before it looks at the weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from provcheck.errors import BrokenModel
from provcheck.io.text import plain, short_name

LAYERS = ("num_hidden_layers", "num_layers", "n_layers", "n_layer")
SIZES = (
    *("vocab_size", "hidden_size", "intermediate_size", "moe_intermediate_size", "head_dim", "n_embd", "n_inner"),
    *("d_model", "d_ff", "ffn_dim", "word_embed_proj_dim", "num_labels"),
    *("num_attention_heads", "num_key_value_heads", "n_head", "num_local_experts", "num_experts", "n_routed_experts"),
)
"""Keys of config.json, at the top or in text_config, whose number is that of some stored dimension or less."""

PACKED = 8
"""Numbers of 4 bits that one stored number of 32 bits holds."""

MOST_ENTRIES = 10_000
"""Of a list in config.json; lists go by layers, heads, or special tokens. transformers looks at every entry in turn."""

SHARED_LAYERS, SMALL = 256, 2**16
"""Models may use a block again and again; so many layers, and lists of that size, cost nothing. What matrices of such
sizes would take is counted before a model is loaded (`provcheck.measurement.loader`)."""


@dataclass(frozen=True)
class Extent:
    """The largest dimension of the stored tensors, and one more than the highest number in their names."""

    dimension: int
    numbered: int

    @classmethod
    def of(cls, shapes: Mapping[str, Iterable[int]]) -> Extent:
        """Of tensors by name."""
        numbers = (int(part) for name in shapes for part in name.split(".") if part.isdecimal() and len(part) < 10)
        sizes = (size for shape in shapes.values() for size in shape)
        return cls(max(sizes, default=0), 1 + max(numbers, default=0))


def check_sizes(id: str, config: dict[str, Any], stored: Extent) -> None:
    """Raise BrokenModel where the config states a size that no stored tensor has, or layers that are not there."""
    packed = PACKED if config.get("quantization_config") else 1
    for key, value in _stated(config):
        layers = key in LAYERS
        limit = max(stored.numbered, SHARED_LAYERS if layers else max(packed * stored.dimension, SMALL))
        if value > limit:
            what = f"{stored.numbered} layers at most" if layers else f"no dimension above {stored.dimension:,}"
            raise BrokenModel(
                f"config.json of {id} states {key} {value:,}, but the weight files hold {what}",
                "Check that config.json and the weight files belong together.",
            )


def check_lists(id: str, config: dict[str, Any]) -> None:
    """Raise BrokenModel where the config holds a list so long that a library would take seconds to check it."""
    for key, value in config.items():
        if isinstance(value, list | dict) and len(value) > MOST_ENTRIES:
            raise BrokenModel(
                f"config.json of {id} holds {len(value):,} entries under {short_name(plain(key))}, more than the "
                f"{MOST_ENTRIES:,} that are read",
                "Take the config.json of the base model.",
            )
        if isinstance(value, dict):
            check_lists(id, value)


def _stated(config: dict[str, Any]) -> Iterator[tuple[str, int]]:
    nested = config.get("text_config")
    for scope in (config, nested if isinstance(nested, dict) else {}):
        for key in (*LAYERS, *SIZES):
            if type(value := scope.get(key)) is int:
                yield key, value
