"""`audit --signals weights` of a model on the Hub: what the report says about files that were fetched in part."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from provcheck.cli import run
from provcheck.rendering.json_report import report_schema
from tests.targets.fake_hub import FakeHub
from tests.targets.fake_storage import Storage
from tests.targets.test_hub import hub
from tests.targets.test_ranges import publish, storage
from tests.tiny import save_tiny

__all__ = ["hub", "storage"]

POLICY = "name: mine\nchecks:\n  - kind: weights-hashed\n"


def test_a_policy_demands_digests(
    hub: FakeHub, storage: Storage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Parts have none; whole files, once they are in the Hub cache, do."""
    publish(hub, save_tiny(tmp_path / "m", num_hidden_layers=12))
    (tmp_path / "mine.yaml").write_text(POLICY)
    out = tmp_path / "out"
    command = ["audit", "org/model", "--signals", "weights", "--policy", "mine.yaml", "--out", str(out)]
    assert run([*command, "--format", "json"]) == 1
    assert "weights-hashed FAILED" in capsys.readouterr().out
    report = json.loads((out / "report.json").read_text("utf-8"))
    jsonschema.validate(report, report_schema())
    (file,) = report["subject"]["weights"]
    assert file["sha256"] is None and file["stated_etag"]
    assert report["subject"]["weights_digest"] is report["digests"]["weights"] is None
    assert any("digests of whole files were not computed" in line for line in report["limitations"])
    from provcheck.targets.resolution import resolve

    resolve("org/model")  # as `hf download` does
    assert run([*command, "--format", "json"]) == 0
    report = json.loads((out / "report.json").read_text("utf-8"))
    assert len(report["digests"]["weights"]) == 64
    assert not any("digests of whole files" in line for line in report["limitations"])
