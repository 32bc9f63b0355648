"""A merge in words and tables: its kind, the weights, what each formula leaves."""

from __future__ import annotations

from provcheck.rendering.mechanism_words import descent_of, kind_in_words, kinds_table
from provcheck.rendering.pair_page import merged
from provcheck.types import Changes, Descent, KindOfMerge, Mechanism, MergeFit, MergeKind, Mixture, StoredValues

PARENTS = ("org/one", "org/two", "org/base")
FITS = (
    MergeFit(kind=MergeKind.LINEAR, residual=0.81, weights=(0.5, 0.3, 0.2)),
    MergeFit(kind=MergeKind.SLERP, residual=0.85, weights=(0.6, 0.4, 0)),
    MergeFit(kind=MergeKind.TIES, residual=0.02, weights=(0.5, 0.5, 0)),
)


def kind(name: MergeKind, *left: MergeKind, base: str | None = None) -> KindOfMerge:
    return KindOfMerge(kind=name, left=left, base=base, reason="Why.", rounding=0.003, fits=FITS)


def mixture(found: KindOfMerge | None) -> Mixture:
    return Mixture(
        parents=PARENTS,
        weights=(0.5, 0.3, 0.2),
        by_block=((0.5, 0.3, 0.2),),
        residual=0.5,
        picked=0.9,
        is_merge=found is not None,
        reason="A mixture.",
        merge=found,
    )


def test_a_kind_with_its_base() -> None:
    said = kind_in_words(kind(MergeKind.TIES, MergeKind.TIES, base="org/base"))
    assert said == "ties (small changes trimmed, the others averaged by sign, from the base org/base)"


def test_what_is_left_of_an_unclear_kind() -> None:
    both = kind(MergeKind.UNCLEAR, MergeKind.LINEAR, MergeKind.TASK_ARITHMETIC)
    assert kind_in_words(both) == "unclear, linear or task-arithmetic"
    assert kind_in_words(kind(MergeKind.UNCLEAR)) == "unclear, none of the known kinds"


def test_the_table_has_what_each_formula_leaves() -> None:
    table = kinds_table(kind(MergeKind.TIES, MergeKind.TIES), PARENTS)
    assert [row[1] for row in table.rows] == ["0.810", "0.850", "0.0200", "0.00300"]
    assert table.rows[2][2:] == ("0.500", "0.500", "0.000") and set(table.rows[3][2:]) == {""}


def test_page_and_terminal_say_the_kind_of_a_merge_only() -> None:
    shown = merged(mixture(kind(MergeKind.TIES, MergeKind.TIES)))
    assert shown is not None and shown.mechanism == "merge" and len(shown.tables) == 2
    assert shown.reasons[0].startswith("Kind of merge: ties (") and shown.reasons[2] == "Why."
    assert shown.reasons[1] == "Weights: org/one 0.500, org/two 0.500, org/base 0.000."
    none = merged(mixture(None))
    assert none is not None and none.mechanism == "no-merge" and not none.reasons and len(none.tables) == 1


def test_who_descends_from_whom_is_said_with_names() -> None:
    plain = StoredValues(zeros=0, precision_bits=11)
    found = Changes(
        first=plain,
        second=plain,
        compared=1,
        equal=0,
        complete=True,
        blocks=(),
        second_blocks=0,
        tensors=(),
        mechanism=Mechanism.PRUNE,
        reasons=(),
        descent=Descent(child="second", why="its zeros: they stand", reason="The second model descends: from it."),
    )
    assert descent_of(found, "a", "b") == "b was made from a, or from what a was made from: its zeros: they stand."
    silent = found.model_copy(update={"descent": Descent(child=None, reason="Nothing says it.")})
    assert descent_of(silent, "a", "b") == "Nothing says it."
