"""A small world for the command line: probes, four unrelated tiny models, and the bank that was built of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from provcheck.cli import run
from tests.tiny import save_probes, save_tiny, tiny_probes

SEEDS = 4


@dataclass(frozen=True)
class World:
    """Folders that tests must not change."""

    probes: Path
    models: dict[str, Path]
    bank: Path

    def audit(self, model: str | Path, *options: str | Path) -> list[str]:
        """The arguments of an audit against the bank of this world."""
        found = ["audit", str(model), "--bank", str(self.bank), "--probes", str(self.probes)]
        return found + [str(option) for option in options]


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    home = tmp_path_factory.mktemp("world")
    probes = save_probes(home / "tiny", tiny_probes(texts=40))
    models = {f"seed-{n}": save_tiny(home / f"seed-{n}", seed=n) for n in range(SEEDS)}
    lines = "".join(
        f"  - {{id: org/{name}, path: {name}, family: {name}, mechanism: from-scratch, license: mit}}\n"
        for name in models
    )
    (home / "bank.yaml").write_text(f"name: tiny-bank\nmodels:\n{lines}", "utf-8")
    code = run(["bank", "build", str(home / "bank.yaml"), "--out", str(home / "bank"), "--probes", str(probes)])
    assert code == 0
    return World(probes, models, home / "bank")


def tree(folder: Path) -> set[str]:
    """Everything that lies in the folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}
