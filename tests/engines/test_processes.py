"""Tasks in this process and in processes side by side: what comes back is the same, and a death takes nothing along."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from provcheck.engines import EngineOptions, Fault, find_engine
from provcheck.engines.processes import environment
from provcheck.errors import UsageError
from provcheck.observer import Silent
from tests.cached import Notes
from tests.engines.work import attempts, processes, task


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_task_is_done_once_and_a_failure_takes_only_itself_along(
    jobs: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tasks = [
        task(tmp_path, "a"),
        task(tmp_path, "broken", fails="broken"),
        task(tmp_path, "bug", fails="bug"),
        task(tmp_path, "b"),
    ]
    done = {one.task.id: one for one in find_engine(EngineOptions(jobs=jobs)).run(tasks, Silent())}
    assert {id: one.content.decode().partition(",")[0] for id, one in done.items()} == {
        "a": "a",
        "b": "b",
        "broken": "",
        "bug": "",
    }
    assert done["broken"].fault == Fault("broken is broken", "get it again", 4)
    assert done["bug"].fault and (done["bug"].fault.message, done["bug"].fault.exit_code) == (
        "internal error: RuntimeError",
        3,
    )
    assert "RuntimeError: a bug" in capfd.readouterr().err
    assert all(attempts(tmp_path, one.id) == 1 for one in tasks)
    assert (os.getpid() in processes(tmp_path)) == (jobs == 1)


def test_a_worker_that_dies_is_replaced_and_its_task_tried_again(tmp_path: Path) -> None:
    notes = Notes()
    tasks = [task(tmp_path, "a", dies=2), task(tmp_path, "b"), task(tmp_path, "c")]
    done = list(find_engine(EngineOptions(jobs=2, retries=2)).run(tasks, notes))
    assert sorted(one.task.id for one in done if one.fault is None) == ["a", "b", "c"]
    assert [attempts(tmp_path, id) for id in "abc"] == [3, 1, 1]
    assert notes.messages.count("a: its process ended (SIGKILL), and is tried again") == 2
    assert "[3/3] a" in notes.messages and "b: done" in notes.messages


def test_a_task_that_kills_every_worker_fails_alone(tmp_path: Path) -> None:
    tasks = [task(tmp_path, "a", dies=9), task(tmp_path, "b"), task(tmp_path, "c")]
    done = {one.task.id: one.fault for one in find_engine(EngineOptions(jobs=2, retries=1)).run(tasks, Silent())}
    assert done["b"] is done["c"] is None and attempts(tmp_path, "a") == 2
    assert done["a"] and done["a"].message == "the process that worked on it ended 2 times (SIGKILL)"
    assert done["a"].exit_code == 4


def test_closing_ends_the_workers(tmp_path: Path) -> None:
    running = find_engine(EngineOptions(jobs=2)).run([task(tmp_path, "a"), task(tmp_path, "b", seconds=60)], Silent())
    assert next(running).task.id == "a"
    while attempts(tmp_path, "b") == 0:
        time.sleep(0.01)
    running.close()  # type: ignore[attr-defined]
    assert not any(psutil.pid_exists(one) for one in processes(tmp_path))


def test_workers_end_with_a_driver_that_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from provcheck.engines import EngineOptions, find_engine;"
        "from provcheck.observer import Silent; from tests.engines.work import task;"
        "tasks = [task(Path(sys.argv[1]), id, seconds=60) for id in 'ab'];"
        "list(find_engine(EngineOptions(jobs=2)).run(tasks, Silent()))"
    )
    with subprocess.Popen([sys.executable, "-c", script, tmp_path]) as driver:
        while len(list(tmp_path.iterdir())) < 2:
            time.sleep(0.01)
        driver.kill()
    deadline = time.monotonic() + 20
    while any(psutil.pid_exists(one) for one in processes(tmp_path)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(psutil.pid_exists(one) for one in processes(tmp_path))


def test_cores_and_gpus_are_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provcheck.engines.cores", lambda: 8)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3,5")
    four = [environment(EngineOptions(jobs=4), number) for number in range(4)]
    assert [one["OMP_NUM_THREADS"] for one in four] == ["2"] * 4
    assert [one["CUDA_VISIBLE_DEVICES"] for one in four] == ["2", "2", "3", "5"]
    two = [environment(EngineOptions(jobs=2), number)["CUDA_VISIBLE_DEVICES"] for number in range(2)]
    assert two == ["2", "3,5"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert environment(EngineOptions(jobs=2), 1)["CUDA_VISIBLE_DEVICES"] == ""


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"name": "proceses"}, "there is no engine 'proceses'; did you mean 'processes'?"),
        ({"name": "serial", "jobs": 2}, "--engine serial does one model after another"),
        ({"jobs": 2, "address": "auto"}, "--address is that of a Ray cluster"),
        ({"name": "ray", "jobs": 2}, "a Ray cluster has as many jobs at once as it has room for"),
    ],
)
def test_options_that_do_not_fit_each_other(options: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        EngineOptions(**options)  # type: ignore[arg-type]
    assert caught.value.message == said
