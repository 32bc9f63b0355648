"""A bank is the same, byte for byte, whatever built it: one process, several, or shards."""

from __future__ import annotations

from pathlib import Path

import pytest

from provcheck.bank.folder import verify_bank
from provcheck.cli import run
from tests.engines.banks import Zoo, content, make_zoo
from tests.tiny import save_probes, tiny_probes

RENAMED = "{id: org/seed-0, path: seed-4, family: seed-0}"


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    return make_zoo(tmp_path_factory.mktemp("zoo"))


@pytest.fixture(scope="module")
def serial(zoo: Zoo) -> dict[str, bytes]:
    """What one process makes of it."""
    assert run(zoo.build(zoo.home / "serial")) == 1
    return content(zoo.home / "serial")


def test_processes_build_the_same_bank(
    zoo: Zoo, serial: dict[str, bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(zoo.build(tmp_path / "bank", "--jobs", "2")) == 1
    assert content(tmp_path / "bank") == serial
    said = capsys.readouterr().out
    assert "skipped org/broken: broken has no config.json" in said
    assert [f"[{number}/6]" in said for number in (1, 6)] == [True, True]


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2)])
def test_shards_unite_to_the_same_bank(
    order: tuple[int, ...], zoo: Zoo, serial: dict[str, bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    codes = [run(zoo.build(tmp_path / f"part-{n}", "--shard", f"{n}/3")) for n in (1, 2, 3)]
    assert codes == [0, 0, 1], "the broken model is the third"
    assert [one.id for one in verify_bank(str(tmp_path / "part-2")).references] == ["org/seed-1", "org/seed-3"]
    parts = [str(tmp_path / f"part-{n}") for n in order]
    assert run(["bank", "merge", *parts, "--out", str(tmp_path / "bank")]) == 1
    assert content(tmp_path / "bank") == serial
    assert "missing org/broken: broken has no config.json" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("shard", "said"),
    [("0/2", "'0/2' is no shard"), ("3/2", "'3/2' is no shard"), ("2", "'2' is no shard"), ("7/8", "nothing is left")],
)
def test_a_shard_that_there_is_not(
    shard: str, said: str, zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(zoo.build(tmp_path / "bank", "--shard", shard)) == 4
    assert said in capsys.readouterr().err
    assert not (tmp_path / "bank").exists()


def test_what_cannot_be_united_is_refused(zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, options in {"a": ("--shard", "1/2"), "b": ("--shard", "2/2")}.items():
        run(zoo.build(tmp_path / name, *options))
    probes = save_probes(tmp_path / "others", tiny_probes(texts=41))
    assert run(zoo.build(tmp_path / "probes", "--shard", "2/2", "--probes", str(probes))) == 0
    (zoo.home / "renamed.yaml").write_text(f"name: zoo\nmodels:\n  - {RENAMED}", "utf-8")
    build = zoo.build(tmp_path / "whole")
    build[2] = str(zoo.home / "renamed.yaml")
    assert run(build) == 0
    capsys.readouterr()
    refused = {
        ("a",): "of the manifest's 6 models, 3 are in none of the banks",
        ("a", "probes"): "were measured on different probes",
        ("a", "b", "whole"): "both have 'org/seed-0', and differ in it",
    }
    for names, said in refused.items():
        assert run(["bank", "merge", *(str(tmp_path / one) for one in names), "--out", str(tmp_path / "bank")]) == 4
        assert said in capsys.readouterr().err
    assert not (tmp_path / "bank").exists()
