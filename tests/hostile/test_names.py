"""Names and cards of strangers, from the folder to the files of the report: text stays text in every format."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from provcheck.cli import run
from provcheck.rendering import FORMATS
from provcheck.store import save_measurement
from provcheck.targets.resolution import resolve
from provcheck.types import Subject
from tests.rendering.hostile import HIDDEN, MARKUP, RIGHT_TO_LEFT
from tests.rendering.page import Page
from tests.synthetic import blocks_at, make_blocks, make_measurement, make_reference, write_bank
from tests.targets.builders import model_files, write

SHELLS = ("../../etc/passwd", "$(reboot)", "'; rm -rf ~; '", "=1+1", "%n%s")
NAMES = (*MARKUP, *HIDDEN, RIGHT_TO_LEFT, "x" * 20_000, *SHELLS)
OBEYED = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of an audit in which whatever a stranger can name is named by one."""
    home = tmp_path_factory.mktemp("names")
    measured = home / "subject.safetensors"
    blocks = make_blocks(0)
    save_measurement(replace(make_measurement("x", blocks_at(blocks, 0.1)), subject=hostile_subject(home)), measured)
    models = [
        (
            make_reference(name or "empty", family=NAMES[number - 1], license=name, mechanism=name),
            make_measurement(name, make_blocks(number)),
        )
        for number, name in enumerate(NAMES)
    ]
    write_bank(home / "bank", models)
    code = run(["audit", str(measured), "--bank", str(home / "bank"), "--out", str(home / "out"), "--format", "all"])
    assert code in (0, 1)
    return home / "out"


def hostile_subject(home: Path) -> Subject:
    """What `resolve` says of a folder whose card and config are hostile."""
    card = json.dumps({"license": NAMES[0], "base_model": list(NAMES)})
    config = {"architectures": ["<script>alert(1)</script>ForCausalLM"], "_name_or_path": "/home/me/secret"}
    files = model_files(config=config, **{"README.md": f"---\n{card}\n---\n"})
    return resolve(str(write(home / "<b>\u202emodel\x1b[31m", files))).subject


def test_every_format_is_written_and_nothing_else(out: Path) -> None:
    assert {path.name for path in out.iterdir()} == {form.file_name for form in FORMATS.values()}


@pytest.mark.parametrize("name", [form.file_name for form in FORMATS.values()])
def test_no_file_holds_what_would_be_obeyed(out: Path, name: str) -> None:
    text = (out / name).read_text("utf-8")
    assert sorted({c for c in text if unicodedata.category(c) in OBEYED} - {"\n"}) == []


def test_nothing_is_markup(out: Path) -> None:
    page = Page((out / "report.html").read_text("utf-8"))
    assert page.balanced
    assert not set(page.names()) & {"script", "img", "iframe", "object"}
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    ET.parse(out / "junit.xml")  # noqa: S314 - it was written a moment ago
    for name in ("report.json", "report.sarif", "bom.cdx.json"):
        json.loads((out / name).read_text("utf-8"))


def test_the_terminal_obeys_nothing(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", "render", str(out / "report.json"), "--out", str(out.parent / "again")]) in (0, 1)
    printed = capsys.readouterr()
    for text in (printed.out, printed.err):
        assert sorted({c for c in text if unicodedata.category(c) in OBEYED} - {"\n"}) == []
