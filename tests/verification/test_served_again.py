"""The report of an endpoint: what can be verified without the server, with it, and after it was changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from provcheck import audit
from provcheck.rendering.json_report import JsonReport
from provcheck.report_file import open_report
from provcheck.types import Check, Outcome, Report, ServedMatch
from provcheck.verification import VerifyOptions, conclusion, exit_code, verify
from tests.endpoints import stubs
from tests.test_serving import build
from tests.tiny import save_probes, save_tiny, tiny_probes

POLICY = "name: endpoint\nchecks:\n  - {kind: serves-reference, required: true}\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, probes, a bank, a policy, and the report of an endpoint that serves the model."""
    folder = tmp_path_factory.mktemp("served")
    model = save_tiny(folder / "model", seed=1)
    save_tiny(folder / "other", seed=2)
    short = tiny_probes(texts=240).texts
    texts = [
        one.model_copy(update={"text": " ".join(part.text for part in short[at::60])})
        for at, one in enumerate(short[:60])
    ]
    probes = save_probes(folder / "probes", replace(tiny_probes(), texts=tuple(texts)))
    bank = build(probes, model, folder)
    (folder / "policy.yaml").write_text(POLICY, "utf-8")
    with stubs.serving(stubs.Model(model), stubs.vllm) as stub:
        report = audit(
            stub.endpoint, bank=bank, probes=probes, references=model, policy=folder / "policy.yaml", cache=False
        )
    write(folder, report)
    return folder


def write(folder: Path, report: Report) -> None:
    (folder / "report.json").write_text(JsonReport().render(report.with_digest()), "utf-8")


def lines(folder: Path, endpoint: str | None = None) -> dict[str, Check]:
    options = VerifyOptions(
        model=endpoint,
        bank=str(folder / "bank"),
        probes=str(folder / "probes"),
        policy=str(folder / "policy.yaml"),
        references=[str(folder / "model")],
    )
    return {check.id: check for check in verify(open_report(folder / "report.json"), options)}


def test_the_policy_passed_and_is_restated(made: Path) -> None:
    report = open_report(made / "report.json").report
    (check,) = report.checks
    assert (check.kind, check.outcome) == ("serves-reference", Outcome.PASSED)
    assert check.message.startswith(f"{report.served[0].reference}: identical")


def test_without_the_server_the_finding_follows_and_the_rest_is_not_verified(made: Path) -> None:
    found = lines(made)
    assert found["served-1"].outcome is Outcome.PASSED
    assert "give its address as MODEL" in found["weights"].message
    assert found["measurement"].outcome is found["verdict"].outcome is Outcome.SKIPPED
    assert exit_code(list(found.values())) == 5
    assert conclusion(list(found.values())).startswith("nothing was measured again; not verified: ")


def test_with_the_same_server_everything_repeats(made: Path) -> None:
    with stubs.serving(stubs.Model(made / "model"), stubs.vllm) as stub:
        found = lines(made, stub.endpoint)
    assert {id for id, one in found.items() if one.outcome is Outcome.FAILED} == set()
    assert found["verdict"].outcome is found["checks"].outcome is Outcome.PASSED


def test_a_server_that_serves_something_else_by_now_disproves_nothing(made: Path) -> None:
    with stubs.serving(stubs.Model(made / "other"), stubs.vllm) as stub:
        found = lines(made, stub.endpoint)
    assert {id for id, one in found.items() if one.outcome is Outcome.FAILED} == set()
    assert "answers otherwise than on the day" in found["distances"].message


def forged(change: Callable[[ServedMatch], ServedMatch], made: Path, tmp_path: Path) -> dict[str, Check]:
    report = open_report(made / "report.json").report
    for name in ("bank", "probes", "policy.yaml", "model"):
        (tmp_path / name).symlink_to(made / name)
    write(tmp_path, report.model_copy(update={"served": (change(report.served[0]),)}))
    return lines(tmp_path)


@pytest.mark.parametrize(
    "changes", [{"finding": "changed"}, {"ratio": 0.5}, {"sentence": "All is well."}, {"cause": "trained further"}]
)
def test_a_finding_that_does_not_follow_is_found_out(changes: dict[str, object], made: Path, tmp_path: Path) -> None:
    found = forged(lambda one: one.model_copy(update=changes), made, tmp_path)
    assert found["served-1"].outcome is Outcome.FAILED


def test_without_numbers_there_is_nothing_to_judge_by(made: Path, tmp_path: Path) -> None:
    found = forged(lambda one: one.model_copy(update={"pull": None}), made, tmp_path)
    assert found["served-1"].outcome is Outcome.SKIPPED
