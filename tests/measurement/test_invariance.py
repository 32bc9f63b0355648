"""Rewrites that keep the function: weights become unrecognisable, the measurement stays.

A row vector h of the residual stream becomes h Q, with Q orthogonal and RMSNorm weights folded away, or c h.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from provcheck.measurement.batching import Run
from provcheck.measurement.encoding import encode_questions, encode_texts
from provcheck.signals.able.views import contrast_view, paper_view
from provcheck.types import Floats, ProbeSet
from tests.measurement.conftest import in_place
from tests.measurement.running import asked, attribute_words, loglikelihoods, texts_of
from tests.tiny import tiny_model

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def rotate(model: PreTrainedModel) -> None:
    fold_norms(model)
    stream = torch.Generator().manual_seed(1)
    width = model.config.hidden_size
    rotation, triangle = torch.linalg.qr(torch.randn(width, width, dtype=torch.float64, generator=stream))
    rotation = rotation * triangle.diagonal().sign()  # only so are all rotations equally likely
    for weight in writers(model):
        weight.copy_((rotation.T @ weight.double()).float())
    for weight in readers(model):
        weight.copy_((weight.double() @ rotation).float())
    embedding = model.model.embed_tokens.weight
    embedding.copy_((embedding.double() @ rotation).float())


def rescale(model: PreTrainedModel, factor: float = 7.0) -> None:
    for weight in (*writers(model), model.model.embed_tokens.weight):
        weight.mul_(factor)
    for norm in norms(model):
        norm.variance_epsilon *= factor**2


def fold_norms(model: PreTrainedModel) -> None:
    for norm, weights in normed_readers(model):
        for weight in weights:
            weight.mul_(norm.weight)
        norm.weight.fill_(1)


def normed_readers(model: PreTrainedModel) -> Iterator[tuple[Any, list[torch.Tensor]]]:
    """Every norm with the weights (out, width) that read what it gives."""
    for layer in model.model.layers:
        attention, mlp = layer.self_attn, layer.mlp
        yield layer.input_layernorm, [attention.q_proj.weight, attention.k_proj.weight, attention.v_proj.weight]
        yield layer.post_attention_layernorm, [mlp.gate_proj.weight, mlp.up_proj.weight]
    yield model.model.norm, [model.lm_head.weight]


def norms(model: PreTrainedModel) -> list[Any]:
    return [norm for norm, _ in normed_readers(model)]


def readers(model: PreTrainedModel) -> list[torch.Tensor]:
    return [weight for _, weights in normed_readers(model) for weight in weights]


def writers(model: PreTrainedModel) -> list[torch.Tensor]:
    """Weights (width, in) whose output is added to the residual stream."""
    return [w for layer in model.model.layers for w in (layer.self_attn.o_proj.weight, layer.mlp.down_proj.weight)]


def model_with_uneven_norms(architecture: str) -> PreTrainedModel:
    model = tiny_model(architecture)
    stream = torch.Generator().manual_seed(2)
    for norm in norms(model):
        norm.weight.copy_(0.5 + torch.rand(norm.weight.shape, generator=stream))
    return model


def measure_in_place(model: PreTrainedModel, probes: ProbeSet) -> tuple[list[Floats], list[Floats], Floats]:
    """Both views of ABLE and the log-likelihoods."""
    loaded = in_place(model)
    options, _ = encode_questions(loaded.tokenizer, asked(probes), None)
    texts, _ = encode_texts(loaded.tokenizer, texts_of(probes), None)
    words = attribute_words(loaded, probes.questions, options, Run())
    relative = attribute_words(loaded, probes.questions, options, Run(), lambda one: one.relative)
    loglik = loglikelihoods(loaded, texts, len(probes.texts), Run())
    return paper_view(words), contrast_view(relative), loglik


def distance(first: list[Floats], second: list[Floats]) -> float:
    """Cosine distance of views, which have unit length."""
    return 1 - float(sum((one * two).sum() for one, two in zip(first, second, strict=True)))


def weights(model: PreTrainedModel) -> torch.Tensor:
    matrices = [*readers(model), *writers(model), model.model.embed_tokens.weight]
    return torch.cat([matrix.flatten() for matrix in matrices]).clone()


@pytest.mark.parametrize("architecture", ["llama", "mistral", "qwen2"])
@pytest.mark.parametrize("rewrite", [rotate, rescale])
def test_the_measurement_survives(
    architecture: str, rewrite: Callable[[PreTrainedModel], None], probes: ProbeSet
) -> None:
    model = model_with_uneven_norms(architecture)
    paper, contrast, loglik = measure_in_place(model, probes)
    before = weights(model)
    rewrite(model)
    rewritten_paper, rewritten_contrast, rewritten_loglik = measure_in_place(model, probes)
    assert distance(paper, rewritten_paper) < 1e-4
    assert distance(contrast, rewritten_contrast) < 1e-4
    np.testing.assert_allclose(rewritten_loglik, loglik, atol=1e-2)
    if rewrite is rotate:
        assert abs(torch.cosine_similarity(before, weights(model), dim=0)) < 0.1
    else:
        assert torch.dist(before, weights(model)) > before.norm()


def test_another_seed_does_not_look_the_same(probes: ProbeSet) -> None:
    """The distances above are small because the function is the same, not because everything is near."""
    paper, contrast, _ = measure_in_place(tiny_model(seed=0), probes)
    other_paper, other_contrast, _ = measure_in_place(tiny_model(seed=1), probes)
    assert distance(paper, other_paper) > 0.3
    assert distance(contrast, other_contrast) > 0.3


def shift_positions(model: PreTrainedModel, constant: torch.Tensor) -> None:
    """From position embeddings to token embeddings; tied output embeddings move every logit by the same number."""
    body = model.base_model.decoder if hasattr(model.base_model, "decoder") else model.base_model
    positions = body.wpe if hasattr(body, "wpe") else body.embed_positions
    model.get_input_embeddings().weight.add_(constant)
    positions.weight.sub_(constant)


def shift_bias(model: PreTrainedModel, constant: torch.Tensor) -> None:
    """Onto the token embeddings, and off again by the bias of a first layer that does nothing else."""
    model.model.embed_tokens.weight.add_(constant)
    model.model.layers[0].mlp.down_proj.bias.sub_(constant)


def with_an_idle_first_layer(model: PreTrainedModel) -> PreTrainedModel:
    first = model.model.layers[0]
    for parameter in (first.self_attn.o_proj.weight, *first.mlp.down_proj.parameters()):
        parameter.zero_()
    return model


@pytest.mark.parametrize(
    ("architecture", "sizes", "shift"),
    [
        ("gpt2", {}, shift_positions),
        ("opt", {"word_embed_proj_dim": 32}, shift_positions),
        ("llama", {"mlp_bias": True}, shift_bias),
    ],
    ids=["gpt2", "opt", "llama"],
)
def test_a_constant_moved_between_embeddings_changes_only_the_view_of_the_paper(
    architecture: str,
    sizes: dict[str, Any],
    shift: Callable[[PreTrainedModel, torch.Tensor], None],
    probes: ProbeSet,
) -> None:
    """The paper's attributions follow the constant though the function stays; the contrast view does not."""
    model = tiny_model(architecture, **sizes)
    if architecture == "llama":
        model = with_an_idle_first_layer(model)
    paper, contrast, loglik = measure_in_place(model, probes)
    embeddings = model.get_input_embeddings().weight
    constant = 3 * embeddings.std() * torch.randn(embeddings.shape[1], generator=torch.Generator().manual_seed(4))
    shift(model, constant)
    shifted_paper, shifted_contrast, shifted_loglik = measure_in_place(model, probes)
    np.testing.assert_allclose(shifted_loglik, loglik, atol=1e-2)
    assert distance(paper, shifted_paper) > 0.2
    assert distance(contrast, shifted_contrast) < 1e-4
