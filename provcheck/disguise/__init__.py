"""Signs of disguise: oddities that an attempt to hide where weights come from would leave.

own_signs   what is odd about a model by itself
relatives   what is odd beside a model that it is related to

A sign is no accusation and moves no verdict: it says what is odd, and what else may explain it. What was not looked at
is said with its reason, and never counts as in order. The numbers are measured elsewhere: those of files in
`provcheck.targets.makeup`, those of comparisons by the signals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from provcheck.disguise.own_signs import OWN_SIGNS, own_signs
from provcheck.disguise.relatives import Settings, signs_beside
from provcheck.types import Comparison, MeasurementFacts, Sign, Signs, Subject, Verdict

__all__ = ["OWN_SIGNS", "find_signs"]

NO_FILES = "there are no files to look at"
BEFORE = "the measurement was made before this was looked at"
NOT_LOADED = "it takes loading the model, and only files were read"
OF_ADAPTER = "the tensors of the adapter were not looked at, only those of the model under it"
FILES, UNUSED, ADAPTER = "files", "unused-tensors", "adapter"


def find_signs(
    subject: Subject,
    facts: MeasurementFacts,
    comparisons: Sequence[Comparison],
    verdict: Verdict,
    relatives: Mapping[str, Settings],
) -> Signs:
    """The signs of a model; `comparisons` are judged, nearest first; `relatives`: the settings of each reference,
    empty where they are not known."""
    looks, missing = _looks(subject, facts)
    found: list[Sign] = own_signs(looks)
    beside = signs_beside(subject.settings, comparisons, verdict, relatives)
    return Signs(
        found=(*found, *beside.found),
        looked_at=(*looks, *beside.looked_at),
        not_looked_at=missing | beside.not_looked_at,
    )


def _looks(subject: Subject, facts: MeasurementFacts) -> tuple[dict[str, dict[str, float]], dict[str, str]]:
    """The numbers of each look at the model by itself, and why others were not taken."""
    makeup = subject.all_makeup
    looks = dict(makeup.looks) if makeup else {}
    missing = dict(makeup.not_looked_at) if makeup else {FILES: BEFORE if subject.weights else NO_FILES}
    if facts.unused_tensors is None:
        missing[UNUSED] = NOT_LOADED if makeup else missing[FILES]
    else:
        looks[UNUSED] = {"unused": facts.unused_tensors}
    return looks, missing | ({ADAPTER: OF_ADAPTER} if subject.base else {})
