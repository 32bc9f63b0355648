"""Which signals two models have in common, measured in the same way."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from provcheck.errors import IncompatibleError
from provcheck.types import Basis

MEASURE_ALIKE = "measure with the same --probes, or use a bank made with yours"


NO_NAMES: Mapping[str, str] = MappingProxyType({})


def check_comparable(
    subject: Mapping[str, Basis], other: Mapping[str, Basis], name: str, called: Mapping[str, str] = NO_NAMES
) -> None:
    """Raise IncompatibleError when the subject has no signal in common with `name`; the first mismatch is told.

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
            "measure both with the same version of provcheck",
        )
    same_version = subject[common[0]].version == other[common[0]].version
    hint = MEASURE_ALIKE if same_version else "measure both with the same version of provcheck"
    raise IncompatibleError(f"the subject cannot be compared with '{name}': {faults[0]}", hint)


def why_not_comparable(subject: Basis, other: Basis, name: str, called: Mapping[str, str] = NO_NAMES) -> str | None:
    """Why two sketches of one signal must not be compared, or None when they may be."""
    if subject.version != other.version:
        return f"it was measured with {subject.version}, '{name}' with {other.version}"
    if subject.material != other.material:
        own, its = (_named(one.material, called) for one in (subject, other))
        return f"it is measured on probe set {own}, '{name}' on {its}"
    return None


def _named(digest: str | None, called: Mapping[str, str]) -> str:
    if digest is None:
        return "none"
    return f"{called[digest]} ({digest[:12]})" if digest in called else digest[:12]


def _listed(signals: Mapping[str, Basis]) -> str:
    return ", ".join(signals) or "none"
