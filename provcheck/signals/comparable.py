"""Which signals two models have in common, measured in the same way."""

from __future__ import annotations

from collections.abc import Mapping

from provcheck.errors import IncompatibleError
from provcheck.types import Basis

MEASURE_ALIKE = "measure with the same --probes, or use a bank made with yours"


def check_comparable(subject: Mapping[str, Basis], other: Mapping[str, Basis], name: str) -> None:
    """Raise IncompatibleError when the subject has no signal in common with `name`; the first mismatch is told."""
    common = [signal for signal in subject if signal in other]
    faults = [why_not_comparable(subject[signal], other[signal], name) for signal in common]
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


def why_not_comparable(subject: Basis, other: Basis, name: str) -> str | None:
    """Why two sketches of one signal must not be compared, or None when they may be."""
    if subject.version != other.version:
        return f"it was measured with {subject.version}, '{name}' with {other.version}"
    if subject.material != other.material:
        return f"it was measured on the probe set {_short(subject.material)}, '{name}' on {_short(other.material)}"
    return None


def _short(digest: str | None) -> str:
    return digest[:12] if digest else "none"


def _listed(signals: Mapping[str, Basis]) -> str:
    return ", ".join(signals) or "none"
