"""How often provcheck names rightly how a model of the zoo was made, and who descends from whom.

Every documented edge is described in both orders; merges are fitted to all their parents, and models that are no merge
to their parent and a sibling; roots of one family, which are independent, show how often something is named that never
happened. No judge takes part: the facts alone name the mechanism.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from pathlib import Path

from tokenizers import Tokenizer

from provcheck.changes import Opened, describe_changes
from provcheck.changes.mixtures import fit_mixture
from provcheck.io.tensor_files import TensorFiles
from provcheck.types import Changes

from .plan import FROM_SCRATCH, Member

TRAINING = {"fine-tune", "preference", "continued-pretraining"}
ROWS_OF_VOCABULARY = {"tokenizer-swap", "anchor-reset"}
MERGES = {"merge", "merge-independent"}
UNCLEAR = "unclear"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Case:
    """What is documented, what was named, and whom the facts call the child: right, wrong or silent."""

    split: str
    documented: str
    named: str
    right: bool
    child: str


def expected(mechanism: str) -> str:
    """The name that the facts should give; weights do not tell kinds of training apart, nor a student its teacher."""
    if mechanism in TRAINING:
        return "further-training"
    if mechanism in ROWS_OF_VOCABULARY:
        return "vocabulary"
    if mechanism.startswith("evasion"):
        return "rewrite"
    return {"distillation": UNCLEAR, "merge-independent": "merge"}.get(mechanism, mechanism)


def finished(members: Sequence[Member], out: Path) -> dict[str, Member]:
    """The models that are there, by name."""
    return {one.name: one for one in members if (out / one.name / "config.json").exists()}


def assess(there: Mapping[str, Member], out: Path, say: Say) -> list[Case]:
    """All cases of these models."""
    cases = []
    for found in (_edges(there, out), _merges(there, out), _independent(there, out)):
        for case in found:
            cases.append(case)
            say(f"{len(cases)}: {case.documented} named {case.named}, child {case.child}")
    return cases


def tables(cases: Sequence[Case]) -> str:
    """Markdown: per split the shares, then what was named for each documented mechanism."""
    return "\n\n".join(_table(split, [one for one in cases if one.split == split]) for split in _splits(cases))


@lru_cache(maxsize=16)
def opened(folder: Path) -> Opened:
    """A model folder, not run."""
    tokens = Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab()
    config = json.loads((folder / "config.json").read_text("utf-8"))
    return Opened(TensorFiles(sorted(folder.glob("*.safetensors"))), config, tokens)


def _edges(there: Mapping[str, Member], out: Path) -> Iterator[Case]:
    """Each model and its parent, in both orders."""
    for member in there.values():
        if member.mechanism in MERGES or member.mechanism == FROM_SCRATCH or member.parents[0] not in there:
            continue
        child, parent = opened(out / member.name), opened(out / member.parents[0])
        yield _case(member, describe_changes(child, parent), "first")
        yield _case(member, describe_changes(parent, child), "second")


def _merges(there: Mapping[str, Member], out: Path) -> Iterator[Case]:
    """Merges with their parents; fine-tunes with their parent and a sibling, of which they are no mixture."""
    for member in there.values():
        if member.mechanism in MERGES and set(member.parents) <= set(there):
            yield _mixture(member, out, list(member.parents), member.mechanism)
        sibling = next((one.name for one in there.values() if _siblings(one, member)), None)
        if member.mechanism in TRAINING and sibling and set(member.parents) <= set(there):
            yield _mixture(member, out, [*member.parents, sibling], "no merge, given a sibling")


def _mixture(member: Member, out: Path, parents: list[str], documented: str) -> Case:
    found = fit_mixture(opened(out / member.name).names, {name: opened(out / name).names for name in parents})
    named = "merge" if found and found.is_merge else "no merge"
    return Case(member.split, documented, named, named == ("merge" if documented in MERGES else "no merge"), "-")


def _independent(there: Mapping[str, Member], out: Path) -> Iterator[Case]:
    """Roots of one family or one initialisation, which share no training."""
    roots = [one for one in there.values() if one.mechanism == FROM_SCRATCH]
    for one, two in combinations(roots, 2):
        shared = (one.init or one.name) == (two.init or two.name)
        if one.split == two.split and (shared or one.parameters["architecture"] == two.parameters["architecture"]):
            found = describe_changes(opened(out / one.name), opened(out / two.name))
            what = "independent, one initialisation" if shared else "independent, one architecture"
            yield Case(one.split, what, found.mechanism.value, found.mechanism.value == UNCLEAR, _silent(found))


def _case(member: Member, found: Changes, child: str) -> Case:
    named = found.mechanism.value
    said = "silent" if found.descent.child is None else "right" if found.descent.child == child else "wrong"
    return Case(member.split, member.mechanism, named, named == expected(member.mechanism), said)


def _silent(found: Changes) -> str:
    return "silent" if found.descent.child is None else "wrong"


def _siblings(one: Member, other: Member) -> bool:
    return one.name != other.name and one.parents == other.parents and one.mechanism in TRAINING


def _table(split: str, cases: Sequence[Case]) -> str:
    edges = [one for one in cases if one.child != "-" and not one.documented.startswith("independent")]
    children = Counter(one.child for one in edges)
    lines = [
        f"### {split}",
        "",
        f"{len(edges)} edges and orders: {_share(sum(one.right for one in edges), len(edges))} named rightly, "
        f"{_share(sum(one.named == UNCLEAR for one in edges), len(edges))} unclear. Who descends from whom: "
        f"{_share(children['right'], len(edges))} said rightly, {_share(children['wrong'], len(edges))} wrongly, "
        f"{_share(children['silent'], len(edges))} not said.",
        "",
        "| documented | named rightly | named | child: right, wrong, not said |",
        "|---|---|---|---|",
    ]
    return "\n".join([*lines, *(_line(name, cases) for name in sorted({one.documented for one in cases}))])


def _line(documented: str, cases: Sequence[Case]) -> str:
    own = [one for one in cases if one.documented == documented]
    named = ", ".join(f"{name} {count}" for name, count in Counter(one.named for one in own).most_common())
    children = Counter(one.child for one in own)
    child = ", ".join(str(children[word]) for word in ("right", "wrong", "silent")) if "-" not in children else "-"
    return f"| {documented} | {sum(one.right for one in own)} of {len(own)} | {named} | {child} |"


def _share(count: int, total: int) -> str:
    return f"{count} ({count / max(1, total):.1%})"


def _splits(cases: Sequence[Case]) -> list[str]:
    return sorted({one.split for one in cases})
