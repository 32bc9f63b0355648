"""Which signals two models have in common, measured in the same way."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from provcheck.errors import IncompatibleError
from provcheck.types import Basis, NotMeasured

MEASURE_ALIKE = "measure with the same --probes, or use a bank made with yours"
SAME_VERSION = "measure both with the same version of provcheck"

NOT_ASKED = "did not ask for it"
"""How the reason ends why a signal was left out by choice."""

NO_NAMES: Mapping[str, str] = MappingProxyType({})


def check_comparable(
    subject: Mapping[str, Basis | NotMeasured],
    other: Mapping[str, Basis | NotMeasured],
    name: str,
    called: Mapping[str, str] = NO_NAMES,
) -> None:
    """Raise IncompatibleError when the subject has no signal in common with `name`, or has one on other material.

    Other probes are refused even where another signal needs none: most evidence would be lost, and it is easily kept,
    or given up by choice. Else the first mismatch is reported, one that was left out by choice last.

    `called`: names of materials by their digests, as far as they are known.
    """
    faults = {
        signal: why_not_comparable(one, other[signal], name, called)
        for signal, one in subject.items()
        if signal in other
    }
    elsewhere = [signal for signal in faults if _on_other_material(subject[signal], other[signal])]
    common = [signal for signal, fault in faults.items() if fault is None]
    if common and not elsewhere:
        return
    if not faults:
        raise IncompatibleError(
            f"the subject has no signal in common with '{name}': it has {_listed(subject)}, '{name}' has "
            f"{_listed(other)}",
            SAME_VERSION,
        )
    signal = min(elsewhere or faults, key=lambda one: str(faults[one]).endswith(NOT_ASKED))
    instead = f", or leave out what needs probes: --signals {','.join(common)}" if common else ""
    raise IncompatibleError(
        f"the subject cannot be compared with '{name}': {faults[signal]}", _hint(subject, other, signal) + instead
    )


def why_not_comparable(
    subject: Basis | NotMeasured, other: Basis | NotMeasured, name: str, called: Mapping[str, str] = NO_NAMES
) -> str | None:
    """Why two sketches of one signal cannot be compared, or None when they can be."""
    if isinstance(subject, NotMeasured):
        return subject.not_measured
    if isinstance(other, NotMeasured):
        return f"of '{name}': {other.not_measured}"
    if subject.version != other.version:
        return f"it was measured with {subject.version}, '{name}' with {other.version}"
    if subject.material != other.material:
        own, its = (_named(one.material, called) for one in (subject, other))
        return f"it is measured on probe set {own}, '{name}' on {its}"
    return None


def _on_other_material(one: Basis | NotMeasured, two: Basis | NotMeasured) -> bool:
    return (
        isinstance(one, Basis)
        and isinstance(two, Basis)
        and one.version == two.version
        and one.material != two.material
    )


def _hint(subject: Mapping[str, Basis | NotMeasured], other: Mapping[str, Basis | NotMeasured], signal: str) -> str:
    """What to do about the mismatch in that signal; empty if one side could not be measured."""
    one, two = subject[signal], other[signal]
    if isinstance(one, NotMeasured) or isinstance(two, NotMeasured):
        return ""
    return MEASURE_ALIKE if one.version == two.version else SAME_VERSION


def _named(digest: str | None, called: Mapping[str, str]) -> str:
    if digest is None:
        return "none"
    return f"{called[digest]} ({digest[:12]})" if digest in called else digest[:12]


def _listed(signals: Mapping[str, Basis | NotMeasured]) -> str:
    return ", ".join(signals) or "none"
