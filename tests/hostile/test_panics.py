"""Tokenizers whose Rust code panics, when they are loaded or used: a sentence, and other models are measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from provcheck.bank import load_bank
from provcheck.building import build_bank
from provcheck.cli import run
from provcheck.measuring import ModelOptions
from provcheck.types import ProbeSet
from tests.cached import Notes, change_json
from tests.tiny import save_probes, save_tiny

BACKTRACKING = {"Regex": r"^(([a-zA-Z ])+.)+[A-Z]([a-z])+$"}
SPLIT = {"type": "Split", "pattern": BACKTRACKING, "behavior": "Isolated", "invert": False}
BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
PANICS: dict[str, dict[str, Any]] = {
    "load": {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA"}},
    "replace": {"normalizer": {"type": "Replace", "pattern": BACKTRACKING, "content": "x"}},
    "split": {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [SPLIT, BYTES]}},
}


def broken(folder: Path, name: str) -> Path:
    change_json(save_tiny(folder), "tokenizer.json", **PANICS[name])
    return folder


@pytest.mark.parametrize("name", PANICS)
@pytest.mark.parametrize("command", ["audit", "measure"])
def test_a_panic_is_a_sentence(
    tmp_path: Path, probes: ProbeSet, capsys: pytest.CaptureFixture[str], command: str, name: str
) -> None:
    model, place = broken(tmp_path / "m", name), save_probes(tmp_path / "p", probes)
    bank = ["--bank", str(small_bank(tmp_path, place))] if command == "audit" else []
    out = ["--output", str(tmp_path / "m.safetensors")] if command == "measure" else ["--out", str(tmp_path / "out")]
    assert run([command, str(model), "--probes", str(place), "--device", "cpu", *bank, *out]) == 4
    said = capsys.readouterr().err
    assert "error: the tokenizer" in said and "hint: check tokenizer.json" in said and "Traceback" not in said


def test_a_bank_is_built_without_it(tmp_path: Path, probes: ProbeSet) -> None:
    names = {name: broken(tmp_path / name, name) for name in PANICS}
    lines = "".join(f"  - {{id: org/{name}, family: f, path: {path}}}\n" for name, path in names.items())
    notes = Notes()
    bank = small_bank(tmp_path, save_probes(tmp_path / "p", probes), lines, notes)
    assert [one.id for one in load_bank(str(bank)).references] == ["org/fine"]
    assert sum(note.startswith("skipped org/") for note in notes.messages) == len(PANICS)


def small_bank(home: Path, probes: Path, lines: str = "", notes: Notes | None = None) -> Path:
    """A bank of one model that is fine, after those of the lines."""
    fine = save_tiny(home / "fine")
    manifest = home / "bank.yaml"
    manifest.write_text(f"name: b\nmodels:\n{lines}  - {{id: org/fine, family: f, path: {fine}}}\n", "utf-8")
    options = ModelOptions(device="cpu", probes=str(probes))
    build_bank(manifest, home / "bank", options, notes or Notes())
    return home / "bank"
