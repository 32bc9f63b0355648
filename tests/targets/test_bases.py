"""Where the claimed base of a model is looked for; a card is untrusted and leads nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from provcheck.errors import SubjectError, SubjectNotFound, UnsafeModel
from provcheck.observer import Silent
from provcheck.targets import FindOptions, Target, find_target
from provcheck.targets.bases import find_base
from tests.cached import Notes
from tests.targets.builders import adapter_files, model_files, tensors, write
from tests.targets.fake_hub import FakeHub, Repository, reachable
from tests.targets.test_hub import OLD, encode, repository

OFFLINE = FindOptions(offline=True)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with reachable(monkeypatch, tmp_path / "cache") as fake:
        monkeypatch.chdir(tmp_path)
        fake.repositories["org/parent"] = repository()
        yield fake


@pytest.fixture
def model(tmp_path: Path) -> Target:
    return find_target(str(write(tmp_path / "models" / "tuned", model_files())))


@pytest.mark.parametrize("folder", ["parent", "org/parent"])
def test_a_folder_of_that_name_beside_the_model(folder: str, model: Target, tmp_path: Path) -> None:
    write(tmp_path / "models" / folder, model_files(**{"model.safetensors": tensors(a=(5,))}))
    found, where = find_base(model, "org/parent", OFFLINE, Silent())
    assert (where, found.subject.source, found.subject.id) == ("beside", "folder", "parent")


def test_a_folder_without_a_model_is_none(model: Target, tmp_path: Path) -> None:
    write(tmp_path / "models" / "parent", {"notes.txt": "nothing"})
    with pytest.raises(SubjectNotFound, match="not in the local Hub cache"):
        find_base(model, "org/parent", OFFLINE, Silent())


def test_the_model_is_not_its_own_base(tmp_path: Path) -> None:
    """Its folder may be called like the base that it claims."""
    model = find_target(str(write(tmp_path / "parent", model_files())))
    (tmp_path / "org").symlink_to(tmp_path)
    with pytest.raises(SubjectNotFound, match="not in the local Hub cache"):
        find_base(model, "org/parent", OFFLINE, Silent())
    with pytest.raises(SubjectNotFound, match="it is the name of the model itself"):
        find_base(model, "Parent", OFFLINE, Silent())


@pytest.mark.parametrize(
    "name", ["../parent", "..", "a/../parent", "/etc", "~/parent", "a/b/c", "a\\b", "", "x" * 3000]
)
def test_a_card_leads_nowhere_else(name: str, model: Target, tmp_path: Path, hub: FakeHub) -> None:
    write(tmp_path / "parent", model_files())
    with pytest.raises(SubjectError):
        find_base(model, name, FindOptions(), Silent())
    assert hub.requests == []


def test_a_name_without_organisation_is_not_asked_of_the_hub(model: Target, hub: FakeHub) -> None:
    """A path that was cut to its last part could be the name of any model there."""
    with pytest.raises(SubjectNotFound, match="a Hub id has the form org/name"):
        find_base(model, "gpt2", FindOptions(), Silent())
    assert hub.requests == []


def test_a_folder_of_the_working_directory_is_not_taken_for_the_hubs(
    model: Target, tmp_path: Path, hub: FakeHub
) -> None:
    write(tmp_path / "org" / "parent", model_files(**{"model.safetensors": tensors(a=(5,))}))
    found, where = find_base(model, "org/parent", FindOptions(), Silent())
    assert (where, found.subject.source, found.subject.revision) == ("hub", "hub", OLD)


def test_from_the_hub_once_with_a_note_and_then_from_its_cache(model: Target, hub: FakeHub) -> None:
    notes = Notes()
    find_base(model, "org/parent", FindOptions(revision="of-the-model"), notes)
    assert notes.messages == [
        "fetching what is missing of org/parent from the Hub; --offline or --no-claimed-reference prevents it"
    ]
    asked = len(hub.requests)
    for options in (FindOptions(), OFFLINE):
        assert find_base(model, "org/parent", options, notes)[0].subject.revision == OLD
    assert (len(hub.requests), len(notes.messages)) == (asked, 1)


def test_offline_asks_nobody(model: Target, hub: FakeHub) -> None:
    with pytest.raises(SubjectNotFound, match="not in the local Hub cache"):
        find_base(model, "org/parent", OFFLINE, Silent())
    assert hub.requests == []


def test_what_the_user_accepts_of_the_model_is_not_accepted_of_its_base(model: Target, hub: FakeHub) -> None:
    pickled = model_files(**{"pytorch_model.bin": b"pickle"})
    del pickled["model.safetensors"]
    hub.repositories["org/parent"] = Repository({OLD: encode(pickled)})
    with pytest.raises(UnsafeModel):
        find_base(model, "org/parent", FindOptions(allow_pickle=True, trust_remote_code=True), Silent())


def test_the_model_under_an_adapter(tmp_path: Path) -> None:
    base = write(tmp_path / "elsewhere" / "base", model_files())
    adapter = find_target(str(write(tmp_path / "adapter", adapter_files(str(base)))))
    for name in ("base", "org/Base"):
        found, where = find_base(adapter, name, OFFLINE, Silent())
        assert where == "adapter" and found.subject == adapter.subject.base
