"""Whether an endpoint serves the weights of a reference: in any number format, but not after a step of tuning."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from provcheck.serving import match_tokens
from provcheck.serving.noise_limits import UNCHANGED, cause_of, exact_interval, finding_of, noise
from provcheck.serving.token_distances import distance, tokens_of
from provcheck.signals.likelihood.token_scores import TokenScores
from provcheck.types import ServedMatch
from tests.benchmarks.serving_noise import as_json
from tests.endpoints import stubs
from tests.tiny import save_tiny

LENGTH = 150
ENDS = np.arange(1, LENGTH + 1)
DICE = np.random.default_rng(0)
TEXTS = ["".join(DICE.choice(list("abcdefgh"), LENGTH)) for _ in range(40)]
BASE = DICE.normal(-3, 1, (40, LENGTH))
SIGNS = DICE.choice([-1.0, 1.0], (40, LENGTH))
LIMITS = noise().limits


def scores(moved: object) -> list[TokenScores]:
    """40 texts of 150 tokens; each number is moved by so much."""
    rows = BASE + np.broadcast_to(np.asarray(moved, dtype=np.float64), BASE.shape)
    rows[:, 0] = np.nan
    return [TokenScores(row, ENDS) for row in rows]


def match(moved: object) -> ServedMatch:
    return match_tokens("ref", TEXTS, scores(moved), EXACT, ROUNDED)


EXACT, ROUNDED = scores(0.0), scores(0.01 * SIGNS)


@pytest.mark.parametrize(
    ("ratio", "finding"),
    [
        (0.0, "identical"), (0.99 * LIMITS.identical, "identical"), (1.01 * LIMITS.identical, "near"),
        (0.99 * LIMITS.near, "near"), (1.01 * LIMITS.near, "changed"), (200.0, "changed"),
    ],
)  # fmt: skip
def test_the_distance_is_read_against_rounding(ratio: float, finding: str) -> None:
    found = match(0.01 * ratio * SIGNS)
    assert found.finding == finding
    assert found.ratio == pytest.approx(ratio, abs=1e-9)


def test_what_moves_the_same_tokens_everywhere_was_trained() -> None:
    """Within the distance of rounding, but every `a` is likelier and every `b` less likely."""
    words = np.array([list(text) for text in TEXTS])
    moved = 0.01 * np.select([words == "a", words == "b"], [3.0, -3.0], 0.7 * SIGNS)
    found = match(moved)
    assert found.ratio is not None and found.ratio < LIMITS.identical
    assert found.pull is not None and found.pull > LIMITS.rounded_pull
    assert (found.finding, found.cause) == ("near", "trained further")
    assert "It was trained further" in found.sentence


def test_what_moves_the_tokens_after_some_token_is_no_pull() -> None:
    words = np.array([list(text) for text in TEXTS])
    before = np.concatenate([words[:, :1], words[:, :-1]], axis=1)
    moved = np.select([before == "a", before == "b"], [0.06, -0.06], 0.02 * SIGNS)
    found = match(moved)
    assert found.pull is not None and found.pull < 0 and found.cause is None


@pytest.mark.parametrize(
    ("ratio", "pull", "nats", "cause"),
    [
        (LIMITS.identical * 0.99, 0.0, 0.01, None),
        (LIMITS.near * 0.99, 0.0, 0.05, None),
        (LIMITS.near * 1.01, 0.0, LIMITS.coarse_nats * 0.99, None),
        (LIMITS.near * 1.01, 0.0, LIMITS.coarse_nats * 1.01, "trained further"),
        (LIMITS.near, LIMITS.rounded_pull * 1.01, 0.01, "trained further"),
        (LIMITS.near * 1.01, 1.0, LIMITS.stranger_nats * 1.01, "trained further or another model"),
    ],
)
def test_the_cause_is_named_only_beyond_every_quantization(
    ratio: float, pull: float, nats: float, cause: str | None
) -> None:
    assert cause_of(ratio, pull, nats, LIMITS) == cause


def test_a_few_wild_tokens_do_not_accuse() -> None:
    moved = np.zeros((40, LENGTH))
    moved[:, ::5] = 3.0
    assert match(moved).finding == "identical"


def test_a_finding_says_how_many_unchanged_models_went_as_far() -> None:
    known = noise().unchanged
    every, none = match(0.0), match(1.0 * SIGNS)
    assert every.unchanged is not None and none.unchanged is not None
    assert (every.unchanged.as_far, every.unchanged.high) == (len(known), 1.0)
    assert (none.unchanged.as_far, none.unchanged.models) == (0, len(known))
    assert none.unchanged.high == pytest.approx(1 - 0.025 ** (1 / len(known)), abs=1e-6)
    assert f"{len(known)} small models that the limits were set on, 0 looked" in none.sentence


def test_other_tokens_are_not_compared() -> None:
    other = [TokenScores(one.nats, one.ends + 1) for one in EXACT]
    found = match_tokens("ref", TEXTS, other, EXACT, ROUNDED)
    assert found.finding == "not comparable" and "other tokens" in found.sentence and found.ratio is None


def test_few_texts_settle_nothing() -> None:
    found = match_tokens("ref", TEXTS, EXACT[:29], EXACT, ROUNDED)
    assert found.finding == "not comparable" and "29 texts" in found.sentence


def test_no_yardstick_no_finding() -> None:
    assert match_tokens("ref", TEXTS, EXACT, EXACT, EXACT).finding == "not comparable"


def test_a_text_that_was_not_scored_is_left_out() -> None:
    gap = [TokenScores(np.zeros(0), np.zeros(0, dtype=np.int64)), *EXACT[1:]]
    found = distance(TEXTS, gap, EXACT, ROUNDED)
    assert (found.texts, found.tokens) == (39, 39 * (LENGTH - 1))


def test_tokens_are_told_by_their_characters() -> None:
    """The same characters have the same number, whatever stands around them."""
    here, before = tokens_of([("The the", np.array([-1, 3, 6])), ("", np.zeros(0, dtype=np.int64))])
    assert here.tolist() == [0, 1, 1] and before.tolist() == [-1, 0, 1]


def test_the_limits_and_rates_that_ship_follow_from_the_cases_that_ship() -> None:
    """The file is what the benchmark writes of its own rows: nothing in it was set by hand."""
    shipped = Path("reference_embeddings/serving_noise.json").read_text("utf-8")
    assert as_json(list(noise().rows)) == shipped


def test_models_held_out_have_no_part_in_the_limits() -> None:
    rows = [row for row in noise().rows if row.split == "calibration"]
    assert json.loads(as_json(rows))["limits"] == LIMITS.model_dump()
    assert set(noise().models["calibration"]).isdisjoint(noise().models["held-out"])
    assert set(noise().unchanged) == set(noise().models["calibration"])
    assert all(finding_of(row.ratio, row.pull, LIMITS) == "identical" for row in rows if row.kind == UNCHANGED)


def test_the_limits_lie_in_order() -> None:
    with pytest.raises(ValueError, match="in another order"):
        as_json([row.model_copy(update={"ratio": 90.0}) if row.kind == UNCHANGED else row for row in noise().rows])
    with pytest.raises(ValueError, match="in another order"):
        as_json([row.model_copy(update={"median_nats": 0.01 * (row.kind == "another model")}) for row in noise().rows])


def test_the_interval_is_that_of_clopper_and_pearson() -> None:
    low, high = exact_interval(0, 10)
    assert low == 0 and high == pytest.approx(0.308497, abs=1e-6)
    assert exact_interval(0, 0) == (0.0, 1.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("reference") / "tiny", seed=1)


def tuned(folder: Path, to: Path) -> Path:
    """The model after three steps of AdamW at 1e-3."""
    network, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    optimizer = torch.optim.AdamW(network.requires_grad_(True).parameters(), lr=1e-3)
    ids = torch.tensor([tokenizer("The harbour pilot waited until the fog had lifted over the bay.")["input_ids"]])
    for _ in range(3):
        network(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    network.save_pretrained(to)
    tokenizer.save_pretrained(to)
    return to


@pytest.mark.parametrize(("dtype", "tune", "finding"), [
    (torch.float32, False, "identical"), (torch.bfloat16, False, "identical"), (torch.bfloat16, True, "changed"),
])  # fmt: skip
def test_an_audit_tells_a_served_model_from_its_fine_tune(
    dtype: torch.dtype, tune: bool, finding: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from provcheck import audit
    from tests.tiny import save_probes, tiny_probes

    del capsys
    short = tiny_probes(texts=240).texts
    joined = [
        one.model_copy(update={"text": " ".join(four.text for four in short[at::60])})
        for at, one in enumerate(short[:60])
    ]
    probes = save_probes(tmp_path / "probes", replace(tiny_probes(), texts=tuple(joined)))
    bank = build(probes, folder, tmp_path)
    model = stubs.Model(tuned(folder, tmp_path / "tuned") if tune else folder, dtype)
    with stubs.serving(model, stubs.vllm) as stub:
        report = audit(stub.endpoint, bank=bank, probes=probes, references=str(folder), cache=False)
    (found,) = report.served
    assert (found.finding == finding) if not tune else found.finding in ("near", "changed"), found
    assert report.verdict.relation.value == "inconclusive", "nearness in log-likelihood accuses nobody"
    assert not [one for one in report.comparisons if one.relation.related]


def build(probes: Path, folder: Path, tmp_path: Path) -> Path:
    """A bank of two other models."""
    from provcheck.cli import run

    lines = ""
    for seed in (5, 6):
        save_tiny(tmp_path / f"seed-{seed}", seed=seed)
        lines += f"  - {{id: org/s{seed}, path: seed-{seed}, family: f{seed}, mechanism: from-scratch}}\n"
    (tmp_path / "bank.yaml").write_text(f"name: two\nmodels:\n{lines}", "utf-8")
    assert (
        run(["bank", "build", str(tmp_path / "bank.yaml"), "--out", str(tmp_path / "bank"), "--probes", str(probes)])
        == 0
    )
    return tmp_path / "bank"
