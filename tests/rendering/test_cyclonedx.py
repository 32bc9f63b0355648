from __future__ import annotations

import json
from typing import Any

import pytest
from cyclonedx.model.component import ComponentType
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hypothesis import given, settings

from provcheck.rendering.cyclonedx import CycloneDxReport, licenses
from provcheck.types import FileDigest, NotMeasured, Outcome, Parent, Relation, Report, Sign, Signs, Subject
from tests.rendering.factory import BASE, DIGEST, SUBJECT, make_report, with_signal
from tests.rendering.hostile import names
from tests.rendering.readers import facts_of, full_name, read_bom

VALIDATOR = JsonStrictValidator(SchemaVersion.V1_7)


def with_subject(report: Report, **changes: object) -> Report:
    return report.model_copy(update={"subject": report.subject.model_copy(update=changes)})


def rendered(report: Report) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(CycloneDxReport().render(report))
    return found


def adapter_on(base: str) -> Subject:
    return make_report(subject=base, base=base).subject


@given(subject=names, base=names, text=names)
@settings(max_examples=20, deadline=None)
def test_it_follows_the_schema(subject: str, base: str, text: str) -> None:
    report = make_report(subject=subject, base=base, text=text, outcomes=tuple(Outcome))
    text = CycloneDxReport().render(with_subject(report, license=text, base=adapter_on(base)))
    assert VALIDATOR.validate_str(text) is None
    assert text.isascii()


def test_the_schema_is_strict() -> None:
    broken = rendered(make_report()) | {"serialNumber": "1"}
    assert VALIDATOR.validate_str(json.dumps(broken)) is not None


def test_the_model_has_the_digests_of_its_weights() -> None:
    model = read_bom(make_report()).metadata.component
    assert model is not None
    assert (model.type, full_name(model)) == (ComponentType.MACHINE_LEARNING_MODEL, SUBJECT)
    (file,) = model.components
    assert (file.name, [one.content for one in file.hashes]) == ("model.safetensors", [DIGEST])


def test_what_is_declared_and_what_is_measured_stand_apart() -> None:
    model = read_bom(make_report(Relation.DERIVED)).metadata.component
    assert model is not None and model.pedigree is not None
    declared = {full_name(one): facts_of(one) for one in model.pedigree.ancestors}
    evidenced = {full_name(one): facts_of(one) for one in model.pedigree.variants}
    assert declared == {
        BASE: {"declared": "true", "finding": "derived"},
        "acme/raven-7b": {"declared": "true", "finding": "not-compared"},
        "elsewhere/unknown": {"declared": "true", "finding": "not-compared"},
    }
    assert evidenced.keys() == {BASE}
    facts = evidenced[BASE]
    assert (facts["evidenced"], facts["relation"], facts["probability"]) == ("true", "derived", "0.973")
    assert facts["able.contrast.cosine_distance"] == "0.0432"
    assert [float(end) for end in facts["able.contrast.ci95"].split()] == pytest.approx([0.03888, 0.04752])
    assert (facts["likelihood.bits_per_byte"], facts["likelihood.scale_band"]) == ("0.4", "fine-tune")
    assert (facts["able.categories.0.category"], facts["able.categories.1.category"]) == ("science", "coreference")
    assert not any(name.startswith("able.categories.1.distance") for name in facts), "it was not measured"


def test_evidence_names_its_method_and_confidence() -> None:
    report = make_report(Relation.DERIVED)
    judged = tuple(one.model_copy(update={"judged_by": ("able", "likelihood")}) for one in report.comparisons)
    found = evidence_of(report.model_copy(update={"comparisons": judged}))
    assert (found["field"], found["concludedValue"], found["confidence"]) == ("name", BASE, 0.973)
    (method,) = found["methods"]
    assert (method["technique"], method["confidence"]) == ("dynamic-analysis", 0.973)
    assert "ABLE contrast 0.043" in method["value"]
    judged = tuple(one.model_copy(update={"judged_by": ("weights",), "same_weights": True}) for one in judged)
    found = evidence_of(report.model_copy(update={"comparisons": judged}))
    assert [one["technique"] for one in found["methods"]] == ["hash-comparison", "binary-analysis"]
    assert found["confidence"] == 1


def evidence_of(report: Report) -> dict[str, Any]:
    assert VALIDATOR.validate_str(CycloneDxReport().render(report)) is None
    (variant,) = rendered(report)["metadata"]["component"]["pedigree"]["variants"]
    found: dict[str, Any] = variant["evidence"]["identity"][0]
    return found


def test_a_relation_without_a_probability_has_no_evidence_block() -> None:
    report = make_report(Relation.DERIVED)
    unjudged = tuple(one.model_copy(update={"probabilities": None}) for one in report.comparisons)
    (variant,) = rendered(report.model_copy(update={"comparisons": unjudged}))["metadata"]["component"]["pedigree"][
        "variants"
    ]
    assert "evidence" not in variant


def test_signs_of_disguise_are_properties() -> None:
    sign = Sign(name="rows-unused", finding="Odd.", innocent="Padding.")
    signs = Signs(found=(sign,), looked_at=("rows-unused",), not_looked_at={"scales": "the weights are pickled"})
    bom = read_bom(make_report().model_copy(update={"signs": signs}))
    facts = {one.name: one.value for one in bom.metadata.properties}
    assert facts["provcheck:sign:rows-unused"] == "Odd."
    assert facts["provcheck:not-looked-at:scales"] == "the weights are pickled"


def test_a_signal_that_was_not_measured_says_why() -> None:
    report = make_report()
    reason = NotMeasured(not_measured="the service gives no gradients")
    comparisons = tuple(with_signal(one, "able", reason) for one in report.comparisons)
    model = read_bom(report.model_copy(update={"comparisons": comparisons})).metadata.component
    assert model is not None and model.pedigree is not None
    (found,) = [facts_of(one) for one in model.pedigree.variants]
    assert found["able.not_measured"] == "the service gives no gradients"
    assert found["likelihood.bits_per_byte"] == "0.4"


def test_numbers_of_the_model_itself_are_metrics() -> None:
    (metric,) = rendered(make_report())["metadata"]["component"]["modelCard"]["quantitativeAnalysis"][
        "performanceMetrics"
    ]
    assert metric == {"type": "bits per byte", "value": "0.912", "slice": "texts of core-v1"}


def test_every_digest_is_named() -> None:
    bom = read_bom(make_report())
    digests = {one.name: one.value for one in bom.metadata.properties if one.name.endswith("-sha256")}
    names = [
        "report",
        "weights",
        "model-files",
        "measurement",
        "probes",
        "bank",
        "judge",
        "policy",
        "background-likelihood",
    ]
    assert digests.keys() == {f"provcheck:{name}-sha256" for name in names}


def test_a_model_without_files_has_no_digests() -> None:
    report = with_subject(
        make_report(), weights=(), weights_digest=None, weight_format=None, model_type=None, tokenizer=None
    )
    report = report.model_copy(update={"digests": report.digests.model_copy(update={"weights": None})})
    assert VALIDATOR.validate_str(CycloneDxReport().render(report)) is None
    model = rendered(report)["metadata"]["component"]
    assert model["components"] == []
    assert "architectureFamily" not in model["modelCard"]["modelParameters"]
    assert "provcheck:weights-sha256" not in {one["name"] for one in model["properties"]}


def test_a_parent_of_a_merge_has_its_weight() -> None:
    report = make_report(Relation.DERIVED)
    verdict = report.verdict.model_copy(update={"parents": (Parent(reference=BASE, weight=0.6),)})
    model = read_bom(report.model_copy(update={"verdict": verdict})).metadata.component
    assert model is not None and model.pedigree is not None
    assert [facts_of(one)["merge-weight"] for one in model.pedigree.variants] == ["0.6"]


def test_no_pedigree_without_evidence_of_a_relation() -> None:
    model = read_bom(make_report(Relation.SAME_RECIPE)).metadata.component
    assert model is not None and model.pedigree is not None
    assert not model.pedigree.variants
    declared = {full_name(one): facts_of(one)["finding"] for one in model.pedigree.ancestors}
    assert declared[BASE] == "same-recipe"


def test_the_model_under_an_adapter_is_a_dependency() -> None:
    bom = rendered(with_subject(make_report(), base=adapter_on("acme/under")))
    (base,) = bom["components"]
    assert (base["group"], base["name"]) == ("acme", "under")
    assert bom["dependencies"] == [{"ref": "model", "dependsOn": [base["bom-ref"]]}]


def test_every_reference_inside_has_a_name_of_its_own() -> None:
    def refs(value: object) -> list[str]:
        if isinstance(value, dict):
            return [str(item) for key, item in value.items() if key == "bom-ref"] + refs(list(value.values()))
        return [ref for item in value for ref in refs(item)] if isinstance(value, list) else []

    found = refs(rendered(with_subject(make_report(), base=adapter_on(BASE))))
    assert len(found) == len(set(found)) > 8


def test_the_same_report_gives_the_same_file_and_another_one_another_number() -> None:
    one, again, other = (CycloneDxReport().render(make_report(text=text)) for text in ("a", "a", "b"))
    assert one == again
    assert json.loads(one)["serialNumber"] != json.loads(other)["serialNumber"]
    assert json.loads(one)["metadata"]["timestamp"] == "2025-11-21T11:40:00+00:00"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("apache-2.0", {"license": {"id": "Apache-2.0"}}),
        ("mit OR apache-2.0", {"expression": "MIT OR Apache-2.0"}),
        ("llama3", {"license": {"name": "llama3"}}),
        ("LicenseRef-mine", {"license": {"name": "LicenseRef-mine"}}),
        ("other", {"license": {"name": "other"}}),
    ],
)
def test_licenses_are_spdx_where_spdx_knows_them(name: str, expected: dict[str, Any]) -> None:
    (found,) = licenses(name)
    assert found.get("license", found).pop("acknowledgement") == "declared"
    assert found == expected


def test_no_license_is_no_license() -> None:
    assert licenses(None) == licenses("") == []


@pytest.mark.parametrize("digest", ["not a digest", None])
def test_a_digest_that_is_none_is_left_out(digest: str | None) -> None:
    files = (FileDigest(name="model.safetensors", bytes=1, sha256=digest),)
    report = with_subject(make_report(), weights=files)
    (file,) = rendered(report)["metadata"]["component"]["components"]
    assert file["hashes"] == []
    assert VALIDATOR.validate_str(CycloneDxReport().render(report)) is None


def test_a_commit_of_the_hub_has_a_package_url() -> None:
    commit = "4f2a9c1d" * 5
    model = read_bom(with_subject(make_report(), revision=commit)).metadata.component
    assert model is not None
    assert str(model.purl) == f"pkg:huggingface/{SUBJECT}@{commit}"
    assert "purl" not in rendered(make_report())["metadata"]["component"]
