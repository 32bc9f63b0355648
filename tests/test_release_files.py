"""Files that other systems read: workflows, the container, the citation. Each is checked by a tool of its kind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from provcheck import __version__

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def checked(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("schema", "files"),
    [("github-workflows", WORKFLOWS), ("citation-file-format", [ROOT / "CITATION.cff"])],
)
def test_they_follow_their_schemas(schema: str, files: list[Path], tmp_path: Path) -> None:
    command = (BIN / "check-jsonschema", "--builtin-schema", f"vendor.{schema}")
    found = checked(*command, *files)
    assert files and found.returncode == 0, found.stdout
    broken = tmp_path / "broken.yml"
    broken.write_text("name: [1]\njobs: 3\n", "utf-8")
    assert checked(*command, broken).returncode == 1


def test_the_container_is_sound() -> None:
    found = checked(BIN / "hadolint", "Dockerfile")
    assert (found.returncode, found.stdout) == (0, "")


def test_one_version() -> None:
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))["version"] == __version__


def test_ci_is_the_one_script() -> None:
    """What runs on a contributor's machine is what runs there."""
    ((job),) = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8"))["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]


def test_what_a_release_asks_of_the_tag() -> None:
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8"))["jobs"]
    (line,) = [step["run"] for step in jobs["build"]["steps"] if "tag" in step.get("name", "")]
    for tag, code in ((f"v{__version__}", 0), ("v0.0.0", 1)):
        environment = {"GITHUB_REF_NAME": tag, "PATH": f"{BIN}:/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
        ran = subprocess.run(["sh", "-c", line], cwd=ROOT, env=environment, check=False)
        assert ran.returncode == code
