"""Files that are written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from provcheck.errors import OutputError
from provcheck.io.writing import write_whole


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot write") as caught:
        write_whole(tmp_path / "file" / "below-a-file" / "x", b"")
    assert "--out" in caught.value.hint
