"""The guide's page `kubernetes.md`: its image builds on the project's, its manifest and commands fit."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from provcheck.cli.options import parse_size
from tests.guide.commands import commands_in, parse
from tests.guide.pages import ROOT, blocks_of

BLOCKS = blocks_of("provcheck/guide/kubernetes.md")
IMAGE = next(block.text for block in BLOCKS if block.language == "dockerfile")
JOB: dict[str, Any] = yaml.safe_load(next(block.text for block in BLOCKS if block.language == "yaml"))
SHELL = [words for block in BLOCKS if block.language == "sh" for words in commands_in(block.text)]
CLUSTER = JOB["spec"]["rayClusterSpec"]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
GROUPS = [CLUSTER["headGroupSpec"], *CLUSTER["workerGroupSpecs"]]
JOB_KEYS = {"entrypoint", "backoffLimit", "shutdownAfterJobFinishes", "rayClusterSpec"}
WORKER_KEYS = {"groupName", "replicas", "minReplicas", "maxReplicas", "rayStartParams", "template"}
OPTIONS = {"--out", "--store"}


def pods() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Every pod, and the one container in it."""
    for group in GROUPS:
        (container,) = group["template"]["spec"]["containers"]
        yield group["template"]["spec"], container


def program() -> list[list[str]]:
    """What runs in the cluster."""
    return [JOB["spec"]["entrypoint"].split(), *(words for words in SHELL if words[0] == "provcheck")]


def test_every_block_is_looked_at() -> None:
    assert [block.language for block in BLOCKS] == ["dockerfile", "sh", "yaml", "sh", "sh"]
    assert {words[0] for words in SHELL} == {"docker", "kubectl", "provcheck"}


def test_the_image_builds_on_the_projects(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(IMAGE.replace("FROM provcheck", "FROM provcheck:0.1.0"), "utf-8")
    linted = subprocess.run(
        [Path(sys.executable).parent / "hadolint", tmp_path / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert (linted.returncode, linted.stdout) == (0, "")
    built = [" ".join(words) for words in SHELL if words[:2] == ["docker", "build"]]
    assert "docker build -t provcheck" in built[0] and "docker build -t provcheck ." in DOCKERFILE
    for argument in re.findall(r"--build-arg (\S+)", built[0]):
        assert f"--build-arg {argument}" in DOCKERFILE
    home = re.findall(r'ENTRYPOINT \["(.+)/bin/provcheck"\]', DOCKERFILE)
    user = re.findall(r"^USER (\d+)", DOCKERFILE, re.MULTILINE)
    assert set(re.findall(r"(/opt/\w+)/bin", IMAGE)) == set(home)
    assert re.findall(r"^USER (\d+)", IMAGE, re.MULTILINE) == ["0", *user]
    assert all(pod["securityContext"]["fsGroup"] == int(user[0]) for pod, _ in pods())


def test_one_version_of_ray_and_one_image() -> None:
    (pinned,) = re.findall(r"^ray==(.+)$", (ROOT / "constraints.txt").read_text("utf-8"), re.MULTILINE)
    assert re.findall(r'ray\[default\]==([^"]+)"', IMAGE) == [pinned] == [CLUSTER["rayVersion"]]
    (pushed,) = [words[2] for words in SHELL if words[:2] == ["docker", "push"]]
    assert {container["image"] for _, container in pods()} == {pushed}
    assert any(words[:4] == ["docker", "build", "-t", pushed] for words in SHELL)


def test_the_manifest_is_a_ray_job() -> None:
    assert (JOB["apiVersion"], JOB["kind"]) == ("ray.io/v1", "RayJob")
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,45}[a-z0-9])?", JOB["metadata"]["name"])
    assert JOB["spec"].keys() == JOB_KEYS and CLUSTER.keys() == {"rayVersion", "headGroupSpec", "workerGroupSpecs"}
    assert GROUPS[0].keys() == {"rayStartParams", "template"}
    for group in GROUPS[1:]:
        assert group.keys() == WORKER_KEYS
        assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
    for group in GROUPS:
        assert all(isinstance(value, str) for value in group["rayStartParams"].values()), "KubeRay takes texts only"
    for _, container in pods():
        limits = container["resources"]["limits"]
        assert limits == container["resources"]["requests"], "Ray counts on what Kubernetes gives"
        assert parse_size(f"{limits['memory']}B") >= 2**30 and all(isinstance(one, str) for one in limits.values())


def test_only_workers_measure() -> None:
    assert GROUPS[0]["rayStartParams"]["num-cpus"] == "0"
    assert all("nvidia.com/gpu" in container["resources"]["limits"] for _, container in list(pods())[1:])


@pytest.mark.parametrize("words", program(), ids=lambda words: words[1])
def test_the_program_understands_what_runs_in_the_cluster(words: list[str]) -> None:
    assert words[0] == "provcheck"
    parse(words[1:])
    assert " ".join(words[words.index("--engine") :]).startswith("--engine ray --address auto")


def test_whatever_is_read_or_written_lies_on_a_volume_of_every_pod() -> None:
    paths = {word for words in program() for word in words if word.startswith("/")}
    paths |= {one["value"] for _, container in pods() for one in container.get("env", []) if "value" in one}
    assert len(paths) == 6 and set(program()[0]) >= OPTIONS
    claims = set()
    for pod, container in pods():
        volumes = {one["name"]: one["persistentVolumeClaim"]["claimName"] for one in pod["volumes"]}
        mounts = {one["mountPath"]: volumes[one["name"]] for one in container["volumeMounts"]}
        assert all(any(path.startswith(f"{mount}/") for mount in mounts) for path in paths)
        claims.add(tuple(mounts.items()))
    assert len(claims) == 1
