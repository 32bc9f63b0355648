"""`provcheck bank`: build, list, show, verify."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from provcheck import measuring
from provcheck.bank import load_bank
from provcheck.cli import run
from provcheck.targets import Target
from tests.cli.conftest import World, tree


def write_manifest(folder: Path, *names: str) -> Path:
    models = "".join(f"  - {{id: org/{name}, path: {name}, family: {name}}}\n" for name in names)
    (folder / "mine.yaml").write_text(f"name: mine\nmodels:\n{models}", "utf-8")
    return folder / "mine.yaml"


def build(manifest: Path, world: World, *options: str) -> int:
    out = str(manifest.parent / "bank")
    return run(["bank", "build", str(manifest), "--out", out, "--probes", str(world.probes), *options])


@pytest.fixture
def home(world: World, tmp_path: Path) -> Path:
    """A folder with two models beside the manifest."""
    for name in ("seed-0", "seed-1"):
        shutil.copytree(world.models[name], tmp_path / name)
    return tmp_path


def test_show_and_verify(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bank", "show", str(world.bank)]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("tiny-bank: 4 references\n")
    assert load_bank(str(world.bank)).manifest.digest in shown
    assert all(f"org/{name}" in shown for name in world.models)
    assert run(["bank", "verify", str(world.bank)]) == 0
    assert "all 4 references are unchanged" in capsys.readouterr().out


def test_verify_finds_one_changed_byte(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bank = shutil.copytree(world.bank, tmp_path / "bank")
    content = bytearray((bank / "able.safetensors").read_bytes())
    content[-1] ^= 1
    (bank / "able.safetensors").write_bytes(content)
    assert run(["bank", "verify", str(bank)]) == 4
    assert "able.safetensors of bank 'tiny-bank' was changed" in capsys.readouterr().err


def test_list_names_the_banks_that_ship(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("provcheck.io.data.banks", lambda: {"tiny-bank": world.bank})
    assert run(["bank", "list"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.split()[:3] == ["tiny-bank", "4", "references"]


def test_build_says_what_it_made(home: Path, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert build(write_manifest(home, "seed-0", "seed-1"), world, "--raw") == 0
    bank = load_bank(str(home / "bank"))
    assert f"2 references, digest {bank.manifest.digest}" in capsys.readouterr().out
    assert tree(home / "bank") == {
        "able.safetensors",
        "likelihood.safetensors",
        "weights.safetensors",
        "manifest.json",
        "able-raw.safetensors",
    }
    assert tree(home) >= {"bank", "mine.yaml"} and not list(home.glob(".*"))


def test_a_model_that_fails_is_skipped(home: Path, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "seed-1" / "config.json").unlink()
    assert build(write_manifest(home, "seed-0", "seed-1"), world) == 1
    assert "skipped org/seed-1: seed-1 has no config.json" in capsys.readouterr().out
    assert run(["bank", "verify", str(home / "bank")]) == 0


def test_all_failing(home: Path, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    before = tree(home)
    assert build(write_manifest(home, "none", "neither"), world) == 4
    assert "none of the 2 models could be measured" in capsys.readouterr().err
    assert tree(home) == before | {"mine.yaml"}


@pytest.mark.parametrize("no_cache", [False, True])
def test_a_killed_build_continues_from_the_cache(
    no_cache: bool, home: Path, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[str] = []
    measure_now = measuring._measure_now

    def counting(target: Target, *rest: Any) -> Any:
        measured.append(target.subject.id)
        if measured == ["seed-0", "seed-1"]:
            raise KeyboardInterrupt
        return measure_now(target, *rest)

    monkeypatch.setattr(measuring, "_measure_now", counting)
    manifest = write_manifest(home, "seed-0", "seed-1")
    options = ["--no-cache"] if no_cache else []
    before = tree(home)
    assert build(manifest, world, *options) == 2
    assert tree(home) == before
    assert build(manifest, world, *options) == 0
    assert measured[2:] == (["seed-0", "seed-1"] if no_cache else ["seed-1"])
    assert [reference.id for reference in load_bank(str(home / "bank")).references] == ["org/seed-0", "org/seed-1"]


def test_a_folder_that_is_no_bank_is_never_replaced(
    home: Path, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "bank").mkdir()
    (home / "bank" / "thesis.txt").write_text("years of work", "utf-8")
    assert build(write_manifest(home, "seed-0"), world) == 4
    assert "exists and is not a bank" in capsys.readouterr().err
    assert (home / "bank" / "thesis.txt").read_text("utf-8") == "years of work"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: [", "mine.yaml, line 1, column 8: expected the node content"),
        ("name: mine\nmodels:\n  - {id: a, family: f}\n  - {id: a, family: f}\n", "the id 'a' occurs twice"),
        ("name: mine\nmodels:\n  - {id: a, family: f, parents: [a]}\n", "'a' is its own ancestor"),
    ],
)
def test_a_bad_manifest(
    text: str, message: str, world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.yaml").write_text(text, "utf-8")
    assert build(tmp_path / "mine.yaml", world) == 4
    said = capsys.readouterr().err
    assert message in said and len(said.splitlines()) <= 2
    assert tree(tmp_path) == {"mine.yaml"}
