"""What is odd beside a model that it is related to, by the comparison and by what both configs state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from provcheck.signals import all_signals, find_signal
from provcheck.types import Capability, Comparison, Relation, Sign, SignalValues, Signs, Verdict
from provcheck.wording import joined, number

Settings = Mapping[str, float | str]
"""What a config.json states, by our names of the settings."""

SETTINGS, NEURONS, BEHAVIOUR = "settings-beside-relatives", "weights-beside-relatives", "behaviour-of-equal-weights"

KEPT_BY_TRAINING = ("rope_theta", "rope_scaling", "norm_epsilon", "activation", "heads", "key_value_heads")
"""Settings that training seldom changes, and that change what the same weights do. Between equal weights all count."""

SAME_NAMES = {"gelu_pytorch_tanh": "gelu_new", "gelu_fast": "gelu_new", "swish": "silu"}
"""Names of activations that compute the same."""

UNSETTLED = "the evidence does not settle whether it has a relative"


def signs_beside(
    own: Settings, comparisons: Sequence[Comparison], verdict: Verdict, relatives: Mapping[str, Settings]
) -> Signs:
    """The signs beside the references that it is related to; nothing is looked at where there are none.

    What is odd beside one relative but not beside another is explained by that one, and no sign.
    """
    related = sorted(
        (one for one in comparisons if one.relation.related), key=lambda one: one.reference != verdict.reference
    )
    if not related:
        open_ = verdict.relation is Relation.INCONCLUSIVE
        return Signs(not_looked_at=dict.fromkeys((SETTINGS, NEURONS), UNSETTLED) if open_ else {})
    parts = (_settings(own, related, relatives), _neurons(related), _behaviour(related))
    return Signs(
        found=tuple(sign for part in parts for sign in part.found),
        looked_at=tuple(name for part in parts for name in part.looked_at),
        not_looked_at={name: why for part in parts for name, why in part.not_looked_at.items()},
    )


def _settings(own: Settings, related: Sequence[Comparison], relatives: Mapping[str, Settings]) -> Signs:
    """Settings that differ from those of every relative whose config is known."""
    known = [(one, found) for one in related if (found := relatives.get(one.reference))]
    if not own or not known:
        whose = "the model" if known else related[0].reference
        hint = "" if known else "; name it with --reference to have it compared"
        why = f"the config of {whose} is not at hand{hint}"
        return Signs(not_looked_at={SETTINGS: why})
    differing = [(one, found, _differing(own, found, same=one.same_weights)) for one, found in known]
    if not all(names for _, _, names in differing):
        return Signs(looked_at=(SETTINGS,))
    one, other, names = differing[0]
    said = [f"{name} {_shown(own, name)} in place of {_shown(other, name)}" for name in names]
    equal = "The weights are those of" if one.same_weights else "The weights descend from, or with,"
    sign = Sign(
        name="config-differs",
        reference=one.reference,
        finding=f"{equal} {one.reference}, but config.json states {joined(said)}: with that, the same weights do "
        "something else.",
        innocent="A config may have been corrected, or changed for longer texts before the model was trained further.",
        numbers=_numbers(own, other, names),
    )
    return Signs(found=(sign,), looked_at=(SETTINGS,))


def _differing(own: Settings, other: Settings, *, same: bool) -> list[str]:
    """Names of the settings that both state differently, and that count."""
    layers = own.get("layers") == other.get("layers")
    counted = own.keys() if same else [name for name in KEPT_BY_TRAINING if layers or "heads" not in name]
    both = [name for name in counted if name in own and name in other]
    return [name for name in both if _plain(own[name]) != _plain(other[name])]


def _plain(value: float | str) -> float | str:
    return SAME_NAMES.get(value, value) if isinstance(value, str) else value


def _shown(settings: Settings, name: str) -> str:
    value = settings[name]
    return value if isinstance(value, str) else f"{value:g}" if abs(value) < 1 else f"{value:,.10g}"


def _numbers(own: Settings, other: Settings, names: Sequence[str]) -> dict[str, float]:
    found = {}
    for name in names:
        for whose, settings in (("", own), (" of the relative", other)):
            if not isinstance(value := settings[name], str):
                found[name + whose] = value
    return found


def _neurons(related: Sequence[Comparison]) -> Signs:
    """What the signals call odd, beside every relative."""
    found = {one.reference: signs for one in related if (signs := _oddities(one)) is not None}
    if not found:
        return Signs(not_looked_at={NEURONS: "the weights were not compared"})
    first = next(iter(found.values()))
    everywhere = set.intersection(*({sign.name for sign in signs} for signs in found.values()))
    return Signs(found=tuple(sign for sign in first if sign.name in everywhere), looked_at=(NEURONS,))


def _oddities(one: Comparison) -> list[Sign] | None:
    """None where no signal compared the weights."""
    measured = {name: values for name, values in one.signals.items() if isinstance(values, SignalValues)}
    if not any(find_signal(name).needs is Capability.WEIGHTS for name in measured):
        return None
    return [sign for name, values in measured.items() for sign in find_signal(name).oddities(values, one.reference)]


def _behaviour(related: Sequence[Comparison]) -> Signs:
    """Equal weights that act otherwise: what differs is config.json or the tokenizer."""
    equal = [one for one in related if one.same_weights]
    if not equal:
        return Signs()
    moved = [(one, found) for one in equal if (found := _acts(one)) is not None]
    if not moved:
        return Signs(not_looked_at={BEHAVIOUR: "the models were not both run"})
    if not all(found for _, found in moved):
        return Signs(looked_at=(BEHAVIOUR,))
    one, found = moved[0]
    sign = Sign(
        name="acts-unlike-its-weights",
        reference=one.reference,
        finding=f"The weight files are byte for byte those of {one.reference}, but the two do not act alike "
        f"({', '.join(f'{name} {number(value)}' for name, value in found.items())}; it would be 0): these "
        "weights were given another config.json or tokenizer.",
        innocent="A faulty config or tokenizer may have been corrected.",
        numbers=found,
    )
    return Signs(found=(sign,), looked_at=(BEHAVIOUR,))


def _acts(one: Comparison) -> dict[str, float] | None:
    """Numbers farther apart than another machine would move them; None where no signal ran both models."""
    run = {
        name: values
        for name, values in one.signals.items()
        if isinstance(values, SignalValues) and all_signals()[name].needs is not Capability.WEIGHTS
    }
    named = [item for name, values in run.items() for item in find_signal(name).numbers(values)]
    return (
        {item.name: item.value for item in named if item.value is not None and item.value > item.moves_by}
        if run
        else None
    )
