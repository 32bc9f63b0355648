"""The wheel carries everything that an audit needs, and works from any directory."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT], check=True
    )
    (built,) = folder.glob("*.whl")
    return built


@pytest.mark.slow
def test_holds_bank_policies_templates_and_demo(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for part in (
        "manifest.json",
        "zoo-v2/able.safetensors",
        "zoo-v2/likelihood.safetensors",
        "zoo-v2/judge.safetensors",
        "default.yaml",
        "report.html.j2",
        "kl_scale.yaml",
        "able-239.yaml",
    ):
        assert any(name.startswith("provcheck/_data/") and name.endswith(part) for name in names), part
    assert any(name.endswith("subjects/llama-tech-s1-sft-short/model.safetensors") for name in names)
    assert any(name.endswith("probesets/provcheck-v1/questions.jsonl") for name in names)
    assert not any("/guide/" in name for name in names)
    assert not any("-raw.safetensors" in name or "recipe" in name or name.startswith("tests") for name in names)


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, installed."""
    folder = tmp_path_factory.mktemp("site")
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


def ran(site: Path, folder: Path, *command: str) -> str:
    """What the installed program prints for a command that succeeds."""
    call = f"import provcheck.cli, sys; print(provcheck.__file__); sys.exit(provcheck.cli.run({list(command)}))"
    found = subprocess.run(
        [sys.executable, "-c", call],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr
    assert str(site) in found.stdout
    return found.stdout


@pytest.mark.slow
def test_an_installed_provcheck_works_from_any_directory(site: Path, tmp_path: Path) -> None:
    said = ran(site, tmp_path, "doctor")
    assert "MISSING  bank" not in said
    assert "MISSING  demo model" not in said


@pytest.mark.slow
def test_its_bank_is_whole_without_the_files_for_research(site: Path, tmp_path: Path) -> None:
    ran(site, tmp_path, "bank", "verify", "zoo-v2")


@pytest.mark.slow
def test_the_wheel_stays_small(wheel: Path) -> None:
    assert wheel.stat().st_size < 26e6
