"""One random initialisation, trained apart: equal before training, other data, other weights after."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from reference_embeddings.recipe.corpus import Corpora
from reference_embeddings.recipe.folder import Context, Model
from reference_embeddings.recipe.plan import Member, Recipe
from reference_embeddings.recipe.tuning import new_network, start_as, train_from_scratch
from reference_embeddings.recipe.vocabularies import train_tokenizer, wrap

APART = ["llama-tech-shallow", "gpt2-fiction-deep", "opt-fiction", "llama-speech"]


@pytest.mark.parametrize("name", APART)
def test_equal_before_training(name: str, context: Context, recipe: Recipe, corpora: Corpora) -> None:
    member, first = _members(f"{name}-same-init", recipe)
    one, other = (_fresh(context, recipe, corpora, m) for m in (first, member))
    before = {key: weight.clone() for key, weight in other.network.state_dict().items()}
    start_as(context, other.network, other.tokenizer, first)
    mine, theirs = one.network.state_dict(), other.network.state_dict()
    assert all(torch.equal(theirs[key], mine[key]) for key in mine.keys() & theirs.keys())
    assert all(torch.equal(theirs[key], before[key]) for key in theirs.keys() - mine.keys())
    assert any(not torch.equal(theirs[key], before[key]) for key in theirs)
    assert (mine.keys() == theirs.keys()) == (first.parameters["size"] == member.parameters["size"])


def test_trained_on_other_data(context: Context, recipe: Recipe, corpora: Corpora) -> None:
    member, first = _members("opt-fiction-same-init", recipe)
    tokenizer = _fresh(context, recipe, corpora, first).tokenizer
    seen = [next(corpora.batches(m.parameters["corpus"], tokenizer, m.seed)) for m in (first, member)]
    assert not torch.equal(*seen)
    shared = {"tokenizer": tokenizer, "steps": 1}
    one = train_from_scratch(replace(context, seed=first.seed), [], **first.parameters | shared)
    other = train_from_scratch(replace(context, seed=member.seed, init=first), [], **member.parameters | shared)
    pairs = zip(one.network.parameters(), other.network.parameters(), strict=True)
    assert any(not torch.equal(a, b) for a, b in pairs)


def _members(name: str, recipe: Recipe) -> tuple[Member, Member]:
    member = recipe.members()[name]
    return member, recipe.members()[member.init or ""]


def _fresh(context: Context, recipe: Recipe, corpora: Corpora, member: Member) -> Model:
    """As it is before the first step, without what it shares."""
    tokenizer = wrap(train_tokenizer(recipe.tokenizers[member.parameters["tokenizer"]], corpora, 1))
    architecture, size = (member.parameters[key] for key in ("architecture", "size"))
    return Model(new_network(replace(context, seed=member.seed), tokenizer, architecture, size), tokenizer)
