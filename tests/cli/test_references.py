"""`--reference` and claimed bases on tiny models: is this model really a fine-tune of that one?"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from provcheck.cli import run
from provcheck.rendering import FORMATS
from tests.cli.conftest import World
from tests.cli.test_audit import report_of, with_noise
from tests.targets.fake_hub import COMMITS, FakeHub, Repository, reachable
from tests.targets.fake_storage import serve_storage
from tests.tiny import save_tiny

MARK = "measured for this audit"
SHORT: dict[str, Any] = {"max_position_embeddings": 8}
"""No probe fits into so short a context: only the weights can be measured."""


@dataclass(frozen=True)
class Case:
    """A base that no bank has, a fine-tune of it, and a stranger, side by side in one folder."""

    folder: Path

    @property
    def base(self) -> Path:
        return self.folder / "base"

    @property
    def tuned(self) -> Path:
        return self.folder / "tuned"

    @property
    def stranger(self) -> Path:
        return self.folder / "stranger"

    @property
    def report(self) -> dict[str, Any]:
        return report_of(self.folder / "out")

    def claim(self, *names: str) -> None:
        """Write a card for the fine-tune that declares these base models."""
        (self.tuned / "README.md").write_text(f"---\nbase_model: {json.dumps(names)}\n---\n", "utf-8")

    def outcome(self) -> tuple[str, str]:
        """Outcome and message of the check of the claim."""
        found = next(one for one in self.report["checks"] if one["id"] == "claimed-base-supported")
        return found["outcome"], found["message"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("case")
    with_noise(save_tiny(folder / "base", seed=21, **SHORT), folder / "tuned", 0.03)
    save_tiny(folder / "stranger", seed=22, **SHORT)
    return folder


@pytest.fixture
def case(made: Path, tmp_path: Path) -> Case:
    return Case(Path(shutil.copytree(made, tmp_path / "private-name")))


@pytest.fixture
def audit(world: World, case: Case) -> Any:
    """Audit the fine-tune by its weights against the bank of the world, which has every signal."""

    def audited(*options: str | Path) -> int:
        usual = ("--signals", "weights", "--offline", "--out", case.folder / "out")
        return run(world.audit(case.tuned, *usual, *options))

    return audited


def test_a_fine_tune_of_that_one(audit: Any, case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit("--reference", case.base, "--format", "all") == 0
    verdict = case.report["verdict"]
    assert verdict["relation"] in ("identical", "derived") and verdict["reference"] == "base"
    said = capsys.readouterr()
    assert "beside the bank: base" in said.out and f"base: {MARK}" in said.out and said.err == ""
    assert " --reference base" in case.report["tool"]["command"]
    for one in FORMATS.values():
        text = (case.folder / "out" / one.file_name).read_text("utf-8")
        assert "private-name" not in text, one.file_name
        assert MARK in text or one.file_name in ("report.json", "tree.nwk", "junit.xml"), one.file_name
    suite = (case.folder / "out" / "junit.xml").read_text("utf-8")
    assert 'name="measured_for_this_audit" value="base"' in suite
    (found,) = (one for one in case.report["comparisons"] if "at_hand" in one)
    assert found["at_hand"]["subject"]["source"] == "folder" and found["named"] == 1


def test_a_stranger_is_not_accused_and_its_row_is_shown(
    audit: Any, case: Case, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit("--reference", case.stranger) == 0
    assert case.report["verdict"]["relation"] in ("same-recipe", "unrelated", "inconclusive")
    assert not [one for one in case.report["comparisons"] if one["relation"] in ("identical", "derived")]
    assert any(line.startswith("stranger ") for line in capsys.readouterr().out.splitlines())


@pytest.mark.parametrize("spoil", ["absent", "truncated"])
def test_a_reference_that_cannot_be_had_is_bad_input(
    spoil: str, audit: Any, case: Case, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = case.base / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-9])
    assert audit("--reference", case.base if spoil == "truncated" else case.folder / "absent") == 4
    assert capsys.readouterr().err.startswith("error: ")
    assert not (case.folder / "out").exists()


def test_a_base_that_a_card_names_is_measured_where_it_lies_beside(audit: Any, case: Case) -> None:
    case.claim("org/base")
    assert audit() == 0
    outcome, message = case.outcome()
    assert outcome == "passed" and f"{MARK}, from the folder beside the model" in message
    assert case.report["verdict"]["reference"] == "org/base"
    page = (case.folder / "out" / "report.html").read_text("utf-8")
    assert f"It was {MARK}, from the folder beside the model." in page


def test_a_card_that_names_another_base_fails_although_one_fits(audit: Any, case: Case) -> None:
    case.claim("org/stranger")
    assert audit("--reference", case.base) == 1
    assert case.report["verdict"]["reference"] == "base"
    outcome, message = case.outcome()
    assert outcome == "failed" and "contradicts the claimed base org/stranger" in message and "base (" in message
    assert any("claimed to descend from org/stranger" in line for line in case.report["verdict"]["reasons"])


def test_a_declared_base_that_is_broken_leaves_the_check_open(audit: Any, case: Case) -> None:
    case.claim("org/base")
    weights = case.base / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-9])
    assert audit() == 0
    outcome, message = case.outcome()
    assert outcome == "inconclusive" and "org/base could not be compared: " in message
    assert "Not checked: " in (case.folder / "out" / "report.html").read_text("utf-8")


def test_no_claimed_reference(audit: Any, case: Case) -> None:
    case.claim("org/base")
    assert audit("--no-claimed-reference") == 0
    assert case.outcome()[0] == "inconclusive" and "--no-claimed-reference" in case.outcome()[1]
    assert not [one for one in case.report["comparisons"] if "at_hand" in one]


@pytest.fixture
def hub(tmp_path: Path, case: Case, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A Hub that has the base."""
    with reachable(monkeypatch, tmp_path / "hub") as fake, serve_storage() as fake.storage:
        files = {path.name: path.read_bytes() for path in case.base.iterdir()}
        fake.repositories["acme/parent"] = Repository({COMMITS[0]: files})
        yield fake


def test_a_base_of_the_hub_is_fetched_and_said_so(
    hub: FakeHub, world: World, case: Case, capsys: pytest.CaptureFixture[str]
) -> None:
    case.claim("acme/parent")
    out = ("--signals", "weights", "--out", case.folder / "out")
    assert run(world.audit(case.tuned, *out, "--no-claimed-reference")) == 0
    assert hub.requests == []
    assert run(world.audit(case.tuned, *out)) == 0
    assert "fetching what is missing of acme/parent from the Hub" in capsys.readouterr().out
    outcome, message = case.outcome()
    assert outcome == "passed" and f"from the Hub (revision {COMMITS[0][:12]})" in message


def test_the_report_is_verified_with_its_references(
    audit: Any, world: World, case: Case, capsys: pytest.CaptureFixture[str]
) -> None:
    case.claim("org/base")
    assert audit("--reference", case.stranger) == 0

    def verify(*options: str | Path) -> tuple[int, str]:
        capsys.readouterr()
        file, given = str(case.folder / "out" / "report.json"), [str(one) for one in options]
        usual = ["--bank", str(world.bank), "--probes", str(world.probes), "--offline"]
        return run(["report", "verify", file, str(case.tuned), *usual, *given]), capsys.readouterr().out

    code, said = verify()
    assert code == 5 and "where stranger lies is not known: name it with --reference" in said
    code, said = verify("--reference", case.stranger)
    assert code == 0, said
    assert "org/base: the same weight files, bit for bit the same measurement" in said, "it lies beside the model"
    shutil.copy(case.base / "model.safetensors", case.stranger / "model.safetensors")
    code, said = verify("--reference", case.stranger)
    assert code == 1 and "the weight files of stranger differ from those that the report states" in said
