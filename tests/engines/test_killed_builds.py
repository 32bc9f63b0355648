"""A build whose driver, workers and store fail at random moments, again and again, loses nothing that was measured."""

from __future__ import annotations

import contextlib
import random
import subprocess
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest

from provcheck.cli import run
from tests.cached import entries
from tests.engines.banks import Zoo, content, make_zoo, started

MODELS, SIGNALS = 5, "able,likelihood,weights"
ENTRIES = MODELS * len(SIGNALS.split(","))
PATIENCE = 30
"""Runs; about six are needed."""


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    return make_zoo(tmp_path_factory.mktemp("zoo"), MODELS, SIGNALS)


class Store:
    """A folder behind a link. While it is gone a file stands there, so that whoever reads or writes gets an error."""

    def __init__(self, home: Path) -> None:
        self.link, self.folder, self._file = home / "store", home / "kept", home / "file"
        self.folder.mkdir()
        self._file.touch()
        self._point_to(self.folder)

    def vanish(self, seconds: float) -> None:
        """Be gone for less long than what fails is tried again."""
        self._point_to(self._file)
        time.sleep(seconds)
        self._point_to(self.folder)

    def state(self) -> dict[str, tuple[int, int]]:
        """What tells whether an entry was written again."""
        stats = {path.name: path.stat() for path in entries(self.folder)}
        return {name: (stat.st_ino, stat.st_mtime_ns) for name, stat in stats.items()}

    def _point_to(self, place: Path) -> None:
        new = self.link.with_name("new")
        new.symlink_to(place)
        new.replace(self.link)


class Trouble:
    """What happens to a run: a worker dies, or the store is gone for a while; in the end the driver is killed."""

    def __init__(self, store: Store, seed: int) -> None:
        self._store, self._stream = store, random.Random(seed)
        self.made: Counter[str] = Counter()

    def disturb(self, program: subprocess.Popen[bytes]) -> None:
        """At random moments, each after some progress."""
        for _ in range(self._stream.randint(1, 3)):
            self._wait(program, self._stream.randint(0, 2), self._stream.uniform(0, 6))
            if program.poll() is not None:
                return
            if self.made["worker"] < self.made["outage"] + self._stream.randint(0, 1):
                self._kill_a_worker(program)
            else:
                self._store.vanish(self._stream.uniform(0.1, 2))
                self.made["outage"] += 1
        self._wait(program, self._stream.randint(1, 3), 60)

    def _wait(self, program: subprocess.Popen[bytes], more: int, seconds: float) -> None:
        """For that many more entries, or that long."""
        enough, end = len(self._store.state()) + more, time.monotonic() + seconds
        while program.poll() is None and len(self._store.state()) < enough and time.monotonic() < end:
            time.sleep(0.005)
        time.sleep(self._stream.uniform(0, 0.2))

    def _kill_a_worker(self, program: subprocess.Popen[bytes]) -> None:
        with contextlib.suppress(psutil.Error):
            if workers := psutil.Process(program.pid).children():
                self._stream.choice(workers).kill()
                self.made["worker"] += 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1])
def test_the_bank_is_the_same_and_nothing_that_was_kept_is_measured_again(seed: int, zoo: Zoo, tmp_path: Path) -> None:
    """Every run is one of another machine, with a cache of its own: only the store knows what was measured."""
    assert run(zoo.build(tmp_path / "undisturbed")) == 1
    store = Store(tmp_path)
    codes: list[int] = []
    trouble = Trouble(store, seed)
    build = zoo.build(tmp_path / "bank", "--jobs", "2", "--retries", "20", "--store", str(store.link))
    while codes[-1:] != [1] and len(codes) < PATIENCE:
        kept = store.state()
        with started(*build, PROVCHECK_CACHE=str(tmp_path / f"cache-{len(codes)}")) as program:
            trouble.disturb(program)
        codes.append(program.returncode)
        assert kept.items() <= store.state().items(), "what was kept was measured again, or is lost"
    assert codes == [-9] * (len(codes) - 1) + [1]
    assert len(codes) > 1 and min(trouble.made["worker"], trouble.made["outage"]) > 0, "nothing was tried"
    assert content(tmp_path / "bank") == content(tmp_path / "undisturbed")
    assert len(store.state()) == ENTRIES
