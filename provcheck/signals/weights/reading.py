"""The numbers of a comparison in words, and what they mean together."""

from __future__ import annotations

from provcheck import wording
from provcheck.signals.weights.values import WeightsValues
from provcheck.types import Sign

LOW = 0.2
"""Models that were initialised independently stay below it: in the zoo's calibration split they reach 0.17."""

HIGH = 0.5
"""From here on it is called a match; what lies between `LOW` and this is called partly alike."""

SMALL_P = 0.001
"""An exact p-value up to this is a finding: chance alone gives it to one in a thousand independent pairs."""

LARGE_P = 0.05
"""An exact p-value above this shows nothing, although neurons match: they no longer stand in the same order."""

REWRITTEN = (
    "The stored numbers do not match although the neurons do: the axes that they are stored along were rotated or "
    "reordered, which changes nothing in what the model does. That is itself a finding."
)
REORDERED = (
    "Neurons of the same number are not alike although the neurons match: neurons were reordered, or whole blocks "
    "moved. Reordering neurons changes nothing in what the model does. That is itself a finding."
)
SHARED_START = (
    "Neurons are more alike in the stored numbers than in what they do: the models seem to share their random "
    "initialisation and to have been trained apart. No more might be left, too, after very long training of one model "
    "from the other, or in a merge with an unrelated model."
)


def match(value: float | None) -> str:
    """A match with two digits; 1.00 only where it is exact."""
    if value is None:
        return wording.NOT_MEASURED
    return f"{value if value == 1 else min(round(value, 2), 0.99) + 0.0:.2f}"


def counted(values: WeightsValues) -> tuple[str, float] | None:
    """Name and value of the match whose neurons `matched` counts; None where there is no match at all."""
    kinds = (
        ("anchored match", values.anchored_match),
        ("coordinate match", values.coordinate_match),
        ("intrinsic match", values.intrinsic_match),
    )
    return next(((name, value) for name, value in kinds if value is not None), None)


def reasons(values: WeightsValues, reference: str) -> tuple[str, ...]:
    """How well neurons match, the exact p-value, and what the numbers mean together."""
    findings = {REWRITTEN: is_rewritten(values), REORDERED: is_reordered(values), SHARED_START: shares_start(values)}
    return (
        _neurons(values, reference),
        *_same_numbers(values),
        *(sentence for sentence, found in findings.items() if found),
    )


def oddities(values: WeightsValues, reference: str) -> tuple[Sign, ...]:
    """Rewrites of a related model that change nothing in what it does; `reference`: its name."""
    numbers = {
        "anchored_match": values.anchored_match,
        "intrinsic_match": values.intrinsic_match,
        "coordinate_match": values.coordinate_match,
        "exact_p_value": values.exact_p_value,
    }
    known = {name: value for name, value in numbers.items() if value is not None}
    rewritten = Sign(
        name="axes-rewritten",
        reference=reference,
        finding=f"The neurons match those of {reference} ({_best(values)}), but the numbers as stored do not "
        f"(coordinate match {match(values.coordinate_match)}): one of the two was rotated or reordered, which changes "
        "nothing in what it does.",
        innocent="Some ways to quantize a model rotate it first.",
        numbers=known,
    )
    reordered = Sign(
        name="neurons-reordered",
        reference=reference,
        finding=f"The neurons match those of {reference} ({_best(values)}), but not in the same places (exact p-value "
        f"{wording.bound(values.exact_p_value or 0)}): they were reordered, which changes nothing in what the model "
        "does, or whole layers were moved.",
        innocent="Layers may have been taken out or repeated, and some ways to prune a model sort its neurons first.",
        numbers=known,
    )
    found = ((rewritten, is_rewritten(values)), (reordered, is_reordered(values)))
    return tuple(sign for sign, odd in found if odd)


def _best(values: WeightsValues) -> str:
    """The match that is read for kinship, with its name."""
    if (values.anchored_match or 0) >= HIGH:
        return f"anchored match {match(values.anchored_match)}"
    return f"intrinsic match {match(values.intrinsic_match)}"


def is_rewritten(values: WeightsValues) -> bool:
    """Neurons match, but not in the axes that they are stored along."""
    return values.kin_match >= HIGH and values.coordinate_match is not None and values.coordinate_match <= LOW


def is_reordered(values: WeightsValues) -> bool:
    """Neurons match, but no better in the same place than in others; the p-value does not see intrinsic matches."""
    seen = max(values.anchored_match or 0, values.coordinate_match or 0)
    return seen >= HIGH and values.exact_p_value is not None and values.exact_p_value > LARGE_P


def shares_start(values: WeightsValues) -> bool:
    """Alike as stored, but less so in what neurons do; unknown without anchors or with other widths."""
    if values.coordinate_match is None or values.anchored_match is None or values.kin_match >= HIGH:
        return False
    small = values.exact_p_value is not None and values.exact_p_value <= SMALL_P
    return values.coordinate_match > values.anchored_match and (small or values.coordinate_match >= LOW)


def _neurons(values: WeightsValues, reference: str) -> str:
    lead = counted(values)
    if lead is None:
        return f"The neurons cannot be compared with those of {reference}: the models have no view of them in common."
    shown = f"{lead[0]} {match(lead[1])}; independent models: about 0"
    if lead[1] > LOW:
        alike = "and act alike" if lead[1] >= HIGH else "but act only partly alike"
        pairs = f"{values.matched:,} of {values.neurons:,} neurons pair up with one of {reference}"
        return f"In the most similar blocks, {pairs} {alike} ({shown})."
    if values.kin_match > LOW:
        return (
            f"Seen through common words, the neurons do not match those of {reference} ({shown}), but seen through the "
            f"models' own attention they do (intrinsic match {match(values.intrinsic_match)})."
        )
    return f"The neurons do not match those of {reference} ({shown})."


def _same_numbers(values: WeightsValues) -> tuple[str, ...]:
    found = values.exact_p_value
    if found is None:
        return ()
    if found > LARGE_P:
        return (
            "Neurons of the same number are no more alike than in another order (exact p-value "
            f"{wording.bound(found)}), which shows nothing.",
        )
    return (
        "If both models had been initialised independently, neurons of the same number would be so alike with "
        f"probability at most {wording.bound(found)}.",
    )
