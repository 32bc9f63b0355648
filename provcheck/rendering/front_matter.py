"""What a model card may say of its base, as YAML front matter in the Hub's words, and as a table of facts.

`base_model` holds only bases that the evidence relates to the model, and `base_model_relation` only a word that what
was changed bears out; what the present card says otherwise stands beside it as a comment.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import yaml

from provcheck import wording
from provcheck.io.text import clean
from provcheck.rendering.facts import model_line
from provcheck.rendering.mechanism_words import WORDS
from provcheck.rendering.sentences import plain_pair
from provcheck.types import Changes, Comparison, Mechanism, Mixture, Opponent, PairReport

FINETUNE, ADAPTER, MERGE, QUANTIZED = "finetune", "adapter", "merge", "quantized"
"""The relations that the Hub knows."""

COPIES = {Mechanism.COPY, Mechanism.CAST, Mechanism.REWRITE}
"""The same model in another form; the Hub has no word for it."""

UNKNOWN = "what was changed cannot be read off the weights"


@dataclass(frozen=True)
class Base:
    """A base that the model may have: what the evidence says of the two."""

    id: str
    comparison: Comparison
    changes: Changes | None
    merged_in: float | None = None
    """Its weight in a merge that the model is."""

    @property
    def made_from_model(self) -> bool:
        """Whether the base descends from the model, and not the other way round."""
        return self.changes is not None and self.changes.descent.child == "second"

    @property
    def supported(self) -> bool:
        """Whether the evidence bears out that the model descends from it, or does not speak against the direction."""
        return self.merged_in is not None or (self.comparison.relation.related and not self.made_from_model)

    @property
    def order(self) -> str:
        """A reminder where nothing tells which of the two came first."""
        told = self.merged_in is not None or (self.changes is not None and self.changes.descent.child is not None)
        return "" if told else "the weights do not tell which of the two came first; the order is yours"

    @property
    def finding(self) -> str:
        """What the evidence says, in a few words."""
        if self.merged_in is not None:
            return f"merged in with weight {self.merged_in:.2f}"
        if self.comparison.relation.related and self.made_from_model:
            return "it was made from this model, or from what this model was made from"
        share = self.comparison.related_probability
        sure = f", related with probability {wording.probability(share)}" if share is not None else ""
        return f"{self.comparison.relation.value}{sure}"


def names_of(report: PairReport, declared: Sequence[str] = ()) -> list[str]:
    """What the bases are called on a card: as it declares them, in this order; else as it declares one of that name."""
    by_end = {name.rpartition("/")[2].lower(): name for name in report.subject.declared_base}
    found = (one.comparison.reference for one in report.opponents)
    return list(declared) or [by_end.get(name.lower(), name) for name in found]


def front_matter(report: PairReport, names: Sequence[str]) -> str:
    """The lines to paste between the `---` of README.md, and what contradicts those that are there."""
    report = plain_pair(report)
    bases = _bases(report, names)
    supported = [one for one in bases if one.supported]
    lines = [
        f"# By the evidence of {report.measurement.measured_at:%Y-%m-%d}, {report.tool.name} {report.tool.version}:"
    ]
    lines += _base_lines(supported) if supported else ["# no base_model: the evidence supports none of those named"]
    lines += _relation_lines(report, supported)
    lines += [f"# {one.id}: {one.order}" for one in supported if one.order]
    lines += [f"# Not supported: {one.id}: {one.finding}" for one in bases if not one.supported]
    return "\n".join([*lines, *_contradictions(report, bases)]) + "\n"


def facts_table(report: PairReport, names: Sequence[str]) -> str:
    """Facts for the documentation of a model that was made from another, as a Markdown table; no legal advice."""
    report = plain_pair(report)
    rows = [("fact", "value"), ("---", "---"), *_facts(report, names)]
    return "\n".join(f"| {name} | {value} |" for name, value in rows) + "\n"


def _bases(report: PairReport, names: Sequence[str]) -> list[Base]:
    return [_base(report, one, name) for one, name in zip(report.opponents, names, strict=True)]


def _base(report: PairReport, one: Opponent, name: str) -> Base:
    mixture = merge_of(report)
    weights = dict(zip(mixture.parents, mixture.weights, strict=True)) if mixture else {}
    changes = one.changes if isinstance(one.changes, Changes) else None
    return Base(name, one.comparison, changes, weights.get(one.comparison.reference))


def merge_of(report: PairReport) -> Mixture | None:
    """The model as a merge of its bases, where it is one."""
    return report.mixture if isinstance(report.mixture, Mixture) and report.mixture.is_merge else None


def _base_lines(supported: Sequence[Base]) -> list[str]:
    if len(supported) == 1:
        return [f"base_model: {_yaml(supported[0].id)}  # {supported[0].finding}"]
    return ["base_model:", *(f"- {_yaml(one.id)}  # {one.finding}" for one in supported)]


def _relation_lines(report: PairReport, supported: Sequence[Base]) -> list[str]:
    if not supported:
        return []
    word, why = hub_relation(report, supported)
    return [f"base_model_relation: {word}  # {why}" if word else f"# no base_model_relation: {why}"]


def hub_relation(report: PairReport, supported: Sequence[Base]) -> tuple[str | None, str]:
    """The Hub's word for how the model was made, and why; None where there is no such word, or nothing says so."""
    if report.subject.source == "adapter":
        return ADAPTER, "the model is an adapter"
    if mixture := merge_of(report):
        return MERGE, mixture.reason
    if len(supported) > 1:
        return None, "it is no mixture of these models, as far as their weights tell"
    return _word_for(supported[0].changes)


def _word_for(changes: Changes | None) -> tuple[str | None, str]:
    if changes is None or changes.mechanism is Mechanism.UNCLEAR:
        return None, UNKNOWN
    words = WORDS[changes.mechanism]
    if changes.mechanism in COPIES:
        return None, f"the Hub has no word for this: {words}"
    return {Mechanism.QUANTIZE: QUANTIZED, Mechanism.MERGE: MERGE}.get(changes.mechanism, FINETUNE), words


def _contradictions(report: PairReport, bases: Sequence[Base]) -> Iterator[str]:
    """What the present card says, and the evidence does not bear out."""
    subject, by_id = report.subject, {one.id.lower(): one for one in bases}
    for declared in subject.declared_base:
        found = by_id.get(declared.lower())
        if found is None:
            yield f"# The card declares {declared}, which was not compared"
        elif not found.supported:
            yield f"# The card declares {declared}: the evidence says {found.finding}"
    word, _ = hub_relation(report, supported) if (supported := [one for one in bases if one.supported]) else (None, "")
    if subject.declared_relation and word and word != subject.declared_relation:
        yield f"# The card declares base_model_relation {clean(subject.declared_relation)}: the evidence says {word}"


def _facts(report: PairReport, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    subject, panels = report.subject, report.judge.panels if report.judge else ()
    yield "model", f"{subject.called}: {model_line(subject)}"
    yield "sha256 over its weight files", subject.weights_digest or "not computed"
    for one, base in zip(report.opponents, _bases(report, names), strict=True):
        yield "base", f"{base.id}: {model_line(one.subject)}"
        yield "sha256 over the base's weight files", one.subject.weights_digest or "not computed"
        yield "relation by the evidence", base.finding
        yield "p-value", wording.p_value(one.comparison.p_value)
        yield "what was changed", WORDS[base.changes.mechanism] if base.changes else UNKNOWN
        yield "share of weights that are equal", f"{100 * base.changes.equal:.1f} %" if base.changes else "not known"
    for panel in panels:
        bound = f"at most {100 * panel.false_accusation_upper:.2f} % of independent pairs"
        yield "false accusations of the judge", f"{bound} (95 % bound, {panel.independent_pairs} pairs)"
    yield "measured", f"{report.measurement.measured_at:%Y-%m-%d %H:%M %Z}".strip()
    yield "by", f"{report.tool.name} {report.tool.version}: `{report.tool.command}`"
    yield "sha256 of the comparison", report.digest


def _yaml(text: str) -> str:
    """A scalar as YAML writes it on one line."""
    return yaml.safe_dump(text, width=10_000, allow_unicode=False).removesuffix("...\n").strip()
