"""`provcheck measure` is killed at any moment, or runs twice at once, and gives the same numbers bit for bit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from provcheck.checkpoint import FileCheckpoint
from provcheck.measuring import ModelOptions, measure_model
from provcheck.signals import TABLE
from provcheck.store import load_measurement
from provcheck.types import Floats, Measurement
from tests.measured import same_bits
from tests.tiny import save_probes, tiny_probes

ENVIRONMENT = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "PYTHONUNBUFFERED": "1"}


@dataclass(frozen=True)
class Work:
    """A model, probes for it, and what they give when nothing comes between, in so many batches."""

    model: Path
    options: ModelOptions
    whole: Measurement
    batches: int
    of_first_signal: int

    def arguments(self, output: Path) -> list[str]:
        return ["measure", str(self.model), "-o", str(output), "--raw", "--no-isolate", "--probes", self.options.probes]


class Counter:
    """Counts batches that are computed."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.names: list[str] = []
        self._put = FileCheckpoint.put
        patch.setattr(FileCheckpoint, "put", self._counting())

    @property
    def computed(self) -> int:
        return len(self.names)

    def _counting(self) -> Callable[[FileCheckpoint, str, Floats], None]:
        def put(checkpoint: FileCheckpoint, key: str, array: Floats) -> None:
            self.names.append(key)
            self._put(checkpoint, key, array)

        return put


@pytest.fixture(scope="module")
def work(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Work:
    home = tmp_path_factory.mktemp("killed")
    options = ModelOptions(probes=str(save_probes(home / "probes", tiny_probes(questions=120, texts=200))))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROVCHECK_CACHE", str(home / "cache"))
        counter = Counter(patch)
        whole = measure_model(str(tiny_folder), options)
    assert counter.computed >= 6
    first = sum(name.startswith("attributions-") for name in counter.names)
    assert 3 <= first <= counter.computed - 3
    return Work(tiny_folder, options, whole, counter.computed, first)


def run_forked(runs: list[tuple[Path, str]], arguments: list[str]) -> list[str]:
    """The exit codes of the runs of `tests.killing`."""
    command = [sys.executable, "-m", "tests.killing", json.dumps([(str(cache), when) for cache, when in runs])]
    ran = subprocess.run(
        [*command, *arguments], env=os.environ | ENVIRONMENT, capture_output=True, text=True, check=True, timeout=300
    )
    assert "Traceback" not in ran.stderr, ran.stderr
    return [line for line in ran.stdout.splitlines() if line.replace("-", "").replace(" ", "").isdigit()]


def kept(cache: Path) -> int:
    """Finished batches in the checkpoints."""
    return sum(not path.name.startswith(".") for path in cache.glob("checkpoints/*/*"))


@pytest.fixture(scope="module")
def home(work: Work, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Caches after runs that were killed, one after the other (chain) or at the end, and after two runs at once."""
    home = tmp_path_factory.mktemp("caches")
    last = work.batches + len(TABLE)  # files: each batch, and an entry for each signal, that of the weights first
    between = 1 + work.of_first_signal + 1
    chain = [(home / "chain", moment) for moment in ("1+", "1+", "2-", "2+")]
    ends = [(home / "unkept", f"{last}-"), (home / "kept", f"{last}+")]
    killed = [*chain, (home / "unentered", f"{between}-"), (home / "between", f"{between}+"), *ends]
    codes = run_forked([*killed, (home / "two", "together")], work.arguments(home / "{process}.safetensors"))
    assert codes == [*["-9"] * len(killed), "0 0"]
    return home


@pytest.mark.parametrize("cache", ["chain", "unentered", "between", "unkept"])
def test_what_was_finished_is_not_computed_again(
    cache: str, work: Work, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = work.of_first_signal
    done = {"chain": 0 + 1 + 1 + 2, "unentered": first, "between": first, "unkept": work.batches}[cache]
    assert kept(home / cache) == done
    counter = Counter(monkeypatch)
    monkeypatch.setenv("PROVCHECK_CACHE", str(home / cache))
    assert same_bits(measure_model(str(work.model), work.options), work.whole)
    assert counter.computed == work.batches - done
    assert not list((home / cache).glob("checkpoints/*"))


@pytest.mark.parametrize("cache", ["kept", "two"])
def test_what_was_kept_is_not_measured_again(
    cache: str, work: Work, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = Counter(monkeypatch)
    monkeypatch.setenv("PROVCHECK_CACHE", str(home / cache))
    assert same_bits(measure_model(str(work.model), work.options), work.whole)
    assert counter.computed == 0


def test_two_at_once(work: Work, home: Path) -> None:
    made = [load_measurement(path) for path in home.glob("*.safetensors")]
    assert len(made) == 2, "and none of a process that was killed"
    assert all(same_bits(one, work.whole) for one in made)
    files = [path for path in (home / "two").rglob("*") if path.is_file()]
    assert [path.parent.name for path in files] == ["measurements"] * len(TABLE), "and nothing left over"


def kill_when_two_batches_are_kept(work: Work, cache: Path) -> bool:
    """Whether the real program was killed in time; on a busy machine it may be done before we look again."""
    with subprocess.Popen(
        [sys.executable, "-c", "import provcheck.cli; provcheck.cli.main()", *work.arguments(cache / "m.safetensors")],
        env=os.environ | ENVIRONMENT | {"PROVCHECK_CACHE": str(cache)},
        stdout=subprocess.DEVNULL,
    ) as program:
        while kept(cache) < 2 and program.poll() is None:
            time.sleep(0.001)
        program.kill()
    assert program.returncode in (0, -9)
    return 2 <= kept(cache) < work.batches


def test_killed_from_outside(work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = next(tmp_path / name for name in "abc" if kill_when_two_batches_are_kept(work, tmp_path / name))
    done, counter = kept(cache), Counter(monkeypatch)
    assert not (cache / "m.safetensors").exists()
    monkeypatch.setenv("PROVCHECK_CACHE", str(cache))
    assert same_bits(measure_model(str(work.model), work.options), work.whole)
    assert counter.computed == work.batches - done
