"""Rewrites change the weights and keep the logits, on every architecture they are for."""

from __future__ import annotations

import copy

import pytest
import torch

from reference_embeddings.recipe.architectures import ARCHITECTURES, build_model
from reference_embeddings.recipe.folder import Context, Model
from reference_embeddings.recipe.plan import Size
from reference_embeddings.recipe.rewriting import REWRITES, rewrite

SIZE = Size(width=32, layers=2, heads=4)
RMS = {"llama", "mistral", "gemma", "mixtral"}
FITS = {
    "permute-neurons": set(ARCHITECTURES),
    "permute-residual": set(ARCHITECTURES),
    "fold-norms": set(ARCHITECTURES) - {"stablelm"},
    "rotate-residual": RMS,
    "rescale-neurons": {"llama", "mistral", "gemma", "stablelm", "opt"},
    "rescale-values": RMS | {"stablelm", "opt", "phi"},
}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("kind", REWRITES)
def test_logits_stay(architecture: str, kind: str, context: Context) -> None:
    network = _lively_network(architecture)
    ids = torch.randint(64, (2, 20), generator=torch.Generator().manual_seed(3))
    rewritten = copy.deepcopy(network)
    if architecture not in FITS[kind]:
        with pytest.raises(ValueError, match=r"without a bias|no RMSNorm|cannot be rescaled|fused"):
            rewrite(context, [Model(rewritten, None)], kinds=[kind])
        return
    rewrite(context, [Model(rewritten, None)], kinds=[kind])
    with torch.no_grad():
        torch.testing.assert_close(rewritten(input_ids=ids).logits, network(input_ids=ids).logits, atol=2e-5, rtol=0)
    assert any((a != b).any() for a, b in zip(network.parameters(), rewritten.parameters(), strict=False))


def test_a_rewrite_that_changes_the_function_is_refused(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(REWRITES, "break", lambda network, _: network.get_input_embeddings().weight.data.mul_(2))
    with pytest.raises(ArithmeticError, match="changed the logits"):
        rewrite(context, [Model(_lively_network("gpt2"), None)], kinds=["break"])


def _lively_network(architecture: str) -> torch.nn.Module:
    """Fresh networks have norms of one and small weights, which would hide mistakes."""
    network: torch.nn.Module = build_model(architecture, SIZE, 64, 64, {"pad_token_id": None}, seed=0).eval()
    torch.manual_seed(1)
    for weight in network.parameters():
        weight.data = weight.data + 0.3 * torch.randn_like(weight) if weight.dim() == 1 else weight.data * 4
    return network
