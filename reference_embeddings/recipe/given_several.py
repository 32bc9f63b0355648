"""How often provcheck is right where it is given several candidates: the kind of a merge, and who is the parent.

Merges of every kind are made of siblings that were trained, in three number formats, and stand beside the zoo's own;
each is fitted to its parents, and to its parents and their base. For the parent, three related models are shown in
every order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from provcheck.changes.corners import corner
from provcheck.changes.descent import is_made_of
from provcheck.changes.mixtures import fit_mixture
from provcheck.changes.tensor_names import Names, names_of
from provcheck.io.tensor_files import TensorFiles
from provcheck.types import MergeKind, Mixture

from .merging import Weights, dare, linear, slerp, task_arithmetic, ties
from .plan import FROM_SCRATCH, Member, root_of

TRAINED = {"fine-tune", "preference", "continued-pretraining", "lora"}
KEPT = TRAINED | {FROM_SCRATCH, "merge"}
"""Mechanisms that leave shapes, order and axes as they are."""

FORMATS = (torch.float32, torch.float16, torch.bfloat16)
Merge = Callable[[Weights, torch.Tensor], torch.Tensor]

MERGES: dict[str, tuple[str, Merge]] = {
    "linear, 0.3 and 0.7": ("linear", lambda two, base: linear(two, torch.tensor([0.3, 0.7]))),
    "linear, 0.5 and 0.5": ("linear", lambda two, base: linear(two, torch.tensor([0.5, 0.5]))),
    "SLERP, 0.4": ("slerp", lambda two, base: slerp(two[0], two[1], 0.4)),
    "task arithmetic, 0.8 and 0.6": (
        "task-arithmetic",
        lambda two, base: task_arithmetic(two, base, torch.tensor([0.8, 0.6])),
    ),
    "task arithmetic, 0.4 and 0.4": (
        "task-arithmetic",
        lambda two, base: task_arithmetic(two, base, torch.tensor([0.4, 0.4])),
    ),
    "TIES, half kept": ("ties", lambda two, base: ties(two, base, torch.tensor([0.4, 0.6]), 0.5)),
    "TIES, a fifth kept": ("ties", lambda two, base: ties(two, base, torch.tensor([0.5, 0.5]), 0.2)),
    "DARE, which is none of these": ("", lambda two, base: dare(two, base, torch.tensor([0.5, 0.5]), 0.5)),
}
"""By what is printed: the kind that may be named, and the formula."""


@dataclass(frozen=True)
class Outcome:
    """What was asked, and whether the answer was right, wrong or none."""

    split: str
    asked: str
    answer: str


def tables_of_several(there: Mapping[str, Member], out: Path, say: Callable[[str], None]) -> str:
    """Markdown: the kind of a merge, whom a model is said to descend from, and the angles that do not say it."""
    kinds = _said(kinds_of_merges(there, out), say)
    children = _said(children_by_merges(there, out), say)
    return "\n\n".join(
        [table("Kind of a merge", kinds), table("Descent, given two relatives", children), angles(there, out)]
    )


def _said(outcomes: Iterator[Outcome], say: Callable[[str], None]) -> list[Outcome]:
    found = []
    for one in outcomes:
        found.append(one)
        say(f"{one.asked}: {one.answer}")
    return found


def kinds_of_merges(there: Mapping[str, Member], out: Path) -> Iterator[Outcome]:
    """Merges that are made here, then those of the zoo."""
    for parent, one, two in _siblings(there):
        weights = [load_file(out / name / "model.safetensors") for name in (one, two, parent)]
        names = [_names(out / name) for name in (one, two, parent)]
        for made, (kind, merge) in MERGES.items():
            for number_format in FORMATS:
                found = _fitted(merge, weights, names, number_format)
                for mixture, given in zip(found, ("", ", and the base"), strict=True):
                    yield Outcome(there[one].split, f"{made}; given the parents{given}", _judged(mixture, kind))
    for member in there.values():
        if member.mechanism == "merge" and set(member.parents) <= set(there):
            yield from _of_the_zoo(member, there, out)


def _siblings(there: Mapping[str, Member]) -> Iterator[tuple[str, str, str]]:
    """A parent and two models that were trained from it."""
    trained = [one for one in there.values() if one.mechanism in TRAINED and one.parents[0] in there]
    for one, two in combinations(trained, 2):
        if one.parents == two.parents:
            yield one.parents[0], one.name, two.name


def _fitted(
    merge: Merge, weights: Sequence[Mapping[str, torch.Tensor]], names: Sequence[Names], number_format: torch.dtype
) -> list[Mixture | None]:
    """The merge as a mixture of its parents, and of these and their base."""
    merged = {key: merge([one[key].float() for one in weights[:2]], weights[2][key].float()) for key in weights[2]}
    with TemporaryDirectory() as folder:
        save_file({key: value.to(number_format) for key, value in merged.items()}, Path(folder) / "model.safetensors")
        model = _names(Path(folder))
        return [fit_mixture(model, dict(zip("abc", names[:count], strict=False))) for count in (2, 3)]


def _of_the_zoo(member: Member, there: Mapping[str, Member], out: Path) -> Iterator[Outcome]:
    base = there[member.parents[0]].parents[0]
    kind = member.parameters["method"]
    for given, names in (("", member.parents), (", and the base", (*member.parents, base))):
        mixture = fit_mixture(_names(out / member.name), {name: _names(out / name) for name in names})
        yield Outcome(member.split, f"the zoo's: {kind}; given the parents{given}", _judged(mixture, kind))


def _judged(found: Mixture | None, kind: str) -> str:
    named = found.merge.kind if found and found.merge else None
    if named in (None, MergeKind.UNCLEAR):
        return "not said"
    return "right" if named == kind else "wrong"


def _names(folder: Path) -> Names:
    return names_of(TensorFiles(sorted(folder.glob("*.safetensors"))))


def children_by_merges(there: Mapping[str, Member], out: Path) -> Iterator[Outcome]:
    """Each model as a mixture of two relatives: whom is it said to descend from?"""
    for group in _groups(there):
        for name, *two in permutations(group, 3):
            if two[0] > two[1]:
                continue
            found = fit_mixture(_names(out / name), {one: _names(out / one) for one in two})
            for other in two:
                said, true = found is not None and is_made_of(found, other), other in _ancestors(name, there)
                what = "a merge" if there[name].mechanism == "merge" else "no merge"
                answer = "not said" if not said else "right" if true else "wrong"
                yield Outcome(there[name].split, f"{what}, and its {'ancestor' if true else 'relative'}", answer)


def angles(there: Mapping[str, Member], out: Path) -> str:
    """Markdown: cosines of the angles at which a model sees two others, by what it is to them."""
    found: dict[tuple[str, str], list[float]] = {}
    for group in _groups(there):
        trained = [name for name in group if there[name].mechanism != "merge"]
        for middle, one, two in permutations(trained, 3):
            if one < two:
                what = _place(middle, one, two, there)
                mixture = fit_mixture(_names(out / middle), {name: _names(out / name) for name in (one, two)})
                cosine = corner(np.array(mixture.distances), 2, 0, 1) if mixture else 1.0
                found.setdefault((there[middle].split, what), []).append(cosine)
    rows = [
        f"| {split} | {what} | {len(all_of)} | {min(all_of):+.3f} | {np.median(all_of):+.3f} | {max(all_of):+.3f} |"
        for (split, what), all_of in sorted(found.items())
    ]
    heads = ["| split | a model that is | triples | least | median | most |", "|---|---|---|---|---|---|"]
    return "\n".join(["### Cosine of the angle between two others, seen from", "", *heads, *rows])


def _place(middle: str, one: str, two: str, there: Mapping[str, Member]) -> str:
    above = [middle in _ancestors(name, there) for name in (one, two)]
    below = [name in _ancestors(middle, there) for name in (one, two)]
    related = one in _ancestors(two, there) or two in _ancestors(one, there)
    if all(above) and not related:
        return "an ancestor of both"
    return "between ancestor and descendant" if any(above) and any(below) else "neither"


def _groups(there: Mapping[str, Member]) -> list[list[str]]:
    """Models of one root, of its shape, order and axes."""
    found: dict[str, list[str]] = {}
    for name, member in there.items():
        if member.mechanism in KEPT:
            found.setdefault(root_of(name, there), []).append(name)
    return list(found.values())


def _ancestors(name: str, there: Mapping[str, Member]) -> set[str]:
    parents = set(there[name].parents)
    return parents.union(*(_ancestors(one, there) for one in parents))


def table(title: str, outcomes: Sequence[Outcome]) -> str:
    """Markdown: for each split how often each question was answered rightly, not at all, and wrongly."""
    parts = [_part(title, split, outcomes) for split in sorted({one.split for one in outcomes})]
    return "\n\n".join(parts)


def _part(title: str, split: str, outcomes: Sequence[Outcome]) -> str:
    counts: dict[str, Counter[str]] = {"all": Counter()}
    for one in outcomes:
        if one.split == split:
            counts.setdefault(one.asked, Counter())[one.answer] += 1
            counts["all"][one.answer] += 1
    rows = [
        f"| {asked} | {found['right']} | {found['not said']} | {found['wrong']} |" for asked, found in counts.items()
    ]
    return "\n".join([f"### {title}, {split}", "", "| asked | right | not said | wrong |", "|---|---|---|---|", *rows])
