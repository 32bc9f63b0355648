"""Policy files: every fault has its line, and no file can do harm."""

from __future__ import annotations

import hashlib
import os
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provcheck.errors import PolicyError
from provcheck.io.yaml import MAX_DEPTH
from provcheck.policy import collect
from provcheck.policy.loading import MAX_BYTES, parse_policy
from provcheck.types import Relation

HEAD = "name: mine\nchecks:\n"


def fault_of(text: str | bytes) -> PolicyError:
    with pytest.raises(PolicyError) as caught:
        parse_policy("mine.yaml", text.encode() if isinstance(text, str) else text)
    return caught.value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "mine.yaml, line 1, column 1: the file is empty"),
        ("- a\n", "mine.yaml, line 1, column 1: must consist of `key: value` lines"),
        ("# nothing\nname: mine\n", "mine.yaml, line 2, column 1: `checks` is missing"),
        ("name: mine\nchecks: {}\n", "line 2, column 9: checks: must be a list"),
        ("name: 12\nchecks: []\n", "line 1, column 7: name: must be text; put it into quotes"),
        ("name: ''\nchecks: []\n", "line 1, column 7: name: must not be empty"),
        (
            "name: mine\non_inconclusive: maybe\nchecks: []\n",
            "line 2, column 18: on_inconclusive: must be fail, pass or warn",
        ),
        (
            "name: mine\nmax_false_accusation_rate: 0\nchecks: []\n",
            "line 2, column 28: max_false_accusation_rate: must be greater than 0",
        ),
        (HEAD + "  - safetensors-only\n", "line 3, column 5: checks[0]: must consist of `key: value` lines"),
        (HEAD + "  - kind: safetensors-only\n  - id: x\n", "line 4, column 5: checks[1]: `kind` is missing; kinds"),
        (
            HEAD + "  - kind: not-related\n",
            "line 3, column 11: checks[0].kind: there is no kind 'not-related'; did you mean 'not-related-to'? kinds: ",
        ),
        (
            HEAD + "  - kind: coverage-at-least\n    share: 80\n",
            "mine.yaml, line 4, column 12: checks[0].share: must be at most 1",
        ),
        (HEAD + "  - {kind: coverage-at-least, share: -1}\n", "checks[0].share: must be at least 0"),
        (HEAD + "  - {kind: coverage-at-least, share: .nan}\n", "checks[0].share: must be a finite number"),
        (HEAD + "  - {kind: coverage-at-least, share: '0.8'}\n", "column 38: checks[0].share: must be a number"),
        (HEAD + "  - {kind: coverage-at-least, share: yes}\n", "checks[0].share: must be a number"),
        (HEAD + "  - kind: coverage-at-least\n", "line 3, column 5: checks[0]: `share` is missing"),
        (
            HEAD + "  - kind: coverage-at-least\n    share: 1\n    shar: 1\n",
            "line 5, column 5: checks[0].shar: there is no such key; did you mean 'share'? keys: id, severity, requ",
        ),
        ("nam: mine\nname: mine\nchecks: []\n", "line 1, column 1: nam: there is no such key; did you mean 'name'?"),
        (HEAD + "  - {kind: not-related-to, licenses: gpl}\n", "checks[0].licenses: must be a list"),
        (HEAD + "  - {kind: not-related-to, licenses: []}\n", "checks[0].licenses: must have at least 1 entry"),
        (HEAD + "  - {kind: not-related-to, licenses: [no]}\n", "checks[0].licenses[0]: must be text; put it"),
        (HEAD + "  - {kind: not-related-to, excluded: [a]}\n", "checks[0].excluded: there is no such key"),
        (HEAD + "  - {kind: must-descend-from}\n", "checks[0]: name references, families or licenses that are allowed"),
        (HEAD + "  - {kind: safetensors-only, id: A b}\n", "checks[0].id: must look like ^[a-z0-9-]+$"),
        (HEAD + "  - {kind: safetensors-only, severity: fatal}\n", "checks[0].severity: must be error or warning"),
        (
            HEAD + "  - kind: safetensors-only\n  - kind: safetensors-only\n",
            "line 4, column 5: checks[1]: a check with the id 'safetensors-only' stands above; give this one an `id`",
        ),
        (
            HEAD + "  - {kind: not-related-to, id: safetensors-only}\n  - kind: safetensors-only\n",
            "line 4, column 5: checks[1]: a check with the id",
        ),
        (
            "name: mine\nchecks: []\nname: other\n",
            "mine.yaml, line 3, column 1: the key 'name' occurs twice; it stands in line 1 too",
        ),
        ("checks: [", "mine.yaml, line 1, column 10: expected the node content"),
        ("name: a\n\tb: 1\n", "line 2, column 1: found character '\\t' that cannot start any token"),
        ("name: a\n--- \nname: b\n", "line 2, column 1: but found another document"),
        ("name: a\x07b\n", "line 1, column 8: the character U+0007 is not allowed"),
        (b"name: a\nb: \xff\n", "line 2, column 4: not UTF-8"),
        ("name: !!python/object/apply:os.getcwd []\nchecks: []\n", "line 1, column 7: the tag tag:yaml.org"),
        ("name: !secret x\nchecks: []\n", "line 1, column 7: the tag !secret is not allowed"),
        ("? [a]\n: 1\n", "line 1, column 3: a key must be text"),
        ("name: 2020-99-99\nchecks: 1:99:x\n", "line 2, column 9: checks: must be a list"),
        ("name: !!int abc\n", "line 1, column 7: not a number"),
        (f"name: {'9' * 5000}\n", "line 1, column 7: too long a number"),
        ("name: &a mine\ndescription: *a\nchecks: []\n", "line 2, column 14: aliases (*name) are not supported"),
        ("name: " + "[" * (MAX_DEPTH + 1), "nested too deeply"),
        ('name: "\\ud800"\nchecks: []\n', "mine.yaml, line 1, column 1: "),
    ],
)
def test_a_fault_is_named_with_its_place(text: str | bytes, message: str) -> None:
    assert message in fault_of(text).message


def test_all_faults_are_named_in_the_order_of_the_file() -> None:
    found = fault_of(HEAD + "  - {kind: nothing}\n  - {kind: coverage-at-least, share: 2}\nname2: x\n")
    assert found.message.startswith("mine.yaml, line 3, column 12: checks[0].kind")
    assert "line 4, column 38: checks[1].share: must be at most 1 | mine.yaml, line 5, column 1: name2" in found.hint


def test_very_many_faults_are_counted() -> None:
    assert fault_of(HEAD + "  - {}\n" * 30).hint.endswith("and 24 more")


def test_merge_keys_and_dates_are_texts() -> None:
    assert "there is no such key" in fault_of("<<: {name: a}\nchecks: []\n").message
    assert parse_policy("mine.yaml", b"name: 2020-01-01\nchecks: []\n").name == "2020-01-01"


def test_a_byte_order_mark_and_windows_lines_are_fine() -> None:
    assert parse_policy("mine.yaml", "\ufeffname: mine\r\nchecks: []\r\n".encode()).name == "mine"


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x]\n" + "".join(f"{c}: &{c} [{', '.join([f'*{b}'] * 9)}]\n" for b, c in pairwise("abcdefghi")),
        "[" * MAX_BYTES,
        "{a: " * (MAX_BYTES // 4),
        "- " * (MAX_BYTES // 2),
        "checks: [" + "1:" * (MAX_BYTES // 2 - 10) + "1]",
    ],
    ids=["alias bomb", "lists", "mappings", "items", "sexagesimal"],
)
def test_bombs_are_refused_at_once(text: str) -> None:
    started = time.monotonic()
    fault_of(text)
    assert time.monotonic() - started < 5


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "huge.yaml").write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(PolicyError, match=r"huge.yaml cannot be read: it is larger than") as caught:
        collect(str(tmp_path / "huge.yaml"))
    assert caught.value.message.startswith(str(tmp_path)), "two policies may have one name"


def test_a_pipe_is_no_policy(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(PolicyError, match="no policy"):
        collect(str(tmp_path / "pipe.yaml"))


@given(st.binary(max_size=200))
def test_whatever_the_bytes_it_is_a_policy_error(content: bytes) -> None:
    assert "mine.yaml, line " in fault_of(content).message


YAML = st.text(alphabet="abc:-[]{}&*!|>'\"#\n \t%@`,?0.~", max_size=60)


@given(YAML)
def test_whatever_the_yaml_it_is_a_policy_error(text: str) -> None:
    assert "mine.yaml, line " in fault_of(f"name: mine\nchecks:\n  - {text}\n").message


def test_the_digest_is_that_of_the_bytes_that_were_read(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_bytes(b"name: mine\nchecks: [{kind: safetensors-only}]\n")
    assert collect(str(file)).digest == hashlib.sha256(file.read_bytes()).hexdigest()


def test_relations_are_no_kinds() -> None:
    assert "there is no kind 'unrelated'" in fault_of(HEAD + f"  - kind: {Relation.UNRELATED}\n").message
