"""What the documented lineage says of any two references."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provcheck.bank.ancestry import DISTILLATION, EVASIONS, SAME_FUNCTION, Ancestry
from provcheck.types import Reference, Relation
from tests.synthetic import make_reference as ref

IDENTICAL, DERIVED = Relation.IDENTICAL, Relation.DERIVED
SAME_RECIPE, UNRELATED, INCONCLUSIVE = Relation.SAME_RECIPE, Relation.UNRELATED, Relation.INCONCLUSIVE

TREE = Ancestry(
    [
        ref("root", family="owl"),
        ref("child", "root", family="owl", mechanism="fine-tune"),
        ref("grandchild", "child", family="owl", mechanism="lora"),
        ref("sibling", "root", family="owl", mechanism="prune"),
        ref("seed", family="owl"),
        ref("other", family="hawk"),
        ref("merge", "child", "other", family="owl", mechanism="merge"),
        ref("quantized", "root", family="owl", mechanism="quantize"),
        ref("rewrite", "child", family="owl", mechanism="rewrite"),
        ref("rewrite-2", "rewrite", family="owl", mechanism="rewrite"),
        ref("tuned-copy", "quantized", family="owl", mechanism="fine-tune"),
        ref("stray", "elsewhere", family="crow", mechanism="fine-tune"),
        ref("stray-2", "elsewhere", family="raven", mechanism="lora"),
        ref("copy-of-absent", "elsewhere", family="crow", mechanism="copy"),
        ref("conversion-of-absent", "elsewhere", family="crow", mechanism="conversion"),
    ]
)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("root", "root", IDENTICAL),
        ("root", "child", DERIVED),
        ("root", "grandchild", DERIVED),
        ("child", "sibling", DERIVED),
        ("grandchild", "sibling", DERIVED),
        ("root", "seed", SAME_RECIPE),
        ("child", "seed", SAME_RECIPE),
        ("root", "other", UNRELATED),
        ("merge", "root", DERIVED),
        ("merge", "other", DERIVED),
        ("merge", "seed", SAME_RECIPE),
        ("root", "quantized", IDENTICAL),
        ("child", "quantized", DERIVED),
        ("quantized", "seed", SAME_RECIPE),
        ("child", "rewrite-2", IDENTICAL),
        ("rewrite", "rewrite-2", IDENTICAL),
        ("root", "rewrite-2", DERIVED),
        ("tuned-copy", "quantized", DERIVED),
        ("tuned-copy", "root", DERIVED),
        ("stray", "stray-2", DERIVED),
        ("stray", "copy-of-absent", DERIVED),
        ("copy-of-absent", "conversion-of-absent", IDENTICAL),
        ("stray", "root", UNRELATED),
    ],
)
def test_relation(first: str, second: str, expected: Relation) -> None:
    assert TREE.relation(first, second) is expected
    assert TREE.relation(second, first) is expected


def test_a_merge_of_one_copy_and_another_model_is_no_copy() -> None:
    """Only a mechanism with one parent can keep its function."""
    ancestry = Ancestry([ref("a"), ref("b"), ref("odd", "a", "b", mechanism="rewrite")])
    assert ancestry.relation("odd", "a") is DERIVED


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("a", "b", SAME_RECIPE),
        ("a-tuned", "b-tuned", SAME_RECIPE),
        ("b", "c", SAME_RECIPE),
        ("b-tuned", "merged", DERIVED),
        ("a", "merged", SAME_RECIPE),
        ("a", "d", UNRELATED),
        ("e", "f", SAME_RECIPE),
        ("a", "stray", UNRELATED),
        ("a", "unknown", Relation.INCONCLUSIVE),
    ],
)
def test_a_shared_initialisation_is_the_same_recipe(first: str, second: str, expected: Relation) -> None:
    """Also for descendants, and where the model that had it first is not in the bank."""
    ancestry = Ancestry(
        [
            ref("a"),
            ref("b", initialisation="a"),
            ref("c", initialisation="a"),
            ref("d"),
            ref("e", initialisation="absent"),
            ref("f", initialisation="absent"),
            ref("a-tuned", "a", mechanism="fine-tune"),
            ref("b-tuned", "b", mechanism="lora"),
            ref("merged", "d", "b", mechanism="merge"),
            ref("stray", "elsewhere", mechanism="fine-tune"),
            ref("unknown", mechanism="undocumented", initialisation="a"),
        ]
    )
    assert ancestry.relation(first, second) is expected
    assert ancestry.relation(second, first) is expected


def test_an_evasion_is_identical_and_a_tuned_one_derived() -> None:
    hidden = [ref(name, "root", mechanism=name) for name in sorted(EVASIONS)]
    ancestry = Ancestry([ref("root"), *hidden, ref("tuned", "root", mechanism="evasion-and-fine-tune")])
    assert {ancestry.relation("root", name) for name in EVASIONS} == {IDENTICAL}
    assert ancestry.relation("root", "tuned") is DERIVED


def test_lines_roots_and_children() -> None:
    assert TREE.line("grandchild") == {"grandchild", "child", "root"}
    assert TREE.roots("merge") == {"root", "other"}
    assert TREE.roots("stray") == {"elsewhere"}
    assert TREE.children("root") == ["child", "sibling", "quantized"]
    assert TREE.children("other") == [], "a merge hangs under its first parent"


def test_a_line_of_thousands_of_generations() -> None:
    ancestry = Ancestry([ref("m0"), *(ref(f"m{n}", f"m{n - 1}", mechanism="copy") for n in range(1, 3000))])
    assert ancestry.relation("m2999", "m0") is IDENTICAL
    assert ancestry.roots("m2999") == {"m0"}


@st.composite
def lineages(draw: st.DrawFn) -> list[Reference]:
    """References whose parents stand before them, or outside the bank."""
    mechanism = st.sampled_from(["fine-tune", "merge", "lora", DISTILLATION, *sorted(SAME_FUNCTION)])
    made: list[Reference] = []
    for n in range(draw(st.integers(2, 8))):
        known = [reference.id for reference in made] + ["outside"]
        parents = draw(st.lists(st.sampled_from(known), max_size=2, unique=True))
        family = draw(st.sampled_from(["owl", "hawk"]))
        made.append(ref(f"m{n}", *parents, family=family, mechanism=draw(mechanism) if parents else "from-scratch"))
    return made


@given(lineages())
def test_relations_are_symmetric_and_follow_the_lines(references: list[Reference]) -> None:
    ancestry = Ancestry(references)
    for first in references:
        assert ancestry.relation(first.id, first.id) is IDENTICAL
        for second in references:
            relation = ancestry.relation(first.id, second.id)
            assert relation is ancestry.relation(second.id, first.id)
            taught = ancestry.only_distilled(first.id, second.id)
            assert relation.related == bool(ancestry.descent(first.id) & ancestry.descent(second.id))
            for of in (ancestry.line, ancestry.roots):
                assert (relation.related or taught) == bool(of(first.id) & of(second.id))
            assert not taught or relation is Relation.INCONCLUSIVE


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("student", "root", INCONCLUSIVE),
        ("student", "child", INCONCLUSIVE),
        ("student-tuned", "root", INCONCLUSIVE),
        ("student", "classmate", INCONCLUSIVE),
        ("student-tuned", "classmate", INCONCLUSIVE),
        ("student", "student-tuned", DERIVED),
        ("student", "student-8bit", IDENTICAL),
        ("student", "other", UNRELATED),
        ("student", "hawk-seed", SAME_RECIPE),
        ("blend", "root", DERIVED),
        ("blend", "student", DERIVED),
        ("blend", "classmate", INCONCLUSIVE),
    ],
)
def test_a_students_weights_are_its_own(first: str, second: str, expected: Relation) -> None:
    """Neither related to its teacher nor independent of it, whoever stands between; its own children are its kin."""
    lesson = {"family": "hawk", "mechanism": DISTILLATION}
    school = Ancestry(
        [
            *(ref("root", family="owl"), ref("other", family="crow"), ref("hawk-seed", family="hawk")),
            ref("child", "root", family="owl", mechanism="fine-tune"),
            ref("student", "child", **lesson),
            ref("classmate", "root", **lesson),
            ref("student-tuned", "student", family="hawk", mechanism="fine-tune"),
            ref("student-8bit", "student", family="hawk", mechanism="quantize"),
            ref("blend", "student", "other-child", family="hawk", mechanism="merge"),
            ref("other-child", "root", family="owl", mechanism="lora"),
        ]
    )
    for one, other in ((first, second), (second, first)):
        assert school.relation(one, other) is expected
        assert school.only_distilled(one, other) == (expected is INCONCLUSIVE)
    assert school.line("student-tuned") == {"student-tuned", "student", "child", "root"}
    assert school.descent("student-tuned") == {"student-tuned", "student"}
    assert school.roots("student-tuned") == {"root"}, "it belongs to one side of a split with its teacher"
