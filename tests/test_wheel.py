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
        "zoo-v1/able.safetensors",
        "zoo-v1/likelihood.safetensors",
        "zoo-v1/judge.safetensors",
        "default.yaml",
        "report.html.j2",
        "kl_scale.yaml",
        "able-239.yaml",
    ):
        assert any(name.startswith("provcheck/_data/") and name.endswith(part) for name in names), part
    assert any(name.endswith("subjects/llama-tech-s1-sft-short/model.safetensors") for name in names)
    assert any(name.endswith("probesets/provcheck-v1/questions.jsonl") for name in names)
    assert not any("-raw.safetensors" in name or "recipe" in name or name.startswith("tests") for name in names)


@pytest.mark.slow
def test_an_installed_provcheck_works_from_any_directory(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    ran = subprocess.run(
        [
            sys.executable,
            "-c",
            "import provcheck.cli, sys; print(provcheck.__file__); sys.exit(provcheck.cli.run(['doctor']))",
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert str(site) in ran.stdout
    assert "MISSING  bank" not in ran.stdout
    assert "MISSING  demo model" not in ran.stdout
    assert ran.returncode == 0, ran.stdout + ran.stderr
