"""Evasions change weights, shapes and entries, and keep what the model says, on every architecture they are for."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from provcheck.bank.ancestry import EVASIONS as NAMES
from provcheck.bank.ancestry import SAME_FUNCTION
from reference_embeddings.recipe.architectures import ARCHITECTURES, build_model
from reference_embeddings.recipe.corpus import Corpora
from reference_embeddings.recipe.evading import EVASIONS, VOCABULARY, evade
from reference_embeddings.recipe.folder import Context, Model, load_model
from reference_embeddings.recipe.mechanisms import MECHANISMS
from reference_embeddings.recipe.plan import Recipe, load_recipe
from reference_embeddings.recipe.rewriting import REWRITES
from reference_embeddings.recipe.vocabularies import train_tokenizer, wrap
from tests.reference_embeddings.networks import SIZE, lively_network, said

FURTHER = set(EVASIONS) - set(REWRITES)
FITS = {
    "duplicate-neurons": set(ARCHITECTURES) - {"bloom"},
    "duplicate-some-neurons": set(ARCHITECTURES) - {"bloom"},
    "reorder-heads": set(ARCHITECTURES) - {"bloom"},
    "shift-embeddings": {"gpt2", "opt"},
}
TEXT = "tamo renwal is contract <s> 中 👍 the sea"


@pytest.fixture(scope="module", params=load_recipe().tokenizers)
def tokenizer(request: pytest.FixtureRequest, recipe: Recipe, corpora: Corpora) -> Any:
    return wrap(train_tokenizer(recipe.tokenizers[request.param], corpora, 1))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("kind", sorted(FURTHER))
def test_logits_stay(architecture: str, kind: str, context: Context) -> None:
    network = lively_network(architecture)
    evading = Model(copy.deepcopy(network), None)
    if architecture not in FITS[kind]:
        with pytest.raises(ValueError, match=r"is fixed|cannot change places|no position"):
            evade(context, [evading], kinds=[kind])
        return
    evade(context, [evading], kinds=[kind])
    torch.testing.assert_close(said(evading.network), said(network), atol=1e-4, rtol=0)
    pairs = zip(network.parameters(), evading.network.parameters(), strict=False)
    assert any(a.shape != b.shape or (a != b).any() for a, b in pairs)


@pytest.mark.parametrize("architecture", sorted(FITS["duplicate-neurons"]))
def test_duplicates_grow_the_block_and_are_read_back(architecture: str, context: Context, tmp_path: Path) -> None:
    made = evade(context, [Model(lively_network(architecture), None)], kinds=["duplicate-neurons"]).network
    made.save_pretrained(tmp_path)
    again = type(made).from_pretrained(tmp_path).eval()
    torch.testing.assert_close(said(again), said(made), atol=1e-5, rtol=0)
    pairs = zip(lively_network(architecture).parameters(), made.parameters(), strict=True)
    assert {after.numel() / before.numel() for before, after in pairs} == {1, 2}


@pytest.mark.parametrize("architecture", ["opt", "phi"])
def test_other_numbers_for_the_same_text(architecture: str, tokenizer: Any, context: Context, tmp_path: Path) -> None:
    """The folder is read back, so tokenizer.json, the config and both embeddings agree. Phi's entries have biases."""
    roles = ("bos_token_id", "eos_token_id", "pad_token_id")
    special = {role: getattr(tokenizer, role) for role in roles}
    network = build_model(architecture, SIZE, len(tokenizer), 64, special, seed=0).eval()
    for bias in (weight for name, weight in network.named_parameters() if name == "lm_head.bias"):
        bias.data = torch.randn(len(tokenizer), generator=torch.Generator().manual_seed(1))
    made = evade(context, [Model(copy.deepcopy(network), tokenizer)], kinds=[VOCABULARY])
    made.network.save_pretrained(tmp_path)
    made.tokenizer.save_pretrained(tmp_path)
    again = load_model(tmp_path)
    before, after = tokenizer(TEXT)["input_ids"], again.tokenizer(TEXT)["input_ids"]
    assert before != after
    assert tokenizer.convert_ids_to_tokens(before) == again.tokenizer.convert_ids_to_tokens(after)
    assert again.tokenizer.decode(after) == tokenizer.decode(before)
    assert {role: getattr(again.tokenizer, role) for role in roles} == {
        role: getattr(again.network.config, role) for role in roles
    }
    words = list(tokenizer.get_vocab())
    old, new = (torch.tensor(one.convert_tokens_to_ids(words)) for one in (tokenizer, again.tokenizer))
    torch.testing.assert_close(said(again.network, after)[..., new], said(network, before)[..., old], atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_an_evasion_is_known_to_keep_the_function(name: str) -> None:
    assert MECHANISMS[name] is evade and name in SAME_FUNCTION


def test_only_evasions_are_evasions() -> None:
    assert {name for name, does in MECHANISMS.items() if does is evade} == NAMES


def test_all_at_once(context: Context, recipe: Recipe) -> None:
    """The lists of the recipe itself, on its architectures."""
    members = recipe.members()
    lists = [(m, members[m.parents[0]]) for m in members.values() if m.mechanism == "evasion-all"]
    assert {parent.parameters["architecture"] for _, parent in lists} == {"llama", "gpt2", "mixtral"}
    for member, parent in lists:
        network = lively_network(parent.parameters["architecture"])
        evade(context, [Model(network, None)], kinds=[k for k in member.parameters["kinds"] if k != VOCABULARY])
