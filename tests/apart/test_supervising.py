"""A process of its own: the same numbers, and nothing that a hostile model can take along."""

from __future__ import annotations

import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from provcheck import ModelOptions, measure_model, measuring
from provcheck.apart import supervising
from provcheck.apart.bounds import Bounds
from provcheck.apart.network import Barrier, find_barrier
from provcheck.errors import BrokenModel, ProvcheckError, SubjectError, TooLarge
from provcheck.store import measurement_digest
from tests.apart.hostile_code import save_hostile
from tests.tiny import save_probes, tiny_probes

pytestmark = [
    pytest.mark.usefixtures("isolated"),
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits"),
]


@pytest.fixture
def options(tmp_path: Path) -> ModelOptions:
    probes = save_probes(tmp_path / "probes", tiny_probes(texts=8))
    return ModelOptions(
        probes=str(probes), isolate=True, signals=("likelihood",), trust_remote_code=True, cache=False, device="cpu"
    )


def said_by(folder: Path, payload: str, options: ModelOptions) -> ProvcheckError:
    """The error that measuring such a model ends with."""
    with pytest.raises(ProvcheckError) as caught:
        measure_model(save_hostile(folder / "hostile", payload), options)
    assert caught.value.exit_code == 4
    return caught.value


class Watching:
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def start(self, stage: str, total: int) -> None:
        self.told.append((stage, total))

    def advance(self, n: int = 1) -> None:
        self.told.append(n)

    def finish(self) -> None:
        self.told.append("finish")

    def note(self, message: str) -> None:
        self.told.append(message)


def test_the_numbers_are_the_same_and_progress_is_told(tiny_folder: Path, tmp_path: Path) -> None:
    probes, told = str(save_probes(tmp_path / "probes", tiny_probes())), (Watching(), Watching())
    apart, here = (
        measure_model(tiny_folder, ModelOptions(probes=probes, isolate=isolate, cache=False, device="cpu"), observe)
        for isolate, observe in zip((True, False), told, strict=True)
    )
    assert measurement_digest(apart) == measurement_digest(here)
    assert apart.run.model_copy(update={"measured_at": here.run.measured_at}) == here.run
    assert [one for one in told[0].told if one in told[1].told] == told[1].told


def test_it_sees_no_secrets_and_no_network(
    tmp_path: Path, options: ModelOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "a-secret")
    monkeypatch.setenv("https_proxy", "http://user:password@proxy")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        payload = f"""
import os, socket
try:
    socket.create_connection(("127.0.0.1", {port}), 2)
    reached = "reached"
except OSError:
    reached = "unreachable"
at_home = os.path.expanduser("~") == os.environ["TMPDIR"]
seen = os.environ.get("HF_TOKEN"), os.environ.get("https_proxy"), reached, at_home
raise ValueError(" ".join(map(str, seen)))
"""
        message = said_by(tmp_path, payload, options).message
    assert message.endswith(f"None None {'reached' if find_barrier() is Barrier.NONE else 'unreachable'} True")


@pytest.mark.skipif(find_barrier() is not Barrier.BUBBLEWRAP, reason="bubblewrap is not installed")
def test_behind_bubblewrap_it_writes_nothing_else(tmp_path: Path, options: ModelOptions) -> None:
    target = tmp_path / "written"
    assert "Read-only" in said_by(tmp_path, f"open({str(target)!r}, 'w')", options).message
    assert not target.exists()


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT"])
def test_a_crash_is_a_sentence(name: str, tmp_path: Path, options: ModelOptions) -> None:
    error = said_by(tmp_path, f"import os, signal\nos.kill(os.getpid(), signal.{name})", options)
    assert isinstance(error, BrokenModel)
    assert error.message == f"the process that measured 'hostile' crashed ({name})" and error.hint


def test_too_much_memory_is_a_sentence(tmp_path: Path, options: ModelOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervising, "bounds_for", lambda *_: Bounds(16 * 2**30, 3600))
    error = said_by(tmp_path, "taken = bytearray(40 * 2**30)", options)
    assert isinstance(error, SubjectError) and "memory" in error.message.lower()


def test_too_much_time_is_a_sentence(tmp_path: Path, options: ModelOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervising, "bounds_for", lambda *_: Bounds(None, 1))
    error = said_by(tmp_path, "while True: pass", options)
    assert isinstance(error, TooLarge) and "processor time" in error.message and "--no-isolate" in error.hint


def test_a_forged_line_is_refused(tmp_path: Path, options: ModelOptions) -> None:
    """Code in the process can find its channel; whatever it writes there runs nothing here, and is no path."""
    payload = "import os\nfor number in range(3, 12):\n    try: os.write(number, {line!r})\n    except OSError: pass\n"
    for line in (b'["done", "../../etc/passwd"]\n', b"\x80\x04pickle\n"):
        error = said_by(tmp_path / str(len(line)), payload.format(line=line), options)
        assert error.message == "the process that measured 'hostile' said nonsense"


def test_nothing_is_left_when_the_measurement_is_interrupted(
    tmp_path: Path, options: ModelOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(supervising, "_tell", interrupted)
    with pytest.raises(KeyboardInterrupt):
        measure_model(save_hostile(tmp_path / "hostile", "import time\ntime.sleep(600)"), options)
    assert not [line for line in children() if "provcheck.apart.worker" in line]


def children() -> Iterator[str]:
    """Command lines of the processes below this one."""
    import psutil

    for child in psutil.Process().children(recursive=True):
        yield " ".join(child.cmdline())


def test_links_of_the_hubs_cache_are_followed(tiny_folder: Path, tmp_path: Path, options: ModelOptions) -> None:
    """Its files are links to another folder."""
    linked = tmp_path / "snapshot"
    linked.mkdir()
    for path in shutil.copytree(tiny_folder, tmp_path / "blobs").iterdir():
        (linked / path.name).symlink_to(path)
    assert measure_model(linked, options).sketches
    (tmp_path / "other").symlink_to(linked)
    assert measure_model(tmp_path / "other", options).sketches


def test_the_limits_are_for_good(tmp_path: Path, options: ModelOptions) -> None:
    payload = """
import resource
unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
for kind in (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE):
    try:
        resource.setrlimit(kind, unlimited)
        raised = "lifted"
    except (ValueError, OSError):
        raised = "kept"
    if raised == "lifted" and os.geteuid() == 0 and not BEHIND:
        raised = "kept"  # root may
raise ValueError(f"limits {raised}")
"""
    behind = find_barrier() is Barrier.BUBBLEWRAP
    error = said_by(tmp_path, f"import os\nBEHIND = {behind}\n{payload}", options)
    assert error.message.endswith("limits kept")


@pytest.mark.skipif(find_barrier() is not Barrier.BUBBLEWRAP, reason="bubblewrap is not installed")
def test_behind_bubblewrap_it_sees_neither_home_nor_other_processes(
    tmp_path: Path, options: ModelOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "token").write_text("a-secret", "utf-8")
    monkeypatch.setenv("HOME", str(home))
    find_barrier.cache_clear()
    payload = f"""
import os
processes = [name for name in os.listdir("/proc") if name.isdigit()]
raise ValueError(f"{{os.path.exists({str(home / "token")!r})}} {{len(processes) < 5}}")
"""
    assert said_by(tmp_path, payload, options).message.endswith("False True")


def test_weights_are_read_there_too(tiny_folder: Path, options: ModelOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tokenizer is loaded for them, by a library that a hostile file may crash."""
    monkeypatch.setattr(measuring, "sketch_each", None)
    found = measure_model(tiny_folder, ModelOptions(probes=options.probes, isolate=True, signals=("weights",)))
    assert "weights" in found.sketches
