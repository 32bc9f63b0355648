"""`provcheck card`: what a model card may say of its base."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from provcheck.cli import options as o

if TYPE_CHECKING:
    from provcheck.observer import Observer
    from provcheck.targets import Target


@o.with_model_options("revision", "max_requests")
def card_command(
    model: o.Model,
    options: o.ModelOptions,
    bases: Annotated[
        list[str] | None,
        typer.Argument(metavar="[BASE]...", help="What MODEL was made from; several for a merge. Default: the card's."),
    ] = None,
    facts: Annotated[
        bool, typer.Option("--facts", help="Print a table of facts for the model's documentation instead.")
    ] = False,
) -> None:
    """Print base_model and base_model_relation as the evidence supports them, as YAML for a model card."""
    from provcheck.pairing import judge_targets
    from provcheck.rendering.console import make_console
    from provcheck.rendering.front_matter import facts_table, front_matter, names_of
    from provcheck.rendering.progress import ProgressBar

    options = replace(options, whole_files=True)  # what was changed is read off all weights
    with ProgressBar(make_console(sys.stderr)) as observer:
        targets = _targets(model, bases or [], options, observer)
        report = judge_targets(targets, options, observer)
    names = names_of(report, () if bases else targets[0].subject.declared_base)
    typer.echo(facts_table(report, names) if facts else front_matter(report, names), nl=False)


def _targets(model: str, bases: Sequence[str], options: o.ModelOptions, observer: Observer) -> list[Target]:
    """The model and its bases. Names from a card are untrusted, so they are looked for with more care."""
    from provcheck.errors import UsageError
    from provcheck.targets import find_target
    from provcheck.targets.bases import find_base

    target = find_target(model, options)
    if bases:
        return [target, *(find_target(name, options) for name in bases)]
    if not target.subject.declared_base:
        raise UsageError(
            f"the card of {target.subject.id} declares no base, and none is named",
            "name it: `provcheck card MODEL BASE`; `provcheck audit MODEL` looks for one in the bank",
        )
    return [target, *(find_base(target, name, options, observer)[0] for name in target.subject.declared_base)]
