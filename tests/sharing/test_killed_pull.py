"""`bank push` and `bank pull` are killed at random moments: what was there stays, and the next run goes on."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from provcheck.bank import load_bank
from provcheck.bank.folder import verify_bank
from provcheck.bank.saving import add_file
from provcheck.sharing.folder_remote import FolderRemote
from provcheck.sharing.pulling import pull_bank
from provcheck.sharing.pushing import push_bank
from tests.sharing.conftest import contents, later
from tests.sharing.web import Web, serve

KILLS = 12


def kill_soon(arguments: list[str], seconds: float) -> None:
    """Run a command of the program, and kill it after that time, if it is not done by then."""
    process = subprocess.Popen(
        [sys.executable, "-m", "provcheck", "bank", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture
def changed(bank: Path) -> Path:
    """The bank, with a release of it in `share`, and a later one of 60 MB more."""
    push_bank(str(bank), FolderRemote(Path("share")))
    found = later(bank)
    for number in range(3):
        add_file(load_bank(str(found)), f"large-{number}.bin", np.random.default_rng(number).bytes(20_000_000))
    return found


@pytest.fixture
def web(changed: Path) -> Iterator[Web]:
    """The place on the web, by a line that takes its time."""
    push_bank(str(changed), FolderRemote(Path("share")))
    with serve(Path("share")) as found:
        found.fault = slow_and_broken
        yield found


def slow_and_broken(name: str) -> str:
    time.sleep(0.1)
    return "cut" if random.random() < 0.3 else ""


@pytest.mark.slow
def test_a_pull(bank: Path, changed: Path, web: Web) -> None:
    first = load_bank(str(bank)).manifest.digest
    pull_bank(FolderRemote(Path("share")), Path("here"), version=first)
    before, after = contents(Path("here")), {}
    for moment in np.random.default_rng(0).uniform(0.8, 4, KILLS):
        kill_soon(["pull", web.url, "--out", "here"], moment)
        after = contents(Path("here"))
        assert after == before or verify_bank("here").manifest == load_bank(str(changed)).manifest
    pull_bank(FolderRemote(Path("share")), Path("here"))
    assert verify_bank("here").manifest == load_bank(str(changed)).manifest
    assert web.sent < 1.5 * sum(map(len, contents(Path("here")).values())), "what was fetched was kept"


@pytest.mark.slow
def test_a_push(bank: Path, changed: Path) -> None:
    for moment in np.random.default_rng(1).uniform(0.8, 2, KILLS):
        kill_soon(["push", str(changed), "share"], moment)
        found = pull_bank(FolderRemote(Path("share")), Path("here")).release.number
        assert found in (1, 2), "either the old one or the new one, and whole"
    assert push_bank(str(changed), FolderRemote(Path("share"))).release.number == 2
    assert verify_bank(str(Path("share/versions") / load_bank(str(changed)).manifest.digest))
