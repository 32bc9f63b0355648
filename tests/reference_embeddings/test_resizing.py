"""Changes of shape and of single weights: sizes, what is kept, what is drawn anew."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from reference_embeddings.recipe.anatomy import layers_of, matrix, neurons_of, part_of
from reference_embeddings.recipe.architectures import ARCHITECTURES, build_model
from reference_embeddings.recipe.corpus import Corpora
from reference_embeddings.recipe.disturbing import add_noise, anchor_tokens, reset_anchors
from reference_embeddings.recipe.folder import Context, Model
from reference_embeddings.recipe.merging import merge_independent
from reference_embeddings.recipe.plan import Recipe
from reference_embeddings.recipe.resizing import make_experts, narrow, neuron_norms, repeat_layers
from reference_embeddings.recipe.rewriting import untie
from reference_embeddings.recipe.vocabularies import train_tokenizer, wrap
from tests.reference_embeddings.networks import SIZE, lively_network, said

UNHEALED: dict[str, Any] = {"corpus": "tech", "heal_steps": 0}


@pytest.fixture(scope="module")
def tokenizer(recipe: Recipe, corpora: Corpora) -> Any:
    return wrap(train_tokenizer(recipe.tokenizers["bpe-1024"], corpora, 1))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_repeated_layers_are_copies_with_weights_of_their_own(
    architecture: str, context: Context, tmp_path: Path
) -> None:
    before = lively_network(architecture, layers=3)
    made = repeat_layers(context, [Model(copy.deepcopy(before), None)], layers=[0, 1, 1, 2], **UNHEALED).network
    old, new = layers_of(before), layers_of(made)
    assert len(new) == made.config.num_hidden_layers == 4
    for number, source in enumerate([0, 1, 1, 2]):
        pairs = zip(new[number].parameters(), old[source].parameters(), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)
    assert next(new[1].parameters()) is not next(new[2].parameters())
    torch.testing.assert_close(said(_read_back(made, tmp_path)), said(made))


@pytest.mark.parametrize("architecture", sorted(set(ARCHITECTURES) - {"bloom"}))
def test_the_weakest_neurons_go(architecture: str, context: Context, tmp_path: Path) -> None:
    network = lively_network(architecture)
    layer, count = layers_of(network)[0], neurons_of(network, layers_of(network)[0])
    least = neuron_norms(network, layer).sort().values[count // 4]
    made = narrow(context, [Model(network, None)], neurons=0.25, **UNHEALED).network
    layer = layers_of(made)[0]
    assert neurons_of(made, layer) == count - round(0.25 * count)
    assert neuron_norms(made, layer).min() == pytest.approx(float(least))
    torch.testing.assert_close(said(_read_back(made, tmp_path)), said(made))


def test_a_neuron_that_says_nothing_is_not_missed(context: Context) -> None:
    network = lively_network("mixtral")
    silent = torch.arange(0, neurons_of(network, layers_of(network)[0]), 4)
    for layer in layers_of(network):
        matrix(part_of(layer, "mlp.experts.down_proj"))[..., silent] = 0
    before = said(network)
    made = narrow(context, [Model(network, None)], neurons=0.25, **UNHEALED).network
    torch.testing.assert_close(said(made), before)


@pytest.mark.parametrize("architecture", ["llama", "mistral", "gemma", "mixtral"])
def test_a_narrow_residual_stream(architecture: str, context: Context, tmp_path: Path) -> None:
    network = lively_network(architecture)
    made = narrow(context, [Model(network, None)], neurons=0.25, channels=8, **UNHEALED).network
    assert made.get_input_embeddings().weight.shape[1] == made.config.hidden_size == 24
    assert made.config.head_dim == 8
    torch.testing.assert_close(said(_read_back(made, tmp_path)), said(made))


def test_what_cannot_be_narrowed(context: Context) -> None:
    with pytest.raises(ValueError, match="is fixed"):
        narrow(context, [Model(lively_network("bloom"), None)], neurons=0.5, **UNHEALED)
    with pytest.raises(ValueError, match="as wide as"):
        narrow(context, [Model(lively_network("gpt2"), None)], neurons=0.5, channels=8, **UNHEALED)


@pytest.mark.parametrize("architecture", ["llama", "mistral"])
def test_equal_experts_say_what_the_dense_model_says(architecture: str, context: Context, tmp_path: Path) -> None:
    network = lively_network(architecture)
    made = make_experts(context, [Model(network, None)], noise=0.0, **UNHEALED).network
    assert made.config.model_type == "mixtral" and made.config.num_local_experts == 4
    torch.testing.assert_close(said(made), said(network), atol=1e-4, rtol=0)
    noisy = make_experts(context, [Model(network, None)], noise=0.1, **UNHEALED).network
    first, second = part_of(layers_of(noisy)[0], "mlp.experts.down_proj").data[:2]
    assert 0.05 < float((first - second).norm() / first.norm()) < 0.25
    torch.testing.assert_close(said(_read_back(noisy, tmp_path)), said(noisy))


def test_a_merge_of_independents_is_the_mean(context: Context) -> None:
    parents = [lively_network("llama"), copy.deepcopy(lively_network("llama"))]
    for weight in parents[1].parameters():
        weight.data = -weight.data
    made = merge_independent(context, [Model(parent, None) for parent in parents], **UNHEALED).network
    assert all(not weight.any() for weight in made.parameters())


@pytest.mark.parametrize("sigma", [0.05, 0.2])
def test_noise_has_the_size_it_is_said_to_have(sigma: float, context: Context) -> None:
    network = lively_network("gpt2")
    before = copy.deepcopy(network)
    add_noise(context, [Model(network, None)], sigma=sigma)
    for old, new in zip(before.parameters(), network.parameters(), strict=True):
        assert float((new.data - old.data).norm() / old.data.norm()) == pytest.approx(sigma, rel=0.4)


@pytest.mark.parametrize("tied", [True, False])
def test_common_words_get_new_embeddings(tied: bool, context: Context, tokenizer: Any) -> None:
    network = build_model("gpt2", SIZE, len(tokenizer), 64, {"pad_token_id": None}, seed=0)
    if not tied:
        untie(network)
    before = network.get_input_embeddings().weight.detach().clone()
    ids = anchor_tokens(context, tokenizer, 20)
    reset_anchors(context, [Model(network, tokenizer)], words=20, **UNHEALED)
    tables = [part.weight.detach() for part in (network.get_input_embeddings(), network.get_output_embeddings())]
    assert torch.equal(tables[0], tables[1]) == tied
    for table in tables:
        assert sorted(set((table != before).any(1).nonzero().flatten().tolist())) == ids
        assert float(table[ids].std()) == pytest.approx(float(before.std()), rel=0.2)


def _read_back(network: Any, folder: Path) -> Any:
    network.save_pretrained(folder)
    return type(network).from_pretrained(folder).eval()
