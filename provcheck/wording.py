"""Numbers as people read them, the same in the terminal, in HTML and in a signal's sentences.

A probability is never rounded into certainty, and an unknown value is said to be unknown, never shown as a number.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_CEILING, Context

from provcheck.types import AtHand, Interval, Shortlist

SMALLEST = 1e-300
"""A bound that is still above what floating point makes of the smallest p-values."""

SCIENTIFIC = 0.001
"""Below it a bound is written with a power of ten."""

MEASURED_FOR_AUDIT = "measured for this audit"
"""How every output marks a reference that is not of the bank."""

FOUND = {
    "given": "",
    "beside": ", from the folder beside the model",
    "adapter": ", under the adapter",
    "hub": ", from the Hub",
}

NOT_KNOWN = "not known"
NOT_MEASURED = "not measured"
CI95 = "95\u00a0% interval"


def number(value: float) -> str:
    """A number with 3 significant digits; one too small to matter is shown as a bound."""
    if value == 0:
        return "0"
    if abs(value) < 0.0001:
        return "< 0.0001" if value > 0 else "> -0.0001"
    return f"{value:,.0f}" if abs(value) >= 999.5 else f"{value:#.3g}".rstrip(".")


def probability(value: float | None) -> str:
    """A probability in percent; 100 % and 0 % only where they are exact."""
    if value is None:
        return NOT_KNOWN
    if value in (0, 1):
        return f"{value:.0%}".replace("%", " %")
    if value > 0.999:
        return "> 99.9 %"
    return "< 0.1 %" if value < 0.001 else f"{100 * value:.1f} %"


def p_value(value: float | None) -> str:
    """A p-value with 3 significant digits."""
    return NOT_KNOWN if value is None else number(value)


def correction(named: int) -> str:
    """What an empirical p-value is corrected for; `named`: how many references were named beforehand, this among them.

    A reference that nobody named is the nearest of many, and corrected for them all.
    """
    if named == 0:
        return "corrected for all references of the bank"
    if named == 1:
        return "not corrected for other references: this one was named beforehand, as one hypothesis"
    return f"corrected for the {named} references that were named beforehand, not for the others"


def bound(p_value: float) -> str:
    """A p-value rounded up to two digits: `0.04`, `2.3e-10`. It is never shown as 0."""
    found = Context(prec=2, rounding=ROUND_CEILING).create_decimal(repr(max(p_value, SMALLEST)))
    return f"{found:.1e}" if found < SCIENTIFIC else f"{float(found):g}"


def interval(value: Interval | None) -> str:
    """`0.198 to 0.24`: the ends of a 95 % interval; empty where there is none."""
    return "" if value is None else f"{number(value.low)} to {number(value.high)}"


def with_error(value: float | None, error: float | None) -> str:
    """A value and its standard error: `0.4 ± 0.01`."""
    if value is None:
        return NOT_MEASURED
    return number(value) + ("" if error is None else f" ± {number(error)}")


def at_hand(facts: AtHand) -> str:
    """`measured for this audit, from the Hub (revision 0123456789ab)`."""
    revision = f" (revision {facts.subject.revision[:12]})" if facts.subject.revision else ""
    return f"{MEASURED_FOR_AUDIT}{FOUND[facts.found]}{revision}"


def shortlisted(found: Shortlist) -> str:
    """How much of a large bank was compared in full, and what that may miss."""
    everyone, by = found.compared + found.listed, joined(found.lists) or "no list"
    return (
        f"Of the {everyone:,} references of the bank, {found.compared:,} were compared in full: the likeliest "
        f"relatives by {by}, and those that were named. "
        f"The other {found.listed:,} come behind these in every list, and were not compared in full: a "
        "relative that is far in every list is missed."
    )


def plural(count: int, noun: str) -> str:
    """`1 reference`, `2 references`, `2 families`."""
    several = f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2] not in "aeiou" else f"{noun}s"
    return f"{count:,} {noun if count == 1 else several}"


def listing(names: list[str] | tuple[str, ...], most: int = 3) -> str:
    """`a, b, c and 4 more`."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def joined(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def as_sentence(text: str | None, otherwise: str = "") -> str:
    """A reason as a sentence of its own."""
    return f"{text[0].upper()}{text[1:].removesuffix('.')}." if text else otherwise


def made_from(child: str, other: str, why: str) -> str:
    """Who was first: what is seen of two models does not tell a parent from a sibling that lacks the same mark."""
    return f"{child} was made from {other}, or from what {other} was made from: {why}."
