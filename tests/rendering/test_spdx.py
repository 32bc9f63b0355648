"""The SPDX document, read back by SPDX's own model."""

from __future__ import annotations

from io import StringIO

import pytest
from hypothesis import given, settings
from spdx_python_model import v3_0_1 as spdx

from provcheck.rendering.spdx import SpdxReport
from provcheck.types import Outcome, Relation, Report
from tests.rendering.factory import BASE, DIGEST, SUBJECT, make_report
from tests.rendering.hostile import names
from tests.rendering.readers import read_document


def relationships(report: Report) -> dict[str, tuple[str, str]]:
    """Kind and comment, by the name of the other model."""
    found = read_document(report)
    return {
        one.to[0].name: (one.relationshipType.rpartition("/")[2], one.comment)
        for one in found.foreach_type(spdx.Relationship)
        if one.comment
    }


@given(subject=names, base=names, text=names)
@settings(max_examples=20, deadline=None)
def test_it_follows_the_model_of_spdx(subject: str, base: str, text: str) -> None:
    report = make_report(subject=subject, base=base, text=text, outcomes=tuple(Outcome))
    assert not list(read_document(report).missing_ids)
    assert SpdxReport().render(report).isascii()


def test_the_reader_is_strict() -> None:
    broken = SpdxReport().render(make_report()).replace('"relationshipType": "contains"', '"relationshipType": "eats"')
    with pytest.raises(ValueError, match="eats"):
        spdx.JSONLDDeserializer().read(StringIO(broken), spdx.SHACLObjectSet())


def test_the_model_its_files_and_its_license() -> None:
    found = read_document(make_report())
    (document,) = found.foreach_type(spdx.SpdxDocument)
    model = document.rootElement[0]
    assert model.name == SUBJECT and list(model.ai_typeOfModel) == ["LlamaForCausalLM"]
    (file,) = found.foreach_type(spdx.software_File)
    assert (file.name, file.verifiedUsing[0].hashValue) == ("model.safetensors", DIGEST)
    (license_,) = found.foreach_type(spdx.simplelicensing_LicenseExpression)
    assert license_.simplelicensing_licenseExpression == "Apache-2.0"


def test_only_what_is_declared_and_borne_out_is_an_ancestor() -> None:
    found = relationships(make_report(Relation.DERIVED))
    assert found[BASE][0] == "descendantOf" and "The evidence says derived" in found[BASE][1]
    assert found["elsewhere/unknown"][0] == "other" and "was not compared" in found["elsewhere/unknown"][1]


def test_a_declared_base_that_the_evidence_contradicts_is_none() -> None:
    kind, comment = relationships(make_report(Relation.UNRELATED))[BASE]
    assert kind == "other" and "The evidence says unrelated" in comment


def test_a_relation_that_nobody_declared_is_a_variant() -> None:
    report = make_report(Relation.DERIVED)
    alone = report.model_copy(update={"subject": report.subject.model_copy(update={"declared_base": ()})})
    assert relationships(alone)[BASE][0] == "hasVariant"


def test_verdict_and_outcomes_are_annotations() -> None:
    said = [one.statement for one in read_document(make_report()).foreach_type(spdx.Annotation)]
    assert any("derived" in text or "descend" in text for text in said)
    assert sum(text.startswith("check check-") for text in said) == 3
