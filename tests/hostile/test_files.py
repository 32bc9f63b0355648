"""Measurement files, probes, policies and build manifests from strangers: a value, or a sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from provcheck.bank.manifest import read_build_manifest
from provcheck.policy import collect
from provcheck.probes import load_probes
from provcheck.store import load_measurement, save_measurement
from tests.hostile.strategies import FEW, FRAGMENTS, changed, damaged, dump, value_or_error
from tests.synthetic import make_blocks, make_measurement
from tests.tiny import save_probes, tiny_probes

POLICY = """\
name: release
description: what may be released
on_inconclusive: fail
checks:
  - kind: coverage-at-least
    share: 0.8
  - {kind: not-related-to, id: ours, references: ["acme/*"], licenses: [llama*]}
  - kind: safetensors-only
"""

MANIFEST = """\
name: mine
models:
  - {id: org/a, family: a, license: mit}
  - id: org/b
    family: a
    path: b
    parents: [org/a]
    mechanism: fine-tune
"""

SEPARATORS = (b"\n", b": ", b"- ", b"[", b"]", b"{", b"}", b",", b"'", b'"', b"|", b">", b"%", b"@", b"!", b"&", b"*")


@pytest.fixture(scope="module")
def measurement(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("measurements") / "whole.safetensors"
    save_measurement(make_measurement("org/a", make_blocks(1)), path)
    return path


@FEW
@given(data=st.data())
def test_any_bytes_in_a_measurement(measurement: Path, tmp_path: Path, data: st.DataObject) -> None:
    content = measurement.read_bytes()
    (tmp_path / "m.safetensors").write_bytes(data.draw(damaged(content[:1500])) + content[1500:])
    value_or_error(lambda: load_measurement(tmp_path / "m.safetensors"))


@FEW
@given(data=st.data())
def test_any_facts_in_a_measurement(
    measurement: Path, tmp_path: Path, data: st.DataObject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Signed by a stranger, who can compute the digest as well as we."""
    content = measurement.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    name = data.draw(st.sampled_from(("subject", "facts")))
    header["__metadata__"][name] = dump(data.draw(changed(json.loads(header["__metadata__"][name])))).decode()
    monkeypatch.setattr("provcheck.store._digest", lambda *_: header["__metadata__"]["sha256"])
    raw = dump(header)
    (tmp_path / "m.safetensors").write_bytes(len(raw).to_bytes(8, "little") + raw + content[end:])
    value_or_error(lambda: load_measurement(tmp_path / "m.safetensors"))


@FEW
@given(data=st.data())
def test_any_line_of_probes(tmp_path: Path, data: st.DataObject) -> None:
    folder = save_probes(tmp_path / "probes", tiny_probes())
    path = folder / data.draw(st.sampled_from(("questions.jsonl", "texts.jsonl")))
    first, *rest = path.read_bytes().splitlines()
    first = dump(data.draw(changed(json.loads(first)))) if data.draw(st.booleans()) else data.draw(damaged(first))
    path.write_bytes(b"\n".join([first, *rest]))
    value_or_error(lambda: load_probes(str(folder)))


def read_manifest(path: Path) -> Any:
    return value_or_error(lambda: read_build_manifest(path))


def read_policy(path: Path) -> Any:
    return value_or_error(lambda: collect(str(path)))


READERS = [(read_manifest, MANIFEST), (read_policy, POLICY)]


@FEW
@given(data=st.data())
def test_any_bytes_in_yaml(tmp_path: Path, data: st.DataObject) -> None:
    read, whole = data.draw(st.sampled_from(READERS))
    content = data.draw(damaged(whole.encode()))
    place = data.draw(st.integers(0, len(content)))
    content = content[:place] + data.draw(st.sampled_from(SEPARATORS)) + content[place:]
    (tmp_path / "any.yaml").write_bytes(content)
    read(tmp_path / "any.yaml")


@FEW
@given(data=st.data())
def test_any_values_in_yaml(tmp_path: Path, data: st.DataObject) -> None:
    read, whole = data.draw(st.sampled_from(READERS))
    content = data.draw(changed(yaml.safe_load(whole)))
    (tmp_path / "any.yaml").write_bytes(dump(content))
    read(tmp_path / "any.yaml")


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("content", FRAGMENTS)
def test_nothing_but_a_fragment(tmp_path: Path, reader: Any, content: bytes) -> None:
    read, _ = reader
    (tmp_path / "any.yaml").write_bytes(content)
    read(tmp_path / "any.yaml")


@pytest.mark.parametrize("text", [MANIFEST, POLICY])
def test_the_files_that_the_others_spoil_are_whole(tmp_path: Path, text: str) -> None:
    read = {whole: read for read, whole in READERS}[text]
    (tmp_path / "any.yaml").write_text(text, "utf-8")
    assert read(tmp_path / "any.yaml").__class__.__name__ in ("BuildManifest", "Collected")
