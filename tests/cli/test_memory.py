"""`--memory`: sizes as people write them, and budgets that are too small."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from provcheck.cli import run
from provcheck.cli.options import parse_size
from provcheck.store import load_measurement
from tests.tiny import save_probes, tiny_probes


@pytest.mark.parametrize(
    ("text", "size"),
    [("8GiB", 8 * 2**30), ("500MB", 500_000_000), ("1.5 GB", 1_500_000_000), ("4096", 4096), ("2mib", 2**21)],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "much", "0", "-1GB", "8 potatoes", "nan", "\x1b[31m8GB"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is no size of memory") as caught:
        parse_size(text)
    assert str(caught.value).isprintable()


def test_a_budget_bounds_the_batches_and_a_small_one_is_a_usage_error(
    tmp_path: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    probes = save_probes(tmp_path / "probes", tiny_probes())
    out = tmp_path / "tiny.safetensors"
    command = ["measure", str(tiny_folder), "--probes", str(probes), "-o", str(out), "--no-cache", "--memory"]
    assert run([*command, "100kB"]) == 4
    error = capsys.readouterr().err
    assert "more than the 1MiB allowed" in error
    needed = error.split("use --memory ")[1].split()[0]
    assert run([*command, needed]) == 0
    assert {one.coverage.share for one in load_measurement(out).facts.measured.values()} == {1}
    assert run([*command, "some"]) == 4
