"""The rival baselines: what each finds, what it is blind to, and its formula written out."""

from __future__ import annotations

import copy
from functools import cache
from itertools import permutations
from math import isnan, log10
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from scipy import stats
from typer.testing import CliRunner

from provcheck.bank.folder import verify_bank
from provcheck.evaluation.weight_based import FILE, RIVALS
from provcheck.types import Floats
from reference_embeddings.recipe import parts as reading
from reference_embeddings.recipe.__main__ import app
from reference_embeddings.recipe.anatomy import anatomy_of, layers_of, part_of
from reference_embeddings.recipe.architectures import ARCHITECTURES, build_model
from reference_embeddings.recipe.parts import LayerParts, Parts, prompts_of, take_apart
from reference_embeddings.recipe.plan import Size
from reference_embeddings.recipe.rewriting import REWRITES
from reference_embeddings.recipe.rivals import (
    COMPARE,
    _centred,
    _evidence,
    _matched,
    awm,
    common_tokens,
    huref,
    similarity_matrices,
)
from tests.synthetic import make_bank, make_blocks
from tests.tiny import save_tiny

SIZE, VOCABULARY = Size(width=32, layers=3, heads=4), 64
HIGHEST = {name: log10(301) if name.startswith("MATCH") else 1.0 for name in RIVALS}
NULL = {"MATCH, weights": 0.7, "MATCH, activations": 0.7, "HuRef": 0.25, "AWM": 0.2, "Sampled cosine": 0.1}
"""0.7 is a p of 1e-4."""

BLIND = {
    "permute-neurons": {"Sampled cosine"},
    "permute-residual": {"MATCH, weights", "Sampled cosine"},
    "rotate-residual": {"MATCH, weights", "AWM", "Sampled cosine"},
    "rescale-neurons": set(),
    "rescale-values": set(),
}
"""What an evader can do to a llama, and which methods find nothing like the full similarity then."""

TOKENS = {f"t{row}": row for row in range(VOCABULARY)}
COUNTS = {token: VOCABULARY - row for token, row in TOKENS.items()}
PROMPTS = [
    torch.randint(VOCABULARY, (3 + n % 5,), generator=torch.Generator().manual_seed(n)).tolist() for n in range(48)
]


def network_of(architecture: str, seed: int, size: Size = SIZE) -> Any:
    """Random weights, larger than fresh ones, so that layers do something; norms and biases as they start."""
    special = dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id"))
    network = build_model(architecture, size, VOCABULARY, 64, special, seed).eval()
    for weight in network.parameters():
        weight.data *= 4 if weight.dim() > 1 else 1
    return network


def parts_of(network: Any) -> Parts:
    return take_apart(network, PROMPTS, TOKENS, COUNTS)


@cache
def made(architecture: str, seed: int) -> Parts:
    return parts_of(network_of(architecture, seed))


# What they find


def test_the_table_has_every_rival() -> None:
    assert tuple(COMPARE) == RIVALS


@pytest.mark.parametrize("rival", RIVALS)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_same_model_and_an_independent_one(architecture: str, rival: str) -> None:
    first, second = made(architecture, 1), made(architecture, 2)
    assert COMPARE[rival](first, first) == pytest.approx(HIGHEST[rival], abs=1e-5)
    assert abs(COMPARE[rival](first, second)) < NULL[rival]


@pytest.mark.parametrize("rival", RIVALS)
@pytest.mark.parametrize("architecture", ["llama", "gpt2", "mixtral"])
def test_a_model_with_noise_is_kin(architecture: str, rival: str) -> None:
    network = network_of(architecture, 1)
    torch.manual_seed(5)
    for weight in network.parameters():
        weight.data += 0.1 * weight.std(correction=0) * torch.randn_like(weight)
    assert COMPARE[rival](made(architecture, 1), parts_of(network)) > 0.8


@pytest.mark.parametrize("rival", RIVALS)
@pytest.mark.parametrize("kind", BLIND)
def test_what_an_evader_can_do(kind: str, rival: str) -> None:
    network = network_of("llama", 1)
    REWRITES[kind](network, torch.Generator().manual_seed(3))
    found = COMPARE[rival](made("llama", 1), parts_of(network))
    if rival in BLIND[kind]:
        assert found < 0.75 * HIGHEST[rival]
    elif kind.startswith("rescale"):
        assert found > 0.5 * HIGHEST[rival]
    else:
        assert found == pytest.approx(HIGHEST[rival], abs=1e-4)


def test_what_cannot_be_compared() -> None:
    """Another width; a gate on one side only; no common tokens."""
    wide = parts_of(network_of("llama", 1, Size(width=48, layers=2, heads=4)))
    first, second = made("llama", 1), made("gpt2", 1)
    found = {name: compare(first, wide) for name, compare in COMPARE.items()}
    assert {name for name, value in found.items() if isnan(value)} == {"MATCH, weights"}
    assert found["Sampled cosine"] == 0 and abs(found["AWM"]) < NULL["AWM"]
    assert {name for name, compare in COMPARE.items() if isnan(compare(first, second))} == {
        "MATCH, weights",
        "MATCH, activations",
    }
    strange = take_apart(network_of("llama", 1), PROMPTS, {f"x{row}": row for row in range(9)}, {})
    assert {name for name, compare in COMPARE.items() if isnan(compare(first, strange))} == {"HuRef", "AWM"}


def test_all_pairs_and_both_ways() -> None:
    models = [made("llama", 1), made("gpt2", 1), made("llama", 2)]
    said: list[int] = []
    found = similarity_matrices(models, said.append)
    assert tuple(found) == RIVALS and said == [0, 1, 2]
    for name, matrix in found.items():
        np.testing.assert_array_equal(matrix, matrix.T)
        assert matrix.dtype == np.float16
        assert matrix[0, 2] == pytest.approx(COMPARE[name](models[0], models[2]), rel=1e-3, abs=1e-3)


# The formulas written out


@pytest.mark.parametrize("rows", [(5, 5), (4, 6), (6, 4)])
def test_matching_by_trying_all_orders(rows: tuple[int, int]) -> None:
    stream = np.random.default_rng(sum(rows) + rows[0])
    first, second = ((unit(stream.standard_normal((n, 8))), unit(stream.standard_normal((n, 8)))) for n in rows)
    one, other = (best_order(a, b) for a, b in zip(first, second, strict=True))
    expected = stats.spearmanr(one, other, alternative="greater").pvalue
    assert _matched(first, second) == pytest.approx(expected, rel=1e-6)


def best_order(first: Floats, second: Floats) -> tuple[int, ...]:
    """For each row of the shorter side its partner, all cosines summing up to the most."""
    few, many = (first, second) if len(first) <= len(second) else (second, first)
    return max(permutations(range(len(many)), len(few)), key=lambda o: sum(few[i] @ many[j] for i, j in enumerate(o)))


def unit(rows: Floats) -> Floats:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def test_evidence_is_fishers() -> None:
    p_values = [0.3, 1e-5, 0.02]
    assert _evidence(p_values) == pytest.approx(log10(1 - log10(stats.combine_pvalues(p_values, "fisher").pvalue)))
    assert _evidence([0.0] * 3) == HIGHEST["MATCH, weights"]


def test_unbiased_cka() -> None:
    """HSIC1 of Song et al. (2012): [tr K~L~ + 1'K~1 1'L~1 / ((n-1)(n-2)) - 2 1'K~L~1 / (n-2)] / (n (n-3))."""
    stream = np.random.default_rng(0)
    grams = np.array([[x @ x.T for x in stream.standard_normal((2, 9, 5))] for _ in range(2)])
    found = _centred(grams)
    expected = np.mean([hsic(k, m) / np.sqrt(hsic(k, k) * hsic(m, m)) for k, m in zip(grams[0], grams[1], strict=True)])
    assert found[0] @ found[1] / 2 == pytest.approx(expected)


def hsic(first: Floats, second: Floats) -> float:
    n, one = len(first), np.ones(len(first))
    k, m = (gram - np.diag(np.diag(gram)) for gram in (first, second))
    total = np.trace(k @ m) + (one @ k @ one) * (one @ m @ one) / ((n - 1) * (n - 2)) - 2 * one @ k @ m @ one / (n - 2)
    return float(total / (n * (n - 3)))


def test_awm_finds_order_and_signs_of_channels() -> None:
    """And pairs the layers of a model that lost one."""
    first, stream = made("gpt2", 1), np.random.default_rng(4)
    turned = np.eye(SIZE.width)[stream.permutation(SIZE.width)] * stream.choice([-1, 1], SIZE.width)
    hidden = Parts(
        tuple(turned_layer(layer, turned) for layer in first.layers),
        first.embeddings @ turned,
        first.rows,
        first.counts,
        {},
    )
    dropped = Parts(hidden.layers[1:], hidden.embeddings, first.rows, first.counts, {})
    assert awm(first, hidden) == pytest.approx(1, abs=1e-5) == awm(hidden, first)
    assert awm(first, dropped) == pytest.approx(1, abs=1e-5) == awm(dropped, first)


def turned_layer(layer: LayerParts, basis: Floats) -> LayerParts:
    """Queries and keys in another basis of the residual stream; what AWM does not read stays."""
    return LayerParts(
        layer.q @ basis, layer.k @ basis, layer.v, layer.o, layer.gate, layer.up, layer.down, layer.inputs
    )


def test_huref_term_by_term() -> None:
    first, second = made("llama", 1), made("llama", 2)
    terms = [np.array(list(literal_terms(model))) for model in (first, second)]
    standard = [(one - one.mean(axis=(1, 2), keepdims=True)) / one.std(axis=(1, 2), keepdims=True) for one in terms]
    one, other = (found.ravel() for found in standard)
    expected = one @ other / np.sqrt((one @ one) * (other @ other))
    assert huref(first, second) == pytest.approx(expected, abs=1e-5)


def literal_terms(model: Parts) -> list[Floats]:
    """Head by head, and neuron by neuron."""
    x, e = model.embeddings[list(range(VOCABULARY))].astype(np.float64), SIZE.width // SIZE.heads
    found = []
    for layer in model.layers[-2:]:
        heads = [slice(h * e, h * e + e) for h in range(SIZE.heads)]
        found += [
            np.asarray(sum((x @ layer.q[h].T) @ (x @ layer.k[h].T).T for h in heads)),
            np.asarray(sum((x @ layer.v[h].T) @ (x @ layer.o[:, h]).T for h in heads)),
            np.asarray(sum(np.outer(x @ row, x @ column) for row, column in zip(layer.up, layer.down.T, strict=True))),
        ]
    return found


def test_common_tokens_are_the_most_frequent_first() -> None:
    first, second = made("llama", 1), copy.copy(made("llama", 2))
    object.__setattr__(second, "rows", {"t7": 0, "t3": 1, "x": 2, "t5": 3})
    object.__setattr__(second, "counts", {"t7": 100, "t3": 0, "x": 500, "t5": 0})
    assert common_tokens(first, second) == ["t7", "t3", "t5"]


# How a model is taken apart


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_values_and_output_are_what_attention_does_with_one_token(architecture: str) -> None:
    network = network_of(architecture, 1)
    layer, parts = layers_of(network)[1], parts_of(network).layers[1]
    readers = anatomy_of(network).readers
    reader = next(name for names in readers.values() for name in names if "att" in name)
    seen = seen_by(network, part_of(layer, reader), part_of(layer, anatomy_of(network).writers[0]), [[5]])
    np.testing.assert_allclose(parts.o @ parts.v @ seen[0], seen[1], atol=1e-4)


@pytest.mark.parametrize("architecture", [one for one in ARCHITECTURES if one != "mixtral"])
def test_up_rows_and_inputs_give_what_the_block_computes(architecture: str) -> None:
    """At the last token of each prompt, however it is padded."""
    network = network_of(architecture, 1)
    layer, parts = layers_of(network)[1], parts_of(network).layers[1]
    up = part_of(layer, anatomy_of(network).inner[0][-1])
    for prompt, read in zip(PROMPTS[:8], parts.inputs, strict=False):
        np.testing.assert_allclose(parts.up @ read, seen_by(network, up, up, [prompt])[1], atol=1e-4)


def seen_by(network: Any, reader: Any, writer: Any, ids: list[list[int]]) -> tuple[Floats, Floats]:
    """The last token's input of one module and output of another."""
    seen: dict[str, Floats] = {}
    reader.register_forward_pre_hook(lambda _, given: seen.update(read=given[0].reshape(-1, SIZE.width)[-1].numpy()))
    writer.register_forward_hook(lambda _, __, out: seen.update(wrote=out.reshape(-1, out.shape[-1])[-1].numpy()))
    with torch.no_grad():
        network(input_ids=torch.tensor(ids))
    return seen["read"], seen["wrote"]


def test_experts_count_as_one_wide_block() -> None:
    network = network_of("mixtral", 1)
    experts, parts = part_of(layers_of(network)[1], "mlp.experts"), parts_of(network).layers[1]
    stored, back = experts.gate_up_proj.detach().numpy(), experts.down_proj.detach().numpy()
    n = stored.shape[1] // 2
    assert parts.gate is not None
    for expert in range(len(stored)):
        rows = slice(expert * n, expert * n + n)
        np.testing.assert_array_equal(parts.gate[rows], stored[expert, :n])
        np.testing.assert_array_equal(parts.up[rows], stored[expert, n:])
        np.testing.assert_array_equal(parts.down[:, rows], back[expert])


def test_prompts_are_whole_words() -> None:
    texts = [f"text number {n} of many that are longer than forty characters" for n in range(300)]
    found = prompts_of(texts)
    assert len(found) == 256 == len(set(found))
    assert found[0] == "text number 0 of many that are longer"


def test_the_command_puts_the_similarities_into_the_bank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PROMPTS", 20)
    for name, seed in {"a": 1, "b": 2}.items():
        save_tiny(tmp_path / "zoo" / name, seed=seed)
    bank = make_bank(tmp_path / "bank", {f"zoo/{name}": make_blocks(seed) for seed, name in enumerate("ab")})
    done = CliRunner().invoke(app, ["rivals", "--out", str(tmp_path / "zoo"), "--bank", str(bank.folder)])
    assert done.exit_code == 0, done.output
    verify_bank(str(bank.folder))
    found = load_file(bank.folder / FILE)
    assert set(found) == set(RIVALS)
    for name, matrix in found.items():
        np.testing.assert_allclose(np.diag(matrix), HIGHEST[name], atol=2e-3)
        assert abs(matrix[0, 1]) < HIGHEST[name] / 2
