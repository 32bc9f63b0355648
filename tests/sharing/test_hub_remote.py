"""A bank goes to a repository of the Hub and comes back, against a Hub of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import huggingface_hub.constants
import pytest

from provcheck.bank import load_bank
from provcheck.bank.folder import verify_bank
from provcheck.errors import BankError, OutputError, ProvcheckError
from provcheck.sharing import downloads
from provcheck.sharing.pulling import pull_bank
from provcheck.sharing.pushing import push_bank
from provcheck.sharing.releases import CURRENT_FILE, Release, sign
from provcheck.sharing.remotes import open_remote
from tests.sharing.conftest import contents, later
from tests.targets.fake_hub import FakeHub, reachable
from tests.targets.fake_uploads import Breaks, Uploads

HERE = Path("here")
PLACE, ID = "hf://org/bank", "org/bank"
TOKEN = "hf_" + "x" * 34


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(downloads, "sleep", lambda seconds: None)
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # huggingface_hub tries again too
    monkeypatch.setattr(Uploads, "breaks", Breaks())
    with reachable(monkeypatch, tmp_path / "cache", Uploads) as fake:
        yield fake


def push(bank: Path, place: str = PLACE) -> Release:
    return push_bank(str(bank), open_remote(place), lambda release: sign(release, Path("key.pem"))).release


def pull(place: str = PLACE) -> Release:
    return pull_bank(open_remote(place), HERE, key=Path("key.pub.pem")).release


def stored(hub: FakeHub) -> int:
    return sum(request.startswith("PUT store/") for request in hub.requests)


@pytest.mark.parametrize(("place", "id"), [(PLACE, ID), ("hf://datasets/org/bank", "datasets/org/bank")])
def test_there_and_back(hub: FakeHub, bank: Path, place: str, id: str) -> None:
    release = push(bank, place)
    assert hub.repositories[id].private, "whether others may read it is for its owner to say"
    assert pull(place) == release
    assert verify_bank("here").manifest == load_bank(str(bank)).manifest


def test_an_update_is_one_commit_and_large_files_are_stored_once(hub: FakeHub, bank: Path) -> None:
    push(bank)
    pull()
    before = stored(hub)
    commits = len(hub.repositories[ID].commits)
    assert push(later(bank)).number == 2
    assert len(hub.repositories[ID].commits) == commits + 1
    assert stored(hub) == before > 0
    assert pull().number == 2
    assert (HERE / "notes.json").is_file()


def test_everything_is_read_from_the_commit_that_was_there_first(hub: FakeHub, bank: Path) -> None:
    push(bank)
    remote = open_remote(PLACE)
    assert remote.read(CURRENT_FILE, 1000)
    push(later(bank))
    assert pull_bank(remote, HERE).release.number == 1


@pytest.mark.parametrize("route", ["preupload", "info", "store", "commit"])
def test_a_push_that_is_cut_off_changes_nothing_and_goes_on_later(hub: FakeHub, bank: Path, route: str) -> None:
    push(bank)
    before = dict(hub.repositories[ID].branches)
    Uploads.breaks = Breaks({route: 100})
    changed = later(bank)
    if route == "store":
        hub.uploaded.clear()
    with pytest.raises(OutputError, match="cannot push to hf://org/bank") as caught:
        push(changed)
    assert "\n" not in caught.value.message
    assert hub.repositories[ID].branches == before
    Uploads.breaks = Breaks()
    assert push(changed).number == 2
    assert pull().number == 2


def test_two_pushes_at_once_do_not_mix(hub: FakeHub, bank: Path) -> None:
    push(bank)
    slow = open_remote(PLACE)
    assert slow.read(CURRENT_FILE, 1000)
    other = later(bank)
    push(other)
    with pytest.raises(OutputError, match="cannot push to hf://org/bank"):
        push_bank(str(later(other)), slow)
    assert pull().number == 2


def test_what_is_not_there_or_closed(hub: FakeHub, bank: Path) -> None:
    with pytest.raises(BankError, match="nothing was pushed to hf://org/bank, or you cannot see it"):
        pull()
    push(bank)
    hub.repositories[ID].gated = True
    with pytest.raises(ProvcheckError, match=r"gated|may not be read"):
        pull()
    hub.broken = 500
    with pytest.raises(ProvcheckError, match="HTTP 500"):
        pull()
    with pytest.raises(ProvcheckError, match="HTTP 500"):
        push(bank)
    assert not HERE.exists()


def test_a_hostile_hub_takes_nothing_away(hub: FakeHub, bank: Path) -> None:
    push(bank)
    pull()
    before = contents(HERE)
    push(later(bank))
    repository = hub.repositories[ID]
    files = repository.commits[repository.branches["main"]]
    name = next(name for name in files if name.endswith("notes.json"))
    files[name] = b"[]"
    with pytest.raises(BankError, match="is not what its release states"):
        pull()
    hub.body, hub.hostile_of = (lambda: iter([b"{"] * 300_000)), "notes.json"
    with pytest.raises(ProvcheckError):
        pull()
    assert contents(HERE) == before


def test_the_token_goes_to_the_hub_and_is_never_said(hub: FakeHub, bank: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    push(bank)
    pull()
    assert f"Bearer {TOKEN}" in hub.tokens
    hub.broken = 418
    with pytest.raises(ProvcheckError) as caught:
        push(bank)
    assert TOKEN not in caught.value.message + caught.value.hint
