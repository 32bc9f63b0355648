"""Tiny models to build banks of, and their files as bytes; by default of their weights, so that nothing is run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.tiny import save_probes, save_tiny, tiny_probes

PROGRAM = [sys.executable, "-c", "import provcheck.cli; provcheck.cli.main()"]


@dataclass(frozen=True)
class Zoo:
    """A manifest of tiny models, one of them broken, and probes; `signals`: what is measured."""

    home: Path
    manifest: Path
    probes: Path
    signals: str = "weights"

    def build(self, out: Path, *options: str) -> list[str]:
        """The arguments of `bank build`."""
        command = ["bank", "build", str(self.manifest), "--out", str(out), "--probes", str(self.probes)]
        return [*command, "--signals", self.signals, "--no-isolate", *options]


def make_zoo(home: Path, models: int = 5, signals: str = "weights") -> Zoo:
    probes = save_probes(home / "tiny", tiny_probes(texts=40))
    for number in range(models):
        save_tiny(home / f"seed-{number}", seed=number)
    (home / "broken").mkdir()
    names = [f"seed-{number}" for number in range(models)]
    names.insert(2, "broken")
    lines = "".join(f"  - {{id: org/{name}, path: {name}, family: {name}}}\n" for name in names)
    (home / "zoo.yaml").write_text(f"name: zoo\nmodels:\n{lines}", "utf-8")
    return Zoo(home, home / "zoo.yaml", probes, signals)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@contextmanager
def started(*arguments: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """The program, killed in the end."""
    with subprocess.Popen([*PROGRAM, *arguments], env=os.environ | environment) as program:
        try:
            yield program
        finally:
            program.kill()
