"""A bank goes to a folder and comes back, whole and checked, or what was there stays."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from provcheck.bank import load_bank
from provcheck.bank.folder import verify_bank
from provcheck.bank.saving import add_file
from provcheck.errors import BankError, ProvcheckError, UsageError
from provcheck.io.partial_file import PartialFile
from provcheck.sharing.folder_remote import FolderRemote
from provcheck.sharing.pulling import pull_bank
from provcheck.sharing.pushing import push_bank
from provcheck.sharing.releases import ENVELOPE_FILE, RELEASE_FILE, Release, sign
from tests.sharing.conftest import contents, later

KEY, PUBLIC = Path("key.pem"), Path("key.pub.pem")
HERE = Path("here")


@pytest.fixture
def share(bank: Path) -> FolderRemote:
    """A place with one signed release of the bank."""
    remote = FolderRemote(Path("share"))
    push_bank(str(bank), remote, signed)
    return remote


def signed(release: Release) -> str:
    return sign(release, KEY)


def version_folder(number: int) -> Path:
    """The folder of a release in the place."""
    found = {
        json.loads(path.read_text("utf-8"))["number"]: path for path in Path("share").glob("versions/*/*lease.json")
    }
    return found[number].parent


def test_there_and_back(bank: Path, share: FolderRemote) -> None:
    pulled = pull_bank(share, HERE, key=PUBLIC)
    assert (pulled.known, pulled.signed, pulled.release.number, pulled.release.previous) == (False, True, 1, None)
    assert verify_bank("here").manifest == load_bank(str(bank)).manifest
    assert contents(HERE).keys() == contents(bank).keys() | {RELEASE_FILE, ENVELOPE_FILE}
    assert {path.name for path in Path.cwd().iterdir() if path.name.startswith(".")} == set()
    assert pull_bank(share, HERE, key=PUBLIC).known


def test_a_pushed_release_is_a_bank_as_it_lies(share: FolderRemote) -> None:
    assert verify_bank(str(version_folder(1))).manifest.digest == version_folder(1).name


def test_the_folder_is_called_like_the_bank(bank: Path, share: FolderRemote) -> None:
    shutil.rmtree(bank)
    assert pull_bank(share).folder.resolve() == bank
    assert verify_bank(str(bank)).manifest.name == "bank"


def test_releases_are_numbered_and_an_update_fetches_what_is_new(
    bank: Path, share: FolderRemote, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull_bank(share, HERE, key=PUBLIC)
    pushed = push_bank(str(later(bank)), share, signed)
    assert (pushed.release.number, pushed.release.previous) == (2, load_bank(str(bank)).manifest.digest)
    fetched: list[str] = []
    fetch = FolderRemote.fetch

    def noted(self: FolderRemote, name: str, into: PartialFile) -> None:
        fetched.append(name)
        fetch(self, name, into)

    monkeypatch.setattr(FolderRemote, "fetch", noted)
    assert pull_bank(share, HERE, key=PUBLIC).release == pushed.release
    assert sorted(name.rpartition("/")[2] for name in fetched) == ["manifest.json", "notes.json"]
    assert (HERE / "notes.json").is_file()


def test_the_same_bank_pushed_again_is_no_new_release(bank: Path, share: FolderRemote) -> None:
    before = contents(Path("share"))
    assert push_bank(str(bank), share).known
    assert contents(Path("share")) == before


def test_a_signature_can_follow(bank: Path) -> None:
    remote = FolderRemote(Path("share"))
    push_bank(str(bank), remote)
    with pytest.raises(BankError, match="is not signed"):
        pull_bank(remote, HERE, key=PUBLIC)
    push_bank(str(bank), remote, signed)
    assert pull_bank(remote, HERE, key=PUBLIC).release.number == 1


def test_raw_files_are_left_out_unless_asked_for(bank: Path) -> None:
    add_file(load_bank(str(bank)), "able-raw.safetensors", b"for research")
    push_bank(str(bank), FolderRemote(Path("share")))
    pull_bank(FolderRemote(Path("share")), HERE)
    assert verify_bank("here") and not (HERE / "able-raw.safetensors").exists()
    push_bank(str(bank), FolderRemote(Path("whole")), raw=True)
    pull_bank(FolderRemote(Path("whole")), Path("with-raw"))
    assert Path("with-raw/able-raw.safetensors").read_bytes() == b"for research"


@pytest.mark.parametrize("number", range(6))
def test_a_push_that_is_cut_off_goes_on(bank: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before each of its renames, for the first release of a place and for the second."""
    for made in (bank, later(bank)):
        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", stopping_at(number))
            try:
                push_bank(str(made), FolderRemote(Path("share")), signed)
            except KeyboardInterrupt:
                before = contents(Path("share")).get("current.json", b"")
                assert load_bank(str(made)).manifest.digest.encode() not in before
        push_bank(str(made), FolderRemote(Path("share")), signed)
        pull_bank(FolderRemote(Path("share")), HERE, key=PUBLIC)
        assert verify_bank("here").manifest == load_bank(str(made)).manifest


def stopping_at(number: int) -> Callable[[Path, Path], Path]:
    """`Path.replace` until it was called that often."""
    calls, replace = itertools.count(), Path.replace

    def replace_or_stop(path: Path, target: Path) -> Path:
        if next(calls) == number:
            raise KeyboardInterrupt
        return replace(path, target)

    return replace_or_stop


def test_an_earlier_release_can_be_named(bank: Path, share: FolderRemote) -> None:
    first = load_bank(str(bank)).manifest.digest
    push_bank(str(later(bank)), share, signed)
    pull_bank(share, HERE, key=PUBLIC)
    assert pull_bank(share, HERE, key=PUBLIC, version=first).release.number == 1
    assert load_bank("here").manifest.digest == first
    assert pull_bank(share, HERE, key=PUBLIC).release.number == 2


# What must not happen


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def edit(path: Path, **fields: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | fields), "utf-8")


def back_to_the_first(place: Path) -> None:
    """As the place was before the second release: what a server may show that hides an update."""
    edit(place / "current.json", version=version_folder(1).name)


def signed_by_another(place: Path) -> None:
    folder = version_folder(2)
    release = Release.model_validate_json((folder / RELEASE_FILE).read_bytes())
    (folder / ENVELOPE_FILE).write_text(sign(release, Path("other.pem")), "utf-8")


def of_another_release(place: Path) -> None:
    shutil.copy(version_folder(1) / ENVELOPE_FILE, version_folder(2) / ENVELOPE_FILE)


def another_bank_under_its_name(place: Path) -> None:
    for name in ("manifest.json", "able.safetensors", "likelihood.safetensors"):
        shutil.copy(version_folder(1) / name, version_folder(2) / name)


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a changed file": (lambda place: flip(version_folder(2) / "notes.json"), "is not what its release states"),
    "a changed manifest": (lambda place: flip(version_folder(2) / "manifest.json"), "is not what its release states"),
    "a missing file": (lambda place: (version_folder(2) / "notes.json").unlink(), "lacks versions/"),
    "a longer file": (
        lambda place: (version_folder(2) / "notes.json").write_bytes(b"longer than before"),
        "or has it in another size",
    ),
    "a changed release": (lambda place: edit(version_folder(2) / RELEASE_FILE, number=3), "speaks of another release"),
    "a broken release": (lambda place: edit(version_folder(2) / RELEASE_FILE, files={}), "is broken"),
    "no release": (lambda place: (version_folder(2) / RELEASE_FILE).unlink(), "has no release"),
    "no signature": (lambda place: (version_folder(2) / ENVELOPE_FILE).unlink(), "is not signed"),
    "a changed signature": (lambda place: flip(version_folder(2) / ENVELOPE_FILE), "the signature of release 2"),
    "another key": (signed_by_another, "was not signed with the key of key.pub.pem"),
    "the signature of another release": (of_another_release, "speaks of another release"),
    "another bank": (another_bank_under_its_name, "or has it in another size"),
    "an older release": (back_to_the_first, "release 1 of bank 'bank' is older than release 2"),
    "nothing": (shutil.rmtree, "nothing was pushed to share"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("there", [1, 2], ids=["an older one is here", "the same was here"])
def test_what_was_here_stays(bank: Path, share: FolderRemote, fault: str, there: int) -> None:
    """With the first release here, or with the second here already: then no fault in the place can take it away."""
    pull_bank(share, HERE, key=PUBLIC)
    push_bank(str(later(bank)), share, signed)
    if there == 2 or fault == "an older release":
        pull_bank(share, HERE, key=PUBLIC)
    before = contents(HERE)
    damage, said = FAULTS[fault]
    damage(Path("share"))
    try:
        pull_bank(share, HERE, key=PUBLIC)
    except ProvcheckError as error:
        assert said in error.message and "\n" not in error.message
    else:
        assert there == 2, "only where nothing had to be fetched"
    assert contents(HERE) == before


@pytest.mark.parametrize("name", ["evil.py", "a.spans", RELEASE_FILE, "../out", "/etc/out", "a/b"])
def test_files_that_no_bank_lists_are_refused(bank: Path, name: str) -> None:
    """A place without a key may write any release; what is pulled is the files of the bank, and no other."""
    remote = FolderRemote(Path("share"))
    release = push_bank(str(bank), remote).release
    folder = version_folder(1)
    shutil.copy(folder / "manifest.json", folder / name.rpartition("/")[2])
    files = release.model_dump(mode="json")["files"]
    edit(folder / RELEASE_FILE, files=files | {name: files["manifest.json"]})
    with pytest.raises(BankError):
        pull_bank(remote, HERE)
    assert not HERE.exists() and not Path("out").exists()


def test_a_signed_copy_is_not_replaced_by_an_unsigned_one(bank: Path, share: FolderRemote) -> None:
    pull_bank(share, HERE, key=PUBLIC)
    push_bank(str(later(bank)), share)
    before = contents(HERE)
    with pytest.raises(UsageError, match="the signature of release 1"):
        pull_bank(share, HERE)
    assert contents(HERE) == before


def own_work(bank: Path) -> None:
    shutil.copytree(bank, HERE)


def changed_since(bank: Path) -> None:
    pull_bank(FolderRemote(Path("share")), HERE, key=PUBLIC)
    add_file(load_bank("here"), "judge.safetensors", b"fitted here")


def of_another_bank(bank: Path) -> None:
    own = load_bank(str(bank))
    manifest = own.manifest.model_copy(update={"name": "mine"}).with_digest()
    shutil.copytree(bank, "mine")
    Path("mine/manifest.json").write_bytes(manifest.rendered())
    push_bank("mine", FolderRemote(Path("elsewhere")), signed)
    pull_bank(FolderRemote(Path("elsewhere")), HERE, key=PUBLIC)


def other_files(bank: Path) -> None:
    HERE.mkdir()
    (HERE / "thesis.txt").write_text("years of work", "utf-8")


@pytest.mark.parametrize(
    ("lay", "said"),
    [
        (own_work, "was not pulled from anywhere, and would be lost"),
        (changed_since, "was changed after it was pulled"),
        (of_another_bank, "is bank 'mine', and would be replaced by 'bank'"),
        (other_files, "was not pulled from anywhere"),
    ],
)
def test_own_work_is_not_replaced(bank: Path, share: FolderRemote, lay: Callable[[Path], None], said: str) -> None:
    lay(bank)
    before = contents(HERE)
    with pytest.raises(UsageError, match=said):
        pull_bank(share, HERE, key=PUBLIC)
    assert contents(HERE) == before


def test_a_damaged_copy_is_repaired(share: FolderRemote) -> None:
    pull_bank(share, HERE, key=PUBLIC)
    before = contents(HERE)
    flip(HERE / "able.safetensors")
    assert not pull_bank(share, HERE, key=PUBLIC).known
    assert contents(HERE) == before


def test_a_changed_bank_is_not_pushed(bank: Path) -> None:
    flip(bank / "able.safetensors")
    with pytest.raises(BankError, match="was changed after the bank was built"):
        push_bank(str(bank), FolderRemote(Path("share")))
    assert not Path("share").exists()


def test_a_push_does_not_go_back(bank: Path, share: FolderRemote) -> None:
    push_bank(str(later(bank)), share)
    with pytest.raises(UsageError, match="is release 1 of bank 'bank' in share, which has a later one"):
        push_bank(str(bank), share)


def test_a_place_is_for_one_bank(bank: Path, share: FolderRemote) -> None:
    manifest = load_bank(str(bank)).manifest.model_copy(update={"name": "mine"}).with_digest()
    (bank / "manifest.json").write_bytes(manifest.rendered())
    with pytest.raises(UsageError, match="holds releases of bank 'bank', not of 'mine'"):
        push_bank(str(bank), share)
