"""A bank from a web server, whatever the network and the server do."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from provcheck.bank import load_bank
from provcheck.bank.folder import verify_bank
from provcheck.bank.saving import add_file
from provcheck.errors import BankError, ProvcheckError, UsageError
from provcheck.io.partial_file import PartialFile
from provcheck.io.retries import KEPT
from provcheck.sharing import downloads
from provcheck.sharing.folder_remote import FolderRemote
from provcheck.sharing.pulling import pull_bank
from provcheck.sharing.pushing import push_bank
from provcheck.sharing.remotes import open_remote
from tests.sharing.conftest import contents, later
from tests.sharing.web import Web, at_random, serve

HERE = Path("here")
BIG = "large-notes.bin"


@pytest.fixture(autouse=True)
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that were waited for between tries; nobody waits."""
    seconds: list[float] = []
    monkeypatch.setattr(downloads, "sleep", seconds.append)
    return seconds


@pytest.fixture
def web(bank: Path) -> Iterator[Web]:
    """A bank with a file of three megabytes, on the web."""
    content = np.random.default_rng(0).bytes(3_000_000)
    add_file(load_bank(str(bank)), BIG, content)
    push_bank(str(bank), FolderRemote(Path("share")))
    with serve(Path("share")) as found:
        yield found


def pull(web: Web) -> None:
    pull_bank(open_remote(web.url + "/"), HERE)


def test_there_and_back(bank: Path, web: Web) -> None:
    pull(web)
    assert verify_bank("here").manifest == load_bank(str(bank)).manifest
    assert web.sent < sum(map(len, contents(HERE).values())) + 10_000, "nothing is fetched twice"


@pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "whole files only"])
@pytest.mark.parametrize("seed", range(4))
def test_a_network_that_fails_at_random_moments_loses_nothing(bank: Path, web: Web, seed: int, ranges: bool) -> None:
    """However often it takes; what a pull before it has brought is not fetched again."""
    web.fault, web.ranges = at_random(seed, 0.6), ranges
    for _ in range(60):
        try:
            pull(web)
            break
        except BankError as error:
            assert "cannot be fetched" in error.message and not HERE.exists()
    assert verify_bank("here").manifest == load_bank(str(bank)).manifest
    assert not list(Path.cwd().glob(".here*"))


def test_an_update_over_a_failing_network_keeps_what_was_here_until_it_is_whole(bank: Path, web: Web) -> None:
    pull(web)
    before = contents(HERE)
    push_bank(str(later(bank)), FolderRemote(Path("share")))
    web.fault = lambda name: "drop" if name.endswith("notes.json") else ""
    with pytest.raises(BankError, match=r"notes\.json of http"):
        pull(web)
    assert contents(HERE) == before
    web.fault = lambda name: ""
    pull(web)
    assert contents(HERE).keys() == before.keys() | {"notes.json"}


def test_only_what_did_not_arrive_is_fetched_again(web: Web) -> None:
    left = iter(["cut", *["drop"] * 10])
    web.fault = lambda name: next(left, "") if name.endswith(BIG) else ""
    with pytest.raises(BankError, match="cannot be fetched") as caught:
        pull(web)
    assert caught.value.hint == KEPT
    web.fault, before = lambda name: "", len(web.asked)
    pull(web)
    ranges = [asked for name, asked in web.asked[before:] if name.endswith(BIG)]
    assert ranges == ["bytes=1500000-2999999"]


def test_it_waits_longer_each_time_or_as_long_as_the_server_says(web: Web, waited: list[float]) -> None:
    web.fault = lambda name: "drop"
    with pytest.raises(BankError, match=r"current\.json of http"):
        pull(web)
    assert waited == [1, 2, 4, 8, 16]
    waited.clear()
    web.fault = lambda name: "429"
    with pytest.raises(BankError, match="HTTP 429"):
        pull(web)
    assert waited == [0] * 5


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("shift", "sends another part of it"),
        ("size", "has another size than its release states"),
        ("gzip", "sends it compressed"),
        ("zeros", "is not what its release states"),
        ("403", "may not be read: HTTP 403"),
        ("404", "is not there"),
        ("500", "HTTP 500"),
        ("418", "cannot be fetched: HTTP 418"),
        ("to http://127.0.0.1:1/", "cannot be fetched"),
        ("to file:///etc/passwd", "cannot be fetched"),
    ],
)
def test_a_server_that_answers_something_else(web: Web, fault: str, said: str) -> None:
    web.fault = lambda name: fault if name.endswith(BIG) else ""
    with pytest.raises(ProvcheckError) as caught:
        pull(web)
    assert said in caught.value.message and "\n" not in caught.value.message
    assert not HERE.exists()


def test_a_server_that_sends_more_than_was_asked_for(bank: Path, web: Web) -> None:
    web.fault = lambda name: "long" if name.endswith(BIG) else ""
    pull(web)
    assert verify_bank("here").manifest == load_bank(str(bank)).manifest


def test_a_small_file_without_end_is_not_read_to_its_end(web: Web) -> None:
    (web.folder / "current.json").write_bytes(b" " * 1_000_000)
    with pytest.raises(BankError, match="larger than the 200,000 bytes"):
        pull(web)


def test_a_download_into_a_file_is_what_the_server_has(web: Web, tmp_path: Path) -> None:
    content = np.random.default_rng(1).bytes(2_500_000)
    (web.folder / "a b").write_bytes(content)
    web.fault = at_random(5, 0.3)
    into = PartialFile(tmp_path / "file", len(content))
    open_remote(web.url).fetch("a b", into)
    assert hashlib.sha256(into.path.read_bytes()).digest() == hashlib.sha256(content).digest()


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://example.org/bank", "is not https"),
        ("https:///bank", "is no address of a folder"),
        ("https://host/bank?x=1", "is no address of a folder"),
        ("https://[host/bank", "is no address of a folder"),
        ("ftp://host/bank", "is no place that provcheck knows"),
        ("hf://name", "names no repository"),
        ("hf://datasets/name", "names no repository"),
        ("hf://a/b/c", "names no repository"),
    ],
)
def test_addresses_that_are_none(address: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        open_remote(address)


def test_an_https_address_is_only_read(bank: Path) -> None:
    with pytest.raises(ProvcheckError, match="can only be read"):
        open_remote("https://host/banks").publish(None, {}, b"")  # type: ignore[arg-type]
