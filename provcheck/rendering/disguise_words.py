"""Signs of disguise in words, the same in every format."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console

from provcheck.rendering.console import print_line, print_rule
from provcheck.types import Sign, Signs
from provcheck.wording import number, plural

NO_ACCUSATION = "A sign says that something is odd. It is no accusation, and did not move the verdict."


@dataclass(frozen=True)
class SignRow:
    """One sign."""

    name: str
    reference: str
    finding: str
    innocent: str
    numbers: str


@dataclass(frozen=True)
class SignsSection:
    """What was found, in one sentence; the signs; and what was not looked at, in sentences."""

    finding: str
    rows: list[SignRow]
    gaps: list[str]


def signs_section(signs: Signs | None) -> SignsSection | None:
    """None where signs were not looked for."""
    if signs is None:
        return None
    looks = plural(len(signs.looked_at), "look")
    count = f"{plural(len(signs.found), 'sign')} in {looks}" if signs.found else f"No sign was found in {looks}"
    return SignsSection(
        finding=f"{count}. {NO_ACCUSATION}" if signs.found else f"{count}.",
        rows=[_row(sign) for sign in signs.found],
        gaps=list(gaps_of(signs)),
    )


def gaps_of(signs: Signs) -> Iterator[str]:
    """What was not looked at, and why."""
    for name, why in signs.not_looked_at.items():
        yield f"Not looked at: {name.replace('-', ' ')}, for {why.removesuffix('.')}."


def sign_sentences(signs: Signs | None) -> list[str]:
    """Each sign that was found, with its name and what else may explain it."""
    return [
        f"{one.name}: {one.finding} What else may explain it: {one.innocent}" for one in (signs.found if signs else ())
    ]


def print_signs(console: Console, signs: Signs | None, verbosity: int = 0) -> None:
    """Those that were found; with verbosity also that none was, and what was not looked at."""
    section = signs_section(signs)
    if signs is None or section is None or not (section.rows or verbosity > 0):
        return
    console.print()
    print_rule(console, "signs of disguise")
    print_line(console, section.finding)
    for line in (*sign_sentences(signs), *section.gaps):
        print_line(console, f"- {line}")


def _row(sign: Sign) -> SignRow:
    numbers = ", ".join(f"{name.replace('_', ' ')} {_shown(value)}" for name, value in sign.numbers.items())
    return SignRow(sign.name, sign.reference or "", sign.finding, sign.innocent, numbers)


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else number(value)
