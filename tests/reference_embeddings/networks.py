"""Very small networks with weights that hide no mistake."""

from __future__ import annotations

import torch

from reference_embeddings.recipe.architectures import build_model
from reference_embeddings.recipe.plan import Size

ENTRIES = 64
SIZE = Size(width=32, layers=2, heads=4)


def lively_network(architecture: str, layers: int = SIZE.layers) -> torch.nn.Module:
    """Fresh networks have norms of one and small weights, which would hide mistakes."""
    size = SIZE.model_copy(update={"layers": layers})
    network: torch.nn.Module = build_model(architecture, size, ENTRIES, 64, {"pad_token_id": None}, seed=0).eval()
    torch.manual_seed(1)
    for weight in network.parameters():
        weight.data = weight.data + 0.3 * torch.randn_like(weight) if weight.dim() == 1 else weight.data * 4
    return network


def said(network: torch.nn.Module, ids: list[int] | None = None) -> torch.Tensor:
    """(rows, tokens, entries) logits of these tokens, or of some."""
    some = torch.randint(ENTRIES, (2, 20), generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        found: torch.Tensor = network(input_ids=torch.tensor([ids]) if ids else some).logits
    return found
