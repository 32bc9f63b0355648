"""Settings: the command line before variables before pyproject.toml before defaults, and faults in one sentence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from provcheck import cache
from provcheck.cli import run
from provcheck.cli.reports import PASSPHRASE_VARIABLE
from provcheck.cli.settings import MAX_BYTES, OTHER_VARIABLES
from provcheck.endpoints.client import KEY_VARIABLE
from tests.cli.conftest import World

COLLECT = ["audit", "demo", "--collect-only"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory; nothing of the outside counts."""
    for name in [name for name in os.environ if name.startswith("PROVCHECK_") and name not in OTHER_VARIABLES]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def settle(folder: Path, *lines: str) -> Path:
    file = folder / "pyproject.toml"
    file.write_text("\n".join(("[tool.provcheck]", *lines)), "utf-8")
    return file


def collected(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    """The policy that an audit would check."""
    assert run([*COLLECT, *options]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("policy "))
    return line.split()[1].rstrip(":")


def test_what_comes_first(here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert collected(capsys) == "default"
    settle(here, 'policy = "ip-dispute"')
    assert collected(capsys) == "ip-dispute"
    monkeypatch.setenv("PROVCHECK_POLICY", "license-audit")
    assert collected(capsys) == "license-audit"
    assert collected(capsys, "--policy", "release-gate") == "release-gate"


def test_the_nearest_file_with_the_table_counts(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settle(here, 'policy = "ip-dispute"')
    inner = here / "a" / "b"
    inner.mkdir(parents=True)
    (here / "a" / "pyproject.toml").write_text("[tool.other]\n", "utf-8")
    monkeypatch.chdir(inner)
    assert collected(capsys) == "ip-dispute"
    settle(here / "a")
    assert collected(capsys) == "default"


def test_paths_in_a_file_start_at_its_folder(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "rules").mkdir()
    (here / "rules" / "mine.yaml").write_text("name: mine\nchecks: [{kind: safetensors-only}]\n", "utf-8")
    settle(here, 'policy = "rules/mine.yaml"')
    assert collected(capsys) == "mine"
    (here / "inner").mkdir()
    monkeypatch.chdir(here / "inner")
    assert collected(capsys) == "mine"
    for written, read in (("out", "../out"), ("-", "-"), ("/abs", "/abs"), ("~/x", str(Path.home() / "x"))):
        settle(here, f'out = "{written}"')
        monkeypatch.setattr("provcheck.doctor.examine", list)
        run(["doctor"])
        assert f"out: {read} (" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('bnak = "x"', "there is no key 'bnak'; did you mean 'bank'?"),
        ('zzz = "x"', "there is no key 'zzz'"),
        ('"\\u202ebank" = 1', "there is no key '\\\\u202ebank'"),
        ("trust-remote-code = true", "--trust-remote-code is for the command line only"),
        ("allow-pickle = true", "--allow-pickle is for the command line only"),
        ('offline = "yes"', "offline must be true or false, not 'yes'"),
        ("policy = 3", "policy must be text in quotes, not 3"),
        ('bank = ["a"]', "bank must be text in quotes, not ['a']"),
        ("device = 1979-05-27", "device must be text in quotes, not datetime.date(1979, 5, 27)"),
        ("format = [1]", "format must be text or a list of texts, not [1]"),
        ("signals = {able = true}", "signals must be text or a list of texts, not {'able': True}"),
    ],
)
def test_a_fault_in_the_table(line: str, said: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settle(here, line)
    assert run(COLLECT) == 4
    error, *hint = capsys.readouterr().err.splitlines()
    assert error.startswith(f"error: pyproject.toml, [tool.provcheck]: {said}")
    assert all(one.startswith("hint: keys: bank, claimed-base, ") for one in hint) and len(hint) < 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"bank = ", "pyproject.toml cannot be read: Invalid value (at end of document)"),
        (b"\xff\xfe", "pyproject.toml cannot be read: 'utf-8' codec"),
        (b"[tool]\nprovcheck = 3\n", "pyproject.toml: [tool.provcheck] must be a table"),
        (b"#" * (MAX_BYTES + 1), "pyproject.toml cannot be read: it is larger than 1 MB"),
        (b"a = " + b"[" * 5000, "pyproject.toml cannot be read: "),
    ],
    ids=["broken", "not UTF-8", "no table", "huge", "deep"],
)
def test_a_file_that_cannot_be_read(content: bytes, said: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "pyproject.toml").write_bytes(content)
    assert run(COLLECT) == 4
    error, *_ = capsys.readouterr().err.splitlines()
    assert error.startswith(f"error: {said}")


@pytest.mark.parametrize("content", [b"", b"tool = 3\n", b"[tool.provcheck]\n"])
def test_a_file_that_says_nothing(content: bytes, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "pyproject.toml").write_bytes(content)
    assert collected(capsys) == "default"


def test_a_fault_never_stops_help(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settle(here, "bnak = 1")
    for arguments in (["audit", "-h"], ["bank", "build", "--help"], ["policy", "list"]):
        assert run(arguments) == 0
        assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (
            "PROVCHECK_BNAK",
            "x",
            "no option reads the environment variable PROVCHECK_BNAK; did you mean 'PROVCHECK_BANK'?",
        ),
        ("PROVCHECK_OFFLINE", "perhaps", "Invalid value for '--offline' (env var: 'PROVCHECK_OFFLINE')"),
        ("PROVCHECK_MEMORY", "lots", "Invalid value for '--memory' (env var: 'PROVCHECK_MEMORY'): 'lots' is no size"),
        ("PROVCHECK_POLICY", "relase-gate", "There is no policy 'relase-gate'; did you mean 'release-gate'?"),
        ("PROVCHECK_SIGNALS", "wieghts", "there is no signal 'wieghts'; did you mean 'weights'?"),
    ],
)
def test_a_fault_in_a_variable(
    name: str,
    value: str,
    said: str,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(name, value)
    assert run(COLLECT) == 4
    assert capsys.readouterr().err.startswith(f"error: {said}")


def test_a_value_that_typer_refuses_names_the_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settle(here, 'memory = "lots"')
    assert run(COLLECT) == 4
    assert "write 8GiB or 500MB (pyproject.toml, [tool.provcheck])\n" in capsys.readouterr().err


def test_other_variables_are_those_that_others_read() -> None:
    assert set(OTHER_VARIABLES) == {cache.FOLDER_VARIABLE, PASSPHRASE_VARIABLE, KEY_VARIABLE}


@pytest.mark.parametrize(
    "arguments",
    [
        ["audit", "demo"],
        ["compare", "demo", "demo"],
        ["measure", "demo"],
        ["tree", "demo"],
        ["map", "demo"],
        ["bank", "build", "models.yaml"],
        ["bank", "add", "new", "demo", "--id", "a", "--family", "b", "--create"],
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_every_command_that_measures_goes_by_the_settings(
    arguments: list[str], here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All build their options in one place; the hint of an error says who set what."""
    (here / "models.yaml").write_text("name: a\nmodels: [{id: demo, path: ../demo, family: a}]\n", "utf-8")
    settle(here, 'signals = "wieghts"')
    assert run(arguments) == 4
    error, hint = capsys.readouterr().err.splitlines()
    assert "there is no signal 'wieghts'" in error
    assert hint.endswith("; note the settings: signals from pyproject.toml")


def test_report_verify_refuses_faulty_settings_too(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settle(here, "ofline = true")
    assert run(["report", "verify", "report.json"]) == 4
    assert "did you mean 'offline'?" in capsys.readouterr().err


def test_doctor_says_where_each_value_comes_from(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("provcheck.doctor.examine", list)
    settle(here, 'signals = ["weights", "able"]', "offline = true", 'device = "cuda"')
    monkeypatch.setenv("PROVCHECK_DEVICE", "cpu")
    monkeypatch.setenv("PROVCHECK_FORMAT", "json sarif")
    assert run(["doctor"]) == 0
    lines = [line.removeprefix("ok       setting        ") for line in capsys.readouterr().out.splitlines()]
    assert {
        "bank: zoo-v2 (default)",
        "signals: weights,able (pyproject.toml)",
        "offline: yes (pyproject.toml)",
        "device: cpu (PROVCHECK_DEVICE)",
        "format: json, sarif (PROVCHECK_FORMAT)",
        "claimed-base: none (default)",
    } <= set(lines)
    settle(here, "ofline = true")
    assert run(["doctor"]) == 1
    assert "MISSING  setting        pyproject.toml, [tool.provcheck]: there is no key" in capsys.readouterr().out


def test_an_audit_says_what_was_set_where(
    world: World, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settle(here, f"bank = '{world.bank}'", f"probes = '{world.probes}'", "offline = true")
    monkeypatch.setenv("PROVCHECK_FORMAT", "json")
    run(["audit", str(world.models["seed-0"]), "--signals", "weights", "--no-offline"])
    said = capsys.readouterr().out.splitlines()
    assert "settings: bank, probes from pyproject.toml; format from PROVCHECK_FORMAT" in said
    assert [path.name for path in (here / "provcheck-report").iterdir()] == ["report.json"]
