"""The attacks, in the order of the table."""

from __future__ import annotations

from .attack import Attack
from .on_files import change_rope, cut_layers, drop_merges, halve_merges, lower_context
from .on_weights import (
    add_decoys,
    add_noise,
    blur_embeddings,
    evasion,
    flip_signs,
    move_constant,
    move_constant_by_a_layer,
    offset_all,
    on_network,
    temperature,
)

ATTACKS = (
    Attack("rotation", "a random basis of the residual stream", evasion("rotate-residual"), True),
    Attack(
        "permutation",
        "another order of channels, neurons and heads",
        evasion("permute-residual", "permute-neurons", "reorder-heads"),
        True,
    ),
    Attack(
        "rescaling",
        "factors moved between neighbouring matrices",
        evasion("rescale-neurons", "rescale-values"),
        True,
    ),
    Attack("decoys", "as many neurons again, loud and with shut gates", on_network(add_decoys), True),
    Attack("sign-flip", "every neuron reads and writes the opposite, behind its gate", on_network(flip_signs), True),
    Attack("constant-position", "ten mean rows moved from positions to tokens", on_network(move_constant), True),
    Attack(
        "constant-layer",
        "ten mean rows added to tokens, taken off by the bias of an empty first layer",
        on_network(move_constant_by_a_layer),
        True,
    ),
    Attack("constant-all", "x1,000 along all residual dimensions", on_network(offset_all), True),
    Attack("temperature-2", "last norm x 2", on_network(temperature(2.0)), False),
    Attack("temperature-8", "last norm x 8", on_network(temperature(8.0)), False),
    Attack("half-merges", "every second merge of the tokenizer taken out", halve_merges, False),
    Attack("bpe-dropout", "a tokenizer that leaves out merges by chance", drop_merges, False),
    Attack("noise", "0.3 standard deviations on all weight matrices", on_network(add_noise), False),
    Attack(
        "embedding-noise",
        "1.0 standard deviations on token embeddings, clean output embeddings",
        on_network(blur_embeddings),
        False,
    ),
    Attack("short-context", "max_position_embeddings lowered to 256", lower_context, True),
    Attack("one-layer", "config cut to one layer, weights as they were", cut_layers, False),
    Attack("rope", "rope_theta x 10, weights as they were", change_rope, False),
)
