"""The rows of a run as a Markdown table."""

from __future__ import annotations

from provcheck import Verdict

from .judging import SIGNALS, Row

REASONS = 2
"""Of a verdict, in the table; the first ones say what decided."""


def table(rows: list[Row]) -> str:
    """One row an attack."""
    head = (
        "attack",
        "function kept",
        *(f"by {way}" for way in SIGNALS),
        "signs of disguise",
        "why, where inconclusive, refused or certain",
    )
    lines = [" | ".join(cells) for cells in (head, ("---",) * len(head), *map(_cells, rows))]
    return "\n".join(f"| {line} |" for line in lines)


def _cells(row: Row) -> tuple[str, ...]:
    name = f"{row.attack.name}: {row.attack.what}"
    if row.verdicts is None:
        return name, "does not apply", *("-" for _ in SIGNALS), "-", row.not_applied
    said = (_said(row.verdicts.get(way)) for way in SIGNALS)
    return name, _function(row), *said, ", ".join(row.signs) or "none", _reasons(row.verdicts)


def _function(row: Row) -> str:
    """Largest difference in nats; where it is not kept also what that costs."""
    if row.moved is None:
        return "no: other tokens"
    largest = f"{row.moved.largest_nats:.2g} nats"
    if row.kept:
        return f"yes: {largest}"
    return f"no: {largest}; KL {row.moved.divergence_nats:.2g} nats a token, {row.moved.lost_bits:+.2g} bits a byte"


def _said(found: Verdict | str | None) -> str:
    if found is None:
        return "not asked"
    if isinstance(found, str):
        return "refused"
    sure = "" if found.probability is None else f", {_percent(found.probability)}"
    return f"{found.relation.value}{sure}"


def _percent(share: float) -> str:
    """Never rounded into certainty."""
    return "100 %" if share == 1 else f"{min(share, 0.9999):.2%}".replace("%", " %")


def _reasons(verdicts: dict[str, Verdict | str]) -> str:
    """Of the first verdict that is refused, inconclusive, or certain because the weight files are the same."""
    for way, found in verdicts.items():
        if isinstance(found, str):
            return found
        if found.relation.value == "inconclusive" or found.probability == 1.0:
            return f"by {way}: {' '.join(found.reasons[:REASONS])}".replace("|", "/")
    return ""
