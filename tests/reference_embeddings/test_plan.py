"""The recipe is what the project asked for: enough models, pairs that differ in one thing, clean splits."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from itertools import combinations

import pytest
import torch

from reference_embeddings.recipe.architectures import build_model
from reference_embeddings.recipe.mechanisms import MECHANISMS
from reference_embeddings.recipe.plan import FROM_SCRATCH, Member, Recipe, Root, load_recipe, root_of, select

FIELDS = ("architecture", "corpus", "tokenizer", "size", "seed")
RECIPE = load_recipe()
MEMBERS = RECIPE.members()
BEFORE = {FROM_SCRATCH, "fine-tune", "preference", "lora", "continued-pretraining", "merge", "quantize", "prune"}
BEFORE |= {"layer-drop", "vocabulary", "tokenizer-swap", "distillation", "rewrite"}
DERIVED = [m for m in MEMBERS.values() if m.parents]


def test_roots_are_many_and_different() -> None:
    roots = RECIPE.roots.values()
    assert len(roots) >= 16
    assert len({root.architecture for root in roots}) >= 8
    assert len({root.tokenizer for root in roots}) >= 5
    assert len({root.corpus for root in roots}) >= 4


@pytest.mark.parametrize(("field", "least"), [("seed", 4), ("size", 3), ("corpus", 3), ("architecture", 3)])
def test_pairs_of_roots_that_differ_in_one_thing(field: str, least: int) -> None:
    assert len([pair for pair in combinations(RECIPE.roots.values(), 2) if _differ_only_in(field)(*pair)]) >= least


def test_derived_models_are_many_and_spread() -> None:
    assert len(DERIVED) >= 80
    assert {m.mechanism for m in DERIVED} == set(MECHANISMS) - {FROM_SCRATCH}
    assert {root_of(m.name, MEMBERS) for m in DERIVED} == set(RECIPE.roots)


def test_some_lines_have_three_generations() -> None:
    assert [m for m in DERIVED if MEMBERS[m.parents[0]].parents and MEMBERS[MEMBERS[m.parents[0]].parents[0]].parents]


def test_splits_follow_families_and_hold_out_a_third() -> None:
    held_out = [root for root in RECIPE.roots.values() if root.split == "held-out"]
    assert 0.3 <= len(held_out) / len(RECIPE.roots) <= 0.4
    splits = {(m.family, m.split) for m in MEMBERS.values()}
    assert len(splits) == len({family for family, _ in splits})
    assert all(MEMBERS[parent].split == m.split for m in DERIVED for parent in m.parents)


def test_merges_are_of_siblings() -> None:
    merges = [m for m in DERIVED if m.mechanism == "merge"]
    assert all(len(m.parents) >= 2 and len({root_of(p, MEMBERS) for p in m.parents}) == 1 for m in merges)


@pytest.mark.parametrize("member", MEMBERS.values(), ids=lambda m: m.name)
def test_parameters_fit_the_mechanism(member: Member) -> None:
    inspect.signature(MECHANISMS[member.mechanism]).bind(None, [], **member.parameters)
    assert member.parameters.get("corpus", "tech") in RECIPE.mixes
    assert member.parameters.get("tokenizer", "bpe-1024") in RECIPE.tokenizers
    assert member.name == member.name.lower() and len(member.name) <= 40


def test_demo_has_two_families_and_its_subjects_have_references() -> None:
    demo = [m for m in MEMBERS.values() if "demo" in m.sets]
    bank = {m.name for m in demo if "subject" not in m.sets}
    assert 8 <= len(demo) <= 10
    assert len({m.family for m in demo}) == 2
    for m in demo:
        if "subject" in m.sets and m.parents:
            assert set(m.parents) <= bank
        elif "subject" in m.sets:
            assert any(MEMBERS[name].family == m.family for name in bank)


@pytest.mark.parametrize(("scale", "least", "most"), [("tiny", 350_000, 1_000_000), ("small", 9e6, 30e6)])
def test_roots_have_the_size_of_their_scale(scale: str, least: float, most: float) -> None:
    for name in RECIPE.roots:
        assert least <= _weights(name, scale) <= most, name


def test_demo_models_are_really_small() -> None:
    assert all(_weights(name, "tiny") < 750_000 for name, root in RECIPE.roots.items() if "demo" in root.sets)


def test_naming_a_model_brings_its_ancestors_first() -> None:
    chosen = [m.name for m in select(MEMBERS, ["llama-tech-s1-sft-long-dpo-4bit"])]
    assert chosen == ["llama-tech-s1", "llama-tech-s1-sft-long", "llama-tech-s1-sft-long-dpo", chosen[-1]]


def test_the_demo_set_is_made_first_and_parents_before_children() -> None:
    everything = select(MEMBERS)
    place = {m.name: number for number, m in enumerate(everything)}
    assert all("demo" in m.sets for m in everything[: len(select(MEMBERS, set_name="demo"))])
    assert all(place[parent] < place[m.name] for m in everything for parent in m.parents)


def test_a_shared_initialisation_stays_in_its_split_and_varies_one_thing() -> None:
    """Another corpus, another order of the data, another number of layers; each in both splits."""
    apart = [(root, RECIPE.roots[root.init]) for root in RECIPE.roots.values() if root.init]
    for field in ("corpus", "seed", "size"):
        splits = {one.split for one, first in apart if _differences(one, first) - {"seed"} == {field} - {"seed"}}
        assert splits == {"calibration", "held-out"}, field
    assert all(one.split == first.split for one, first in apart)


@pytest.mark.parametrize(
    "change", [{"init": "nobody"}, {"init": "llama-speech-same-init"}, {"init": "phi-tech-s1"}, {"split": "held-out"}]
)
def test_only_an_earlier_root_of_the_same_kind_gives_its_weights(change: dict[str, str]) -> None:
    roots = {name: root.model_dump() for name, root in RECIPE.roots.items()}
    roots["another"] = roots["llama-speech-same-init"] | change
    with pytest.raises(ValueError, match="another cannot start from"):
        Recipe.model_validate(RECIPE.model_dump(by_alias=True) | {"roots": roots}).members()


def test_merges_of_independents_have_one_shape_and_no_common_ancestor() -> None:
    merges = [m for m in DERIVED if m.mechanism == "merge-independent"]
    assert {m.split for m in merges} == {"calibration", "held-out"}
    for m in merges:
        one, other = (MEMBERS[parent].parameters for parent in m.parents)
        assert len({root_of(parent, MEMBERS) for parent in m.parents}) == 2
        assert all(one[name] == other[name] for name in ("architecture", "size", "tokenizer"))


@pytest.mark.parametrize("mechanism", sorted(set(MECHANISMS) - BEFORE))
def test_what_weights_must_fear_is_in_both_splits_and_two_architectures(mechanism: str) -> None:
    found = [m for m in DERIVED if m.mechanism == mechanism]
    assert {m.split for m in found} == {"calibration", "held-out"}
    assert len({m.family.partition("-")[0] for m in found}) >= (2 if mechanism != "evasion-shift" else 1)


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(KeyError, match="no such model"):
        select(MEMBERS, ["llama-tech-s9"])


def test_a_model_without_its_parent_is_an_error() -> None:
    orphan = {"from": ["nobody"], "do": "quantize", "with": {"bits": 4}}
    with pytest.raises(ValueError, match="nobody"):
        Recipe.model_validate(RECIPE.model_dump(by_alias=True) | {"derived": {"orphan": orphan}}).members()


def _weights(root: str, scale: str) -> int:
    described, made = RECIPE.roots[root], RECIPE.scales[scale]
    entries = RECIPE.tokenizers[described.tokenizer].entries * made.vocabulary_factor
    size = made.sizes[described.size]
    with torch.device("meta"):
        network = build_model(described.architecture, size, entries, made.context, {"pad_token_id": None}, 0)
    return sum(weight.numel() for weight in network.parameters())


def _differ_only_in(field: str) -> Callable[[Root, Root], bool]:
    def differ(one: Root, other: Root) -> bool:
        return _differences(one, other) == {field}

    return differ


def _differences(one: Root, other: Root) -> set[str]:
    return {name for name in FIELDS if getattr(one, name) != getattr(other, name)}
