"""YAML of strangers: what is refused, and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from provcheck.io.yaml import read_yaml


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: 1\nb: {c: 2,\n", "line 3, column 1: expected the node content"),
        ("a: 1\na: 2\n", "line 2, column 1: the key 'a' occurs twice; it stands in line 1 too"),
        ("x: {k: 1, k: 2}\n", "line 1, column 11: the key 'k' occurs twice"),
        ("a: &a [1]\nb: *a\n", "line 2, column 4: aliases"),
        ("!!python/name:os.system\n", "line 1, column 1: the tag tag:yaml.org,2002:python/name:os.system is not"),
        ("[" * 5000, "line 1, column 13: nested too deeply"),
        ("\x07", "line 1, column 1: the character U+0007 is not allowed"),
    ],
)
def test_yaml_that_is_refused(tmp_path: Path, text: str, fault: str) -> None:
    (tmp_path / "f.yaml").write_text(text, "utf-8")
    with pytest.raises(ValueError) as caught:
        read_yaml(tmp_path / "f.yaml", 10_000)
    assert fault in str(caught.value)


def test_yaml_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_bytes(b"\xef\xbb\xbfa: [1, x]\n")
    assert read_yaml(tmp_path / "f.yaml", 100) == {"a": [1, "x"]}
