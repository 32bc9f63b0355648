"""What was changed between two models, read from their stored weights, one tensor of each at a time; neither is run.

opened         what is needed of a model: tensors, config, tokens
tensor_names   its tensors by block and kind
collecting     collects everything below into one record
grids          exact zeros, precision, grids of 4 and 8 bits
deltas         how far a tensor moved, and the rank of its change
block_pairs    which block became which
token_rows     rows of the vocabulary
rearranging    the same neurons and channels in another order, size or basis
mechanisms     facts -> the mechanism, by a list of rules
descent        facts -> who descends from whom, where one of them bears a mark, or is a merge
mixtures       is a model a merge of given parents?
merge_fits     what each kind of merge leaves
merge_kinds    the kind that explains the model alone
corners        angles between three models: which may be the base of a merge

`describe_changes` is all of it. Nothing here decides whether two models are related: that is the judge's business, and
where it does not call them so, no mechanism is named.
"""

from __future__ import annotations

from collections.abc import Mapping

from provcheck.changes.collecting import collect_facts
from provcheck.changes.descent import find_descent, with_merge
from provcheck.changes.mechanisms import name_mechanism
from provcheck.changes.mixtures import fit_mixture
from provcheck.changes.opened import Opened
from provcheck.signals.weights.stored import Unfit
from provcheck.types import Changes, Mechanism, Mixture, Relation

__all__ = ["Opened", "Unfit", "describe_changes", "describe_mixture", "with_merge"]

EXACT = (Mechanism.COPY, Mechanism.CAST)
"""Every weight of one model follows from the other's: nothing is left for a judge to decide."""

WITHHELD = "The judge does not call the two models related, so no way from one to the other is named."


def describe_changes(first: Opened, second: Opened, relation: Relation | None = None) -> Changes:
    """What differs between two models, by what mechanism, and who descends from whom.

    relation: what a judge says of the two, if one was asked; unless it calls them related, only a mechanism that
    explains every weight is named. Raises Unfit where tensors cannot be read.
    """
    facts = collect_facts(first, second)
    mechanism, reasons = name_mechanism(facts)
    if mechanism not in (*EXACT, Mechanism.UNCLEAR) and relation is not None and not relation.related:
        mechanism, reasons = Mechanism.UNCLEAR, (WITHHELD,)
    return Changes(**dict(facts), mechanism=mechanism, reasons=reasons, descent=find_descent(facts, mechanism))


def describe_mixture(model: Opened, parents: Mapping[str, Opened]) -> Mixture | None:
    """The model as a mixture of two or more candidate parents, by name; None where they have no tensor in common.

    Raises Unfit where tensors cannot be read.
    """
    return fit_mixture(model.names, {name: parent.names for name, parent in parents.items()})
