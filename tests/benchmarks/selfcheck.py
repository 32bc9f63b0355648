"""One table of how fast provcheck is on this machine, beside what the machine itself does in the same minutes.

A row is a `Figure`: what was measured, its value, and what it is compared with. A history file holds one line of JSON a
run, so that CI can show a trend; only ratios can be compared between machines.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile

import psutil
import torch

from provcheck.cache import FOLDER_VARIABLE
from provcheck.measurement.batching import Run
from provcheck.measurement.encoding import Encoded, encode_questions, encode_texts
from provcheck.version import __version__
from tests.bank.large import write_descendant, write_large_bank
from tests.benchmarks.models import every_nth, random_llama
from tests.benchmarks.rate import FLOPS, matmul_rate
from tests.benchmarks.speed import (
    loop_attributions,
    loop_loglikelihoods,
    provcheck_attributions,
    provcheck_loglikelihoods,
)
from tests.measurement.running import asked, attribute_words, loglikelihoods, texts_of

ROOT = Path(__file__).parents[2]
SIDE = 1024
MEBIBYTE = 2**20
EVERY_SECONDS = 0.01
"""How often memory is looked at."""


@dataclass(frozen=True)
class Figure:
    """`ratio`: the value against what `beside` names; None where nothing is compared."""

    what: str
    value: float
    unit: str
    beside: str = ""
    ratio: float | None = None


@dataclass(frozen=True)
class Child:
    """A program that ran: wall-clock seconds, the most memory that it and its children held, and what it printed."""

    seconds: float
    mebibytes: float
    output: str


def check(every: int, references: int) -> Iterator[Figure]:
    """All figures: every n-th probe for the model's speed, and so many references in the large bank."""
    yield from _against_the_loop(every)
    yield from _against_the_machine(every)
    with TemporaryDirectory() as place:
        yield from _start_up(Path(place))
        yield from _audits(Path(place))
        yield from _large_bank(Path(place), references)


def table(figures: Sequence[Figure]) -> str:
    """Markdown."""
    rows = [f"| {one.what} | {one.value:.3g} {one.unit} | {_said(one)} |" for one in figures]
    return "\n".join(("| what | value | beside |", "|---|---|---|", *rows))


def line_of_history(figures: Sequence[Figure], now: datetime) -> str:
    """One line of JSON: when, on what, and every figure."""
    machine = {"processor": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()}
    about = {"when": now.astimezone(UTC).isoformat(timespec="seconds")}
    about |= {"provcheck": __version__, "torch": torch.__version__}
    return json.dumps({**about, **machine, "figures": [asdict(one) for one in figures]})


def _said(one: Figure) -> str:
    return one.beside if one.ratio is None else f"{one.ratio:.3g} x {one.beside}"


def _against_the_loop(every: int) -> Iterator[Figure]:
    loaded, probes = random_llama("1m"), every_nth(every)
    for what, loop, ours in (
        ("attributions", loop_attributions, provcheck_attributions),
        ("log-likelihoods", loop_loglikelihoods, provcheck_loglikelihoods),
    ):
        slow, fast = (_fastest(partial(work, loaded, probes)) for work in (loop, ours))
        yield Figure(f"{what} of a llama of 1.1 M", fast, "s", "the speed of the literal loop", slow / fast)


def _against_the_machine(every: int) -> Iterator[Figure]:
    loaded, probes = random_llama("1m"), every_nth(every)
    rate = matmul_rate(loaded, SIDE)
    yield Figure(f"product of two {SIDE} x {SIDE} matrices", rate / 1e9, "GFLOP/s")
    weights = sum(parameter.numel() for parameter in loaded.model.parameters())  # tied: looked up and multiplied
    options, _ = encode_questions(loaded.tokenizer, asked(probes), None)
    texts, _ = encode_texts(loaded.tokenizer, texts_of(probes), None)
    stages: dict[str, tuple[Sequence[Encoded], Callable[[], object]]] = {
        "attributions": (options, partial(attribute_words, loaded, probes.questions, options, Run())),
        "log-likelihood": (texts, partial(loglikelihoods, loaded, texts, len(probes.texts), Run())),
    }
    for stage, (sequences, work) in stages.items():
        reached = FLOPS[stage] * weights * sum(len(one.ids) for one in sequences) / _fastest(work)
        yield Figure(
            f"{stage}, useful operations", reached / 1e9, "GFLOP/s", "the rate of that product", reached / rate
        )


def _start_up(place: Path) -> Iterator[Figure]:
    bare = min(_ran([sys.executable, "-c", "pass"], place).seconds for _ in range(3))
    for arguments in (["--version"], ["--help"]):
        took = min(_provcheck(arguments, place).seconds for _ in range(3))
        yield Figure(f"provcheck {arguments[0]}", took, "s", "an empty Python program", took / bare)


def _audits(place: Path) -> Iterator[Figure]:
    arguments = ["audit", "demo", "--out", str(place / "report"), "-q"]
    cold, warm = (_provcheck(arguments, place) for _ in range(2))
    weights = _provcheck([*arguments, "--signals", "weights", "--no-cache"], place)
    yield Figure("audit of the demo, nothing measured before", cold.seconds, "s")
    yield Figure("... memory of all its processes", cold.mebibytes, "MiB")
    yield Figure("audit of the demo, measured before", warm.seconds, "s", "the first", warm.seconds / cold.seconds)
    yield Figure("audit of the demo, weights alone", weights.seconds, "s", "the first", weights.seconds / cold.seconds)


def _large_bank(place: Path, references: int) -> Iterator[Figure]:
    bank = write_large_bank(place / "bank", references)
    subject = write_descendant(bank, place / "subject.safetensors", references // 2)
    found = json.loads(_ran([sys.executable, "-m", "tests.bank.auditing", str(bank), str(subject)], place).output)
    yield Figure(f"bank of {references:,} references, loaded", found["load_seconds"], "s")
    yield Figure("... compared with all, judged and placed", found["audit_seconds"], "s")
    yield Figure("... memory", found["peak_gigabytes"] * 1e9 / MEBIBYTE, "MiB")


def _provcheck(arguments: list[str], place: Path) -> Child:
    return _ran([sys.executable, "-m", "provcheck", *arguments], place)


def _ran(command: list[str], place: Path) -> Child:
    """Run a program that must succeed, with a cache of its own."""
    environment = {**os.environ, FOLDER_VARIABLE: str(place / "cache"), "PYTHONPATH": str(ROOT)}
    started, most = time.perf_counter(), 0
    with TemporaryFile("w+") as output:
        child = psutil.Popen(command, cwd=ROOT, env=environment, stdout=output)
        while child.poll() is None:
            most = max(most, _resident(child))
            time.sleep(EVERY_SECONDS)
        took = time.perf_counter() - started
        if child.returncode:
            raise RuntimeError(f"{' '.join(command)} ended with {child.returncode}")
        output.seek(0)
        return Child(took, most / MEBIBYTE, output.read())


def _resident(tree: psutil.Process) -> int:
    """Bytes that a process and its children hold."""
    try:
        return sum(one.memory_info().rss for one in (tree, *tree.children(recursive=True)))
    except psutil.NoSuchProcess:
        return 0


def _fastest(work: Callable[[], object]) -> float:
    """Seconds of the faster of two runs."""
    return min(_seconds(work) for _ in range(2))


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
