"""Every mechanism on a very small zoo, made through the runner as in real life."""

from __future__ import annotations

import json

import pytest
import torch

from reference_embeddings.recipe.compression import round_trip
from reference_embeddings.recipe.folder import load_model
from reference_embeddings.recipe.merging import linear, slerp, ties
from reference_embeddings.recipe.plan import Recipe, select
from reference_embeddings.recipe.runner import Order, make

EXAMPLES = [
    "llama-tech-s1-merge-ties",
    "llama-tech-s1-sft-long-dpo",
    "llama-tech-s1-distil-gpt2",
    "llama-tech-s1-cpt-heavy",
    "gpt2-speech-s1-vocab",
    "gpt2-speech-s1-merge-slerp",
    "gpt2-speech-small-s1-drop1",
    "gpt2-speech-s1-prune70-healed",
    "mistral-tech-s1-merge-linear",
    "mixtral-tech-s1-lora",
    "mixtral-tech-s1-4bit",
    "gemma-mixed-s1-rotated",
    "opt-fiction-s1-swap-unigram",
    "bloom-speech-s1-swap-bpe",
    "stablelm-mixed-s1-sft-twice-lora",
    "phi-tech-s1-drop2",
    "gptneox-speech-s1-permuted",
    "bloom-tech-small-same-init-deep5",
    "mixtral-tech-s1-narrow",
    "mistral-tech-s1-experts",
    "phi-tech-s1-s2-merged",
    "gptneox-speech-s1-noise20-healed",
    "gpt2-speech-s1-shifted",
    "gpt2-fiction-deep-same-init-hidden",
    "phi-tech-s1-anchors",
    "mistral-tech-s1-hidden-sft",
]


@pytest.mark.filterwarnings("ignore:The following .* keys did not match:RuntimeWarning")
@pytest.mark.parametrize("name", EXAMPLES)
def test_a_mechanism_makes_a_model_folder(name: str, order: Order, recipe: Recipe) -> None:
    for member in select(recipe.members(), [name]):
        if not (order.out / member.name / "config.json").exists():
            make(member.name, order)
    folder = order.out / name
    model = load_model(folder)
    ids = torch.tensor([model.tokenizer("tamo is 中 👍")["input_ids"]])
    assert ids.max() < model.network.config.vocab_size == len(model.tokenizer)
    with torch.no_grad():
        assert torch.isfinite(model.network(input_ids=ids).logits).all()
    facts = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    assert 0 < facts["validation_bits_per_byte"] < 20
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert card.startswith("---\nlicense: apache-2.0\n") and f"- zoo/{recipe.members()[name].parents[0]}\n" in card


def test_a_healed_pruned_model_keeps_its_zeros(order: Order) -> None:
    weight = load_model(order.out / "gpt2-speech-s1-prune70-healed").network.transformer.h[0].mlp.c_fc.weight
    assert float((weight == 0).float().mean()) == pytest.approx(0.7, abs=0.01)


def test_the_layers_left_are_one_fewer(order: Order) -> None:
    assert load_model(order.out / "phi-tech-s1-drop2").network.config.num_hidden_layers == 3


@pytest.mark.parametrize("bits", [4, 8])
def test_a_round_trip_leaves_few_values(bits: int) -> None:
    weight = torch.randn(3, 64, generator=torch.Generator().manual_seed(0))
    rounded = round_trip(weight, bits, 32)
    assert len(set(rounded[0, :32].tolist())) <= 2**bits - 1
    assert float((rounded - weight).abs().max()) <= float(weight.abs().max()) / (2**bits - 2) + 1e-6


def test_merges_of_equals_change_nothing() -> None:
    weight, origin = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(0))
    half = torch.tensor([0.5, 0.5])
    torch.testing.assert_close(linear([weight, weight], half), weight)
    torch.testing.assert_close(slerp(weight, weight, 0.3), weight)
    torch.testing.assert_close(ties([weight, weight], origin, half, 1.0), weight)


def test_slerp_keeps_the_length_of_unit_vectors() -> None:
    one, other = torch.eye(2)
    assert float(slerp(one, other, 0.3).norm()) == pytest.approx(1)


def test_ties_drops_small_changes_and_the_weaker_sign() -> None:
    first, second = torch.tensor([4.0, 0.1, 3.0, 0.0]), torch.tensor([2.0, 0.0, -1.0, 0.1])
    merged = ties([first, second], torch.zeros(4), torch.tensor([0.5, 0.5]), 0.5)
    torch.testing.assert_close(merged, torch.tensor([3.0, 0.0, 3.0, 0.0]))
