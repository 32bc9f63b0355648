"""A report from a cached measurement is the same report, and the program says where the numbers come from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from provcheck.cli import run
from provcheck.signals import TABLE
from tests.cli.conftest import World

SAID = "measurement from the cache, made on "


def read(out: Path) -> dict[str, Any]:
    """The report without how long stages and checks took, and without the digest that covers it."""
    report: dict[str, Any] = json.loads((out / "report.json").read_text("utf-8"))
    checks = [check | {"seconds": 0} for check in report["checks"]]
    return report | {"checks": checks, "durations": {}, "digest": ""}


def test_the_report_is_the_same(
    world: World, tmp_path: Path, cache_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = []
    for out, options in (("first", []), ("second", []), ("third", ["--no-cache"])):
        run(world.audit(world.models["seed-0"], "--out", tmp_path / out, "--format", "json", *options))
        said.append(capsys.readouterr().out)
    first, second, third = (read(tmp_path / out) for out in ("first", "second", "third"))
    assert [SAID in text for text in said] == [False, True, False]
    assert second == first
    assert "attributions (" in said[0] and "attributions (" not in said[1]
    assert third["digests"] == first["digests"] and third["comparisons"] == first["comparisons"]
    assert (third["lineage"], third["map"]) == (first["lineage"], first["map"])
    assert len(list(cache_folder.rglob("*.safetensors"))) == len(TABLE), "one entry for each signal"
    assert len(list(cache_folder.glob("placed/*.json"))) == 2, "a tree and a map"


def test_no_cache_writes_nothing(world: World, tmp_path: Path, cache_folder: Path) -> None:
    arguments = ["measure", str(world.models["seed-0"]), "-o", str(tmp_path / "m.safetensors"), "--no-cache"]
    assert run([*arguments, "--probes", str(world.probes)]) == 0
    models = [str(world.models["seed-0"]), str(world.models["seed-1"])]
    assert run(["compare", *models, "--probes", str(world.probes), "--no-cache"]) == 0
    assert not cache_folder.exists()


def test_comparing_a_model_with_itself_measures_once(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    model = str(world.models["seed-0"])
    assert run(["compare", model, model, "--probes", str(world.probes)]) == 0
    said = capsys.readouterr().out
    assert said.count("attributions (") == 1 and SAID in said


def test_a_cache_that_cannot_be_used_stops_nothing(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_bytes(b"")
    run(world.audit(world.models["seed-0"], "--out", tmp_path / "with"))
    monkeypatch.setenv("PROVCHECK_CACHE", str(tmp_path / "file" / "cache"))
    capsys.readouterr()
    code = run(world.audit(world.models["seed-0"], "--out", tmp_path / "without"))
    assert code in (0, 1)
    assert capsys.readouterr().out.count("cannot be written, so nothing is kept: Not a directory") == 1
    assert read(tmp_path / "without")["comparisons"] == read(tmp_path / "with")["comparisons"]
