"""Files that are written whole or not at all."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from provcheck.errors import OutputError
from provcheck.io.writing import replace_folder, write_texts, write_whole


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot write") as caught:
        write_whole(tmp_path / "file" / "below-a-file" / "x", b"")
    assert "--out" in caught.value.hint


WRITE: dict[str, Callable[[Path], object]] = {
    "file": lambda place: write_whole(place, b"content"),
    "texts": lambda place: write_texts(place, {"report.json": "{}", "report.html": "<p>"}),
    "folder": lambda place: replace_folder(place, {"manifest.json": b"{}"}, (), lambda _folder: None),
}


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk on which a file can be made, and nothing can be written into it."""

    def write(path: Path, *_content: Any, **_how: Any) -> int:
        path.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write)
    monkeypatch.setattr(Path, "write_text", write)


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize("kind", WRITE)
@pytest.mark.parametrize("place", ["new", "deep/er/new", "there/new"])
def test_a_full_disk_leaves_nothing(kind: str, place: str, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(OutputError, match="No space left on device") as caught:
        WRITE[kind](tmp_path / place)
    assert caught.value.exit_code == 4
    assert list(tmp_path.rglob("*")) == [tmp_path / "there"], "a folder that was there before stays"


def test_what_another_process_wrote_meanwhile_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(path: Path, _content: bytes) -> int:
        (path.parent / "other").mkdir()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write)
    with pytest.raises(OutputError):
        write_whole(tmp_path / "new" / "x", b"")
    assert (tmp_path / "new" / "other").is_dir()
