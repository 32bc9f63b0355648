"""What bills of materials of others say of models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provcheck.errors import UsageError
from provcheck.inventories import Declared, read_inventory

SHA = "ab" * 32
CYCLONEDX = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.7",
    "components": [
        {"type": "library", "name": "numpy"},
        {
            "type": "application",
            "name": "shop",
            "components": [
                {
                    "type": "machine-learning-model",
                    "group": "acme",
                    "name": "owl-chat",
                    "hashes": [{"alg": "SHA-256", "content": SHA.upper()}, {"alg": "MD5", "content": "ab" * 16}],
                    "pedigree": {"ancestors": [{"purl": "pkg:huggingface/acme/owl@main"}, {"name": "raven"}]},
                }
            ],
        },
    ],
}
SPDX3 = {
    "@graph": [
        {"type": "ai_AIPackage", "spdxId": "urn:a", "name": "acme/owl-chat"},
        {"type": "ai_AIPackage", "spdxId": "urn:b", "name": "acme/owl"},
        {"type": "software_File", "spdxId": "urn:f", "verifiedUsing": [{"algorithm": "sha256", "hashValue": SHA}]},
        {"type": "Relationship", "from": "urn:a", "relationshipType": "contains", "to": ["urn:f"]},
        {"type": "Relationship", "from": "urn:a", "relationshipType": "descendantOf", "to": ["urn:b"]},
    ]
}
SPDX2 = {
    "spdxVersion": "SPDX-2.3",
    "packages": [
        {"SPDXID": "a", "name": "acme/owl-chat", "checksums": [{"algorithm": "SHA256", "checksumValue": SHA}]},
        {"SPDXID": "b", "name": "acme/owl"},
    ],
    "relationships": [{"spdxElementId": "a", "relationshipType": "DESCENDANT_OF", "relatedSpdxElement": "b"}],
}


def read(folder: Path, content: Any) -> list[Declared]:
    path = folder / "bom.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return read_inventory(path)


def test_cyclonedx(tmp_path: Path) -> None:
    assert read(tmp_path, CYCLONEDX) == [Declared(("acme/owl-chat",), frozenset({SHA}), ("acme/owl", "raven"))]


def test_spdx_3(tmp_path: Path) -> None:
    found, base = read(tmp_path, SPDX3)
    assert found == Declared(("acme/owl-chat",), frozenset({SHA}), ("acme/owl",))
    assert (base.name, base.ancestors) == ("acme/owl", ())


def test_spdx_2(tmp_path: Path) -> None:
    assert read(tmp_path, SPDX2) == [Declared(("acme/owl-chat",), frozenset({SHA}), ("acme/owl",))]


@pytest.mark.parametrize("content", ["", "[]", "{", "{}", '{"bomFormat": "CycloneDX"}', "[" * 50_000])
def test_what_is_none(content: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"bom\.json (is no bill|lists no)"):
        read(tmp_path, content)


def test_an_absent_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_inventory(tmp_path / "none.json")


def test_components_nested_without_end_are_not_followed(tmp_path: Path) -> None:
    nested: dict[str, Any] = {"type": "machine-learning-model", "name": "deep"}
    for _ in range(200):
        nested = {"type": "application", "components": [nested]}
    with pytest.raises(UsageError, match="lists no machine learning model"):
        read(tmp_path, {"bomFormat": "CycloneDX", "components": [nested]})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    part=JSON,
    key=st.sampled_from(
        ["metadata", "components", "@graph", "packages", "relationships", "hashes", "pedigree", "to", "verifiedUsing"]
    ),
    form=st.sampled_from([CYCLONEDX, SPDX3, SPDX2]),
)
@settings(max_examples=100, deadline=None)
def test_nonsense_is_passed_over(part: Any, key: str, form: dict[str, Any], tmp_path_factory: Any) -> None:
    """Anything in place of a part: the file is read, or refused with a sentence."""
    changed = json.loads(json.dumps(form))
    _replace(changed, key, part)
    try:
        read(tmp_path_factory.mktemp("x"), changed)
    except UsageError as error:
        assert error.message


def _replace(found: Any, key: str, part: Any) -> None:
    for one in found.values() if isinstance(found, dict) else found if isinstance(found, list) else ():
        _replace(one, key, part)
    if isinstance(found, dict) and (key in found or "bomFormat" in found):
        found[key] = part
