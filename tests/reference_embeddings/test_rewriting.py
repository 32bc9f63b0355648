"""Rewrites change the weights and keep the logits, on every architecture they are for."""

from __future__ import annotations

import copy

import pytest
import torch

from reference_embeddings.recipe.architectures import ARCHITECTURES
from reference_embeddings.recipe.folder import Context, Model
from reference_embeddings.recipe.rewriting import REWRITES, rewrite
from tests.reference_embeddings.networks import lively_network, said

RMS = {"llama", "mistral", "gemma", "mixtral"}
FITS = {
    "permute-neurons": set(ARCHITECTURES),
    "permute-residual": set(ARCHITECTURES),
    "fold-norms": set(ARCHITECTURES) - {"stablelm"},
    "rotate-residual": RMS,
    "rescale-neurons": RMS | {"stablelm", "opt"},
    "rescale-values": RMS | {"stablelm", "opt", "phi"},
}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("kind", REWRITES)
def test_logits_stay(architecture: str, kind: str, context: Context) -> None:
    network = lively_network(architecture)
    rewritten = copy.deepcopy(network)
    if architecture not in FITS[kind]:
        with pytest.raises(ValueError, match=r"without a bias|no RMSNorm|cannot be rescaled|fused"):
            rewrite(context, [Model(rewritten, None)], kinds=[kind])
        return
    rewrite(context, [Model(rewritten, None)], kinds=[kind])
    torch.testing.assert_close(said(rewritten), said(network), atol=2e-5, rtol=0)
    assert any((a != b).any() for a, b in zip(network.parameters(), rewritten.parameters(), strict=False))


def test_a_rewrite_that_changes_the_function_is_refused(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(REWRITES, "break", lambda network, _: network.get_input_embeddings().weight.data.mul_(2))
    with pytest.raises(ArithmeticError, match="changed the logits"):
        rewrite(context, [Model(lively_network("gpt2"), None)], kinds=["break"])
