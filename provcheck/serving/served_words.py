"""The findings on an endpoint in words."""

from __future__ import annotations

from collections.abc import Sequence

from provcheck.types import ServedCause, ServedFinding, ServedKind, ServedUnchanged
from provcheck.wording import plural

OTHER_TOKENS = (
    "the endpoint cuts texts into other tokens than the reference, or puts other special tokens before them, so the "
    "two numbers of a token are not of the same thing"
)
FEW = (
    "only {texts} texts ({tokens:,} tokens) were scored by both; at least {least} texts and {least_tokens:,} tokens "
    "are needed"
)
NO_TOKENS = "there are no numbers of single tokens: a reference must be a model that can be run here"
ONE_STEP = "1 training step, "
"""How the kinds begin that say what the smallest change is that is seen."""

NO_ROUNDING = "bfloat16 does not move the reference's numbers, so there is no yardstick"

FINDINGS: dict[ServedFinding, str] = {
    "identical": "The endpoint's numbers are those of {reference}: {far}. A change that moves them less than rounding, "
    "such as 8-bit quantization or a training step at a low rate, cannot be excluded.",
    "near": "The endpoint serves {reference} slightly changed: {far}, more than any unchanged copy, and no more than "
    "8-bit quantization of the weights.",
    "changed": "The endpoint does not serve {reference} unchanged: {far}, more than 8-bit quantization of the weights "
    "went where it was measured. A server that rounds to 8 bits what the layers hand on, too, can go further.",
}
CAUSES: dict[ServedCause | None, str] = {
    "trained further": "It was trained further: all quantizations to 8 or 4 bits that were measured move tokens less, "
    "or without regard to which they are. A coarser quantization was not measured.",
    "trained further or another model": "It is another model, or was trained further for long; which of the two, "
    "these numbers do not tell. No quantization to 8 or 4 bits that was measured goes so far.",
    None: "Whether it was quantized or trained further, these numbers do not tell.",
}


def sentence(reference: str, finding: ServedFinding, cause: ServedCause | None, ratio: float, pull: float) -> str:
    """What the finding means."""
    far = (
        f"its log-probabilities are {ratio:.2f} times as far from {reference} as rounding to bfloat16 moves that, with "
        f"a pull to particular tokens of {pull:.3f}"
    )
    said = FINDINGS[finding].format(reference=reference, far=far)
    return said if finding == "identical" else f"{said} {CAUSES[cause]}"


def rates(unchanged: ServedUnchanged, kinds: Sequence[ServedKind]) -> str:
    """How far to trust that: unchanged copies that went as far, and what was found of models held out."""
    own = (
        f"Of {plural(unchanged.models, 'small model')} that the limits were set on, {unchanged.as_far} looked at least "
        f"so changed when served unchanged (95 % interval {unchanged.low:.1%} to {unchanged.high:.1%})."
    )
    return " ".join([own, *filter(None, map(_rate, kinds))])


def _rate(one: ServedKind) -> str:
    if one.kind == "unchanged":
        return (
            f"Of {plural(one.models, 'other model')} served unchanged in {plural(one.cases, 'way')}, "
            f"{one.models - one.right_models} looked changed (up to {1 - one.low:.1%})."
        )
    if one.kind.startswith(ONE_STEP):
        told, how = one.near + one.changed, one.kind.removeprefix(ONE_STEP)
        return f"After one step of training at a rate of 1e-4, served in {how}, {told} of {one.cases} looked changed."
    return ""
