"""Which signals two models have in common, measured in the same way."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from provcheck.errors import IncompatibleError
from provcheck.types import Basis, NotMeasured

MEASURE_ALIKE = "measure with the same --probes, or use a bank made with yours"
SAME_VERSION = "measure both with the same version of provcheck"

NO_NAMES: Mapping[str, str] = MappingProxyType({})


def check_comparable(
    subject: Mapping[str, Basis | NotMeasured],
    other: Mapping[str, Basis | NotMeasured],
    name: str,
    called: Mapping[str, str] = NO_NAMES,
) -> None:
    """Raise IncompatibleError when the subject has no signal in common with `name`; the first mismatch is reported.

    `called`: names of materials by their digests, as far as they are known.
    """
    common = [signal for signal in subject if signal in other]
    faults = [why_not_comparable(subject[signal], other[signal], name, called) for signal in common]
    if None in faults:
        return
    if not faults:
        raise IncompatibleError(
            f"the subject has no signal in common with '{name}': it has {_listed(subject)}, '{name}' has "
            f"{_listed(other)}",
            SAME_VERSION,
        )
    raise IncompatibleError(
        f"the subject cannot be compared with '{name}': {faults[0]}", _hint(subject, other, common[0])
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
