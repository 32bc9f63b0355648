"""A bank from a Ray cluster of two workers, one of which is killed halfway."""

from __future__ import annotations

import time
import warnings
from pathlib import Path

import pytest

from provcheck.engines import EngineOptions, find_engine
from provcheck.engines.sizing import gpus_for, weight_bytes
from tests.cached import Notes
from tests.engines.work import task


def test_gpus_by_size(tmp_path: Path) -> None:
    gib = 2**30
    assert [gpus_for(size, 80 * gib) for size in (None, gib, 64 * gib, 65 * gib, 200 * gib)] == [1, 1, 1, 2, 4]
    (tmp_path / "a.safetensors").write_bytes(b"1234")
    (tmp_path / "config.json").write_bytes(b"{}")
    assert (weight_bytes(str(tmp_path)), weight_bytes(None), weight_bytes(str(tmp_path / "none"))) == (4, None, None)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_one_of_two_workers_is_killed_halfway(tmp_path: Path) -> None:
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    folder = tmp_path / "said"
    folder.mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        try:
            nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
        except Exception as error:  # Ray waits half a minute for a node, which a busy machine may take to start one
            cluster.shutdown()
            pytest.skip(f"no Ray node started: {error}")
        ray.init(address=cluster.address, log_to_driver=False)
        try:
            tasks = [task(folder, id, seconds=2, fails="broken" if id == "c" else "") for id in "abcdef"]
            notes, done = Notes(), []
            for one in find_engine(EngineOptions("ray")).run(tasks, notes):
                done.append(one)
                if len(done) == 2:
                    time.sleep(0.5)
                    cluster.remove_node(nodes[1], allow_graceful=False)
        finally:
            ray.shutdown()
            cluster.shutdown()
    assert sorted(one.task.id for one in done) == list("abcdef")
    assert [one.task.id for one in done if one.fault] == ["c"]
    assert "[6/6]" in " ".join(notes.messages) and "f: done" in notes.messages
