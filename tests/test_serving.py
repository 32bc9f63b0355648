"""Whether an endpoint serves the weights of a reference: in any number format, but not after a step of tuning."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from provcheck.serving import limits, match_tokens
from provcheck.signals.likelihood.token_scores import TokenScores
from tests.endpoints import stubs
from tests.tiny import save_tiny

ENDS = np.arange(50)


def scores(moved: Sequence[float]) -> list[TokenScores]:
    """40 texts of 50 tokens; each number is moved by so much."""
    base = np.random.default_rng(0).normal(-3, 1, (40, 50))
    base[:, 0] = np.nan
    return [TokenScores(row + move, ENDS) for row, move in zip(base, np.resize(moved, (40, 50)), strict=True)]


EXACT, ROUNDED = scores([0.0]), scores([0.01, -0.01])


@pytest.mark.parametrize(
    ("moved", "finding"),
    [(0.0, "identical"), (0.011, "identical"), (0.013, "near"), (0.021, "changed"), (2, "changed")],
)
def test_the_distance_is_read_against_rounding(moved: float, finding: str) -> None:
    found = match_tokens("ref", scores([moved]), EXACT, ROUNDED)
    assert found.finding == finding
    assert found.ratio == pytest.approx(moved / 0.01, abs=1e-9)
    assert limits().rates in found.sentence


def test_a_few_wild_tokens_do_not_accuse() -> None:
    moved = np.zeros((40, 50))
    moved[:, ::5] = 3.0
    assert match_tokens("ref", scores(moved), EXACT, ROUNDED).finding == "identical"  # type: ignore[arg-type]


def test_other_tokens_are_not_compared() -> None:
    other = [TokenScores(one.nats, one.ends + 1) for one in EXACT]
    found = match_tokens("ref", other, EXACT, ROUNDED)
    assert found.finding == "not comparable" and "other tokens" in found.sentence and found.ratio is None


def test_few_texts_settle_nothing() -> None:
    found = match_tokens("ref", EXACT[:29], EXACT, ROUNDED)
    assert found.finding == "not comparable" and "29 texts" in found.sentence


def test_no_yardstick_no_finding() -> None:
    assert match_tokens("ref", EXACT, EXACT, EXACT).finding == "not comparable"


def test_the_limits_lie_where_the_zoo_was_measured() -> None:
    """Unchanged copies below, one step of fine-tuning at 1e-4 served in bfloat16 above, on every model."""
    import json

    rows = json.loads(Path("reference_embeddings/serving_noise.json").read_text("utf-8"))["rows"]
    assert max(row["ratio"] for row in rows if row["kind"] == "same") < limits().identical
    assert min(row["ratio"] for row in rows if row["kind"] == "tuned 1 step") > limits().identical
    assert min(row["ratio"] for row in rows if row["kind"] in ("4-bit", "tuned 10 steps")) > limits().near
    assert {row["split"] for row in rows} == {"calibration", "held-out"}


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
    probes = save_probes(tmp_path / "probes", tiny_probes(texts=60))
    bank = build(probes, folder, tmp_path)
    model = stubs.Model(tuned(folder, tmp_path / "tuned") if tune else folder, dtype)
    with stubs.serving(model, stubs.vllm) as stub:
        report = audit(stub.endpoint, bank=bank, probes=probes, references=str(folder), cache=False)
    (found,) = report.served
    assert found.finding == finding, found
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
