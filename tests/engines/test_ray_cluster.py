"""A bank, and audits, by the program on a Ray cluster of two workers: one dies halfway, and the bytes stay the same."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from provcheck.cli import run
from provcheck.engines.sizing import gpus_for, weight_bytes
from tests.cached import entries
from tests.engines.banks import Zoo, content, make_zoo, started

MODELS = 6


def test_gpus_by_size(tmp_path: Path) -> None:
    gib = 2**30
    assert [gpus_for(size, 80 * gib) for size in (None, gib, 64 * gib, 65 * gib, 200 * gib)] == [1, 1, 1, 2, 4]
    (tmp_path / "a.safetensors").write_bytes(b"1234")
    (tmp_path / "config.json").write_bytes(b"{}")
    assert (weight_bytes(str(tmp_path)), weight_bytes(None), weight_bytes(str(tmp_path / "none"))) == (4, None, None)


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    return make_zoo(tmp_path_factory.mktemp("zoo"), MODELS, "able,likelihood,weights")


@pytest.fixture(scope="module")
def serial(zoo: Zoo) -> dict[str, bytes]:
    """What `--jobs 1` makes of it."""
    assert run(zoo.build(zoo.home / "serial", "--jobs", "1")) == 1
    return content(zoo.home / "serial")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A head and two workers of one core, with a cache of their own."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        cache = tmp_path_factory.mktemp("cache")
        patch.setenv("PROVCHECK_CACHE", str(cache))
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        cluster.cache = cache
        try:
            cluster.workers = [cluster.add_node(num_cpus=1) for _ in range(2)]
        except Exception as error:  # Ray waits half a minute for a node, which a busy machine may take to start one
            cluster.shutdown()
            pytest.skip(f"no Ray node started: {error}")
    yield cluster
    cluster.shutdown()


def workers() -> list[psutil.Process]:
    """The processes that carry out tasks of this test's cluster."""
    return [one for one in psutil.Process().children(recursive=True) if is_busy(one)]


def is_busy(process: psutil.Process) -> bool:
    try:
        return process.cmdline()[:1] == ["ray::_perform"]
    except psutil.Error:
        return False


def when(condition: Callable[[], bool], act: Callable[[], None]) -> threading.Thread:
    """Act once that is so."""

    def wait() -> None:
        while not condition():
            time.sleep(0.005)
        act()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_worker_process_is_killed_halfway(
    cluster: Any, zoo: Zoo, serial: dict[str, bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, killed = tmp_path / "store", []

    def kill() -> None:
        killed.append(next(iter(workers())))
        killed[0].kill()

    waiting = when(lambda: len(entries(store)) >= 5 and bool(workers()), kill)
    ray = ["--engine", "ray", "--address", cluster.address, "--store", str(store)]
    assert run(zoo.build(tmp_path / "bank", *ray)) == 1
    waiting.join(1)
    assert killed, "nothing was left to do"
    assert content(tmp_path / "bank") == serial
    assert len(entries(store)) == 3 * MODELS
    said = capsys.readouterr().out
    assert "skipped org/broken: broken has no config.json" in said and f"[{MODELS + 1}/{MODELS + 1}]" in said


@pytest.mark.slow
def test_the_driver_is_killed_halfway(cluster: Any, zoo: Zoo, serial: dict[str, bytes], tmp_path: Path) -> None:
    """Another goes on from the store, on machines that are new."""
    store = tmp_path / "store"
    shutil.rmtree(cluster.cache, ignore_errors=True)
    ray = ["--engine", "ray", "--address", cluster.address, "--store", str(store)]
    with started(*zoo.build(tmp_path / "bank", *ray)) as driver:
        while driver.poll() is None and len(entries(store)) < 4:
            time.sleep(0.005)
        driver.kill()
    assert driver.returncode == -9 and not (tmp_path / "bank").exists()
    kept = {path: path.stat().st_mtime_ns for path in entries(store)}
    shutil.rmtree(cluster.cache)
    assert run(zoo.build(tmp_path / "bank", *ray)) == 1
    assert content(tmp_path / "bank") == serial
    assert len(entries(store)) == 3 * MODELS and {path: path.stat().st_mtime_ns for path in kept} == kept


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_worker_node_is_lost_halfway(cluster: Any, zoo: Zoo, serial: dict[str, bytes], tmp_path: Path) -> None:
    names = [str(zoo.home / f"seed-{number}") for number in range(MODELS)]
    (tmp_path / "list.txt").write_text("\n".join([*names, "org/none"]), "utf-8")
    options = ["--bank", str(zoo.home / "serial"), "--probes", str(zoo.probes), "--offline", "--no-isolate"]
    audit = ["audit", "--many", str(tmp_path / "list.txt"), *options, "--format", "json"]
    out = tmp_path / "ray"
    lost = when(
        lambda: len(list(out.glob("*/report.json"))) >= 2,
        lambda: cluster.remove_node(cluster.workers[1], allow_graceful=False),
    )
    assert run([*audit, "--out", str(out), "--engine", "ray", "--address", cluster.address]) == 4
    lost.join(1)
    assert run([*audit, "--out", str(tmp_path / "alone")]) == 4
    assert (out / "summary.md").read_bytes() == (tmp_path / "alone" / "summary.md").read_bytes()
    reports = sorted(out.glob("*/report.json"))
    assert len(reports) == MODELS
    for one in reports:
        alone = json.loads((tmp_path / "alone" / one.parent.name / one.name).read_text("utf-8"))
        assert json.loads(one.read_text("utf-8"))["comparisons"] == alone["comparisons"]
