"""What is odd about a model by itself: a table of signs, each with the looks whose numbers it reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from provcheck.types import Sign
from provcheck.wording import number, plural

Numbers = Mapping[str, float]

FAR_OFF = 3.0
"""Length of the mean row over the spread of rows around it. Of 59 honest models (8 by strangers, 3 subjects, 48 of the
zoo) the largest is 0.923 for tokens and 0.372 for positions (`python -m tests.benchmarks signs`); a constant of ten
mean rows makes it eleven times as large. Three times the largest leaves room for models that are not at hand."""

PADDING, PADDING_SHARE = 256, 0.05
"""Rows without an id that padding may explain: this many, or this share of all rows, whichever is more. Published
models pad their vocabulary to multiples of 64 to 1,024 rows, and the most generous ones reserve some 3 %."""

UNREACHABLE_SHARE = 0.05
"""Of tokens of several characters. Of the tokenizers at hand none has more than 1 in 4,744."""

FURTHER_POSITIONS = 8
"""Rows of a position table beyond the context: OPT stores two."""


@dataclass(frozen=True)
class OwnSign:
    """One sign. `finding` gives its sentence, where the numbers of its looks are odd."""

    name: str
    looks: tuple[str, ...]
    finding: Callable[[Numbers], str | None]
    innocent: str


def own_signs(looks: Mapping[str, Numbers]) -> list[Sign]:
    """The signs in these looks; one whose looks were not all taken, or do not apply, is none."""
    found = []
    for one in OWN_SIGNS:
        if not all(looks.get(look) for look in one.looks):
            continue
        numbers = {name: value for look in one.looks for name, value in looks[look].items()}
        if finding := one.finding(numbers):
            found.append(Sign(name=one.name, finding=finding, innocent=one.innocent, numbers=numbers))
    return found


def _layers(found: Numbers) -> str | None:
    left = int(found["stored"] - found["stated"])
    if left <= 0:
        return None
    return (
        f"Tensors of {plural(int(found['stored']), 'layer')} are stored, but config.json states "
        f"{int(found['stated']):,}: {left:,} of the stored layers take no part in what the model does."
    )


def _unused(found: Numbers) -> str | None:
    if not found["unused"]:
        return None
    return f"{plural(int(found['unused']), 'stored tensor')} take no part in what the model does."


def _positions_cut(found: Numbers) -> str | None:
    if found["rows"] <= found["context"] + FURTHER_POSITIONS:
        return None
    return (
        f"The table of positions has {int(found['rows']):,} rows, but config.json states a context of only "
        f"{int(found['context']):,} tokens."
    )


def _off_centre(what: str) -> Callable[[Numbers], str | None]:
    def finding(found: Numbers) -> str | None:
        if found["mean_row"] <= FAR_OFF * found["spread"]:
            return None
        times = f"{number(found['mean_row'] / found['spread'])} times" if found["spread"] else "without bound"
        return (
            f"One large constant is added to all {what}: it is {times} as large as what tells them apart, where in the "
            "models that this was tried on it is at most 0.93 times. Such a constant can be taken off again elsewhere "
            "in the model, so it changes nothing but how the model looks to others."
        )

    return finding


def _rows(found: Numbers) -> str | None:
    left = found["rows"] - found["ids"]
    if left <= max(PADDING, PADDING_SHARE * found["rows"]):
        return None
    return (
        f"The token embedding has {int(found['rows']):,} rows, but the tokenizer gives only {int(found['ids']):,} "
        f"ids: {int(left):,} rows are never used."
    )


def _ids(found: Numbers) -> str | None:
    if found["ids"] <= found["rows"]:
        return None
    return (
        f"The tokenizer gives {int(found['ids']):,} ids, but the token embedding has only {int(found['rows']):,} rows: "
        "the model cannot read some of its tokens."
    )


def _merges(found: Numbers) -> str | None:
    if found["unreachable"] <= UNREACHABLE_SHARE * found["tokens"]:
        return None
    return (
        f"{int(found['unreachable']):,} of the {int(found['tokens']):,} longer tokens of the tokenizer can never "
        "occur, because the rules that would make them are missing: texts fall into other pieces than those that the "
        "model was trained on."
    )


def _empty(found: Numbers) -> str | None:
    if not found["empty"]:
        return None
    first = f"layer {int(found['first'])}, counted from 0"
    which = first if found["empty"] == 1 else f"the first is {first}"
    return f"{int(found['empty'])} of {plural(int(found['layers']), 'layer')} adds nothing but a constant ({which})."


OWN_SIGNS = (
    OwnSign(
        "layers-unused",
        ("layers",),
        _layers,
        "Some models store further layers for training, and a config may have been copied from a smaller model by "
        "mistake.",
    ),
    OwnSign(
        "tensors-unused",
        ("unused-tensors",),
        _unused,
        "Older versions of libraries leave tables in the files, and a model may have been cut out of a larger one, "
        "with parts for images for example.",
    ),
    OwnSign(
        "positions-cut",
        ("position-rows",),
        _positions_cut,
        "The context may have been lowered to save memory.",
    ),
    OwnSign(
        "tokens-off-centre",
        ("token-embeddings",),
        _off_centre("token embeddings"),
        "Training may leave such a constant in models of a kind that this was not tried on.",
    ),
    OwnSign(
        "positions-off-centre",
        ("position-embeddings",),
        _off_centre("position embeddings"),
        "Training may leave such a constant in models of a kind that this was not tried on.",
    ),
    OwnSign(
        "rows-unused",
        ("token-rows", "token-ids"),
        _rows,
        "Rows may be kept for tokens that are added later, or the tokenizer is that of another model.",
    ),
    OwnSign(
        "ids-without-row",
        ("token-rows", "token-ids"),
        _ids,
        "A token that only fills up texts may have been added to the tokenizer alone.",
    ),
    OwnSign(
        "merges-missing",
        ("merges",),
        _merges,
        "A conversion from another format may have lost rules.",
    ),
    OwnSign(
        "empty-layers",
        ("empty-layers",),
        _empty,
        "Layers that are put in to be trained later begin empty, and pruning may empty a layer.",
    ),
)
"""In the order of a report; the names never change."""
