"""What the guide says of CI works: workflow commands, pre-commit hook, release suite, attestation."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from provcheck.cli import run
from provcheck.guide.site.navigation import GUIDE
from provcheck.io import data
from provcheck.rendering.json_report import JsonReport
from tests.guide.pages import blocks_of
from tests.rendering.factory import make_report

ROOT = Path(__file__).parent.parent
CI, REPORTS = "ci.md", "verify_and_attest.md"
"""The pages of the guide."""

HOOKS = ROOT / ".pre-commit-hooks.yaml"
BIN = Path(sys.executable).parent


def blocks(language: str, page: str) -> list[str]:
    """The code blocks of a page, in one language."""
    return [one.text for one in blocks_of(f"{GUIDE}/{page}") if one.language == language]


def workflow() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(blocks("yaml", CI)[0])
    return found


def commands(text: str) -> list[list[str]]:
    """The provcheck commands of a shell block, without their comments."""
    split = [shlex.split(line, comments=True) for line in text.splitlines()]
    return [words[1:] for words in split if words[:1] == ["provcheck"]]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the policy that the examples name."""
    (tmp_path / "policies").mkdir()
    shutil.copy(data.policy_file("release-gate"), tmp_path / "policies" / "release.yaml")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("here")
def test_the_audit_of_the_workflow_is_understood(capsys: pytest.CaptureFixture[str]) -> None:
    (job,) = workflow()["jobs"].values()
    ((audit, *more),) = (commands(step["run"]) for step in job["steps"] if "run" in step and commands(step["run"]))
    assert not more
    assert run([*audit, "--collect-only"]) == 0
    assert "policy release-gate: collected" in capsys.readouterr().out


def test_the_workflow_uploads_what_the_audit_writes() -> None:
    (job,) = workflow()["jobs"].values()
    used = {step["uses"].partition("@")[0]: step["with"] for step in job["steps"] if "with" in step}
    (out,) = re.findall(r"--format all --out (\S+)", blocks("yaml", CI)[0])
    assert used["actions/upload-artifact"]["path"] == out
    assert used["github/codeql-action/upload-sarif"]["sarif_file"] == f"{out}/report.sarif"
    assert workflow()["permissions"]["security-events"] == "write", "uploading SARIF needs it"


def test_the_hooks_follow_the_schema_of_pre_commit() -> None:
    checked = subprocess.run([BIN / "pre-commit", "validate-manifest", HOOKS], capture_output=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


@pytest.mark.skipif(not shutil.which("git"), reason="pre-commit needs git")
def test_the_hook_checks_policies(here: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """pre-commit itself, on a repository with the entry of the page."""
    source = tmp_path_factory.mktemp("source")
    shutil.copy(HOOKS, source)
    (config,) = (block for block in blocks("yaml", CI) if block.startswith("repos:"))
    config = re.sub(r"repo: \S+", f"repo: {source}", config)
    (here / ".pre-commit-config.yaml").write_text(re.sub(r"rev: \S+", f"rev: {committed(source)}", config), "utf-8")
    committed(here)
    assert hook(here) == (0, "")
    wrong = here / "policies" / "wrong.yaml"
    wrong.write_text("name: wrong\nchecks: [{kind: coverage-at-least, share: 7}]\n", "utf-8")
    committed(here)
    code, said = hook(here)
    assert code == 1
    assert "wrong.yaml, line 2, column" in said


def committed(folder: Path) -> str:
    """Commit everything in the folder; the commit."""
    options = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "all"]):
        subprocess.run(["git", *options, *words], cwd=folder, check=True, capture_output=True, env=environment(folder))
    ran = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, check=True, capture_output=True, text=True)
    return ran.stdout.strip()


def hook(folder: Path) -> tuple[int, str]:
    """Run the hook on all files: exit code, and what the hook says where it fails."""
    command = [str(BIN / "pre-commit"), "run", "--all-files", "--color", "never"]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment(folder))
    assert "provcheck policy check" in ran.stdout, ran.stdout + ran.stderr
    return ran.returncode, ran.stdout if ran.returncode else ran.stderr


def environment(folder: Path) -> dict[str, str]:
    """With provcheck on the path, and nothing of the user's own git and pre-commit."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    own = {"PRE_COMMIT_HOME": str(folder.parent / f"{folder.name}-home"), "GIT_CONFIG_GLOBAL": os.devnull}
    return {**kept, **own, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
def test_the_commands_about_attestations_work(here: Path) -> None:
    (here / "report.json").write_text(JsonReport().render(make_report()), "utf-8", newline="\n")
    for line in blocks("sh", REPORTS)[0].splitlines():
        if "pip install" in line:
            continue
        command = ["sh", "-c", line]
        ran = subprocess.run(command, cwd=here, capture_output=True, text=True, check=False, env=environment(here))
        if "report verify" in line:  # of a model that never was
            assert "attestation PASSED  report.intoto.jsonl was signed with the key of public.pem" in ran.stdout
        else:
            assert ran.returncode == 0, line + ran.stdout + ran.stderr


@pytest.mark.usefixtures("here")
def test_the_commands_about_verification_are_understood(capsys: pytest.CaptureFixture[str]) -> None:
    verifications = commands(blocks("sh", REPORTS)[1])
    assert len(verifications) == 5
    for words in verifications:
        assert run(words) == 4
        assert "error: report.json cannot be read" in capsys.readouterr().err
