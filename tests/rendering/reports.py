"""Reports at the ends of what there is: a real one, one of an adapter, one with nothing in it, one full of traps."""

from __future__ import annotations

from provcheck.io.data import root
from provcheck.report_file import read_report
from provcheck.types import (
    BankMap,
    Check,
    JudgeFacts,
    Lineage,
    MapPoint,
    Outcome,
    PolicyFacts,
    Relation,
    Report,
)
from tests.rendering.factory import BASE, DIGEST, make_able, make_background, make_report, with_signal
from tests.rendering.hostile import HIDDEN, MARKUP, RIGHT_TO_LEFT

LONG = "acme/" + "W" * 300
WIDE = "組織/" + "模型" * 40
TRAPS = (
    *MARKUP,
    *HIDDEN,
    RIGHT_TO_LEFT,
    LONG,
    WIDE,
    "$x^2$ \\frac{1}{2}",
    "words-0",
    "it's_a 'name'",
    "]]>&amp;",
    "{reference}",
)
"""Names that some language reads as its own."""


def shipped_report() -> Report:
    """The report in `reports/example`."""
    return read_report(root() / "reports" / "example" / "report.json")


def adapter_report() -> Report:
    """An adapter on its base, and a bank whose judge is not calibrated."""
    report = make_report(probability=None)
    subject = report.subject.model_copy(
        update={"source": "adapter", "base": report.subject.model_copy(update={"id": BASE}), "declared_base": ()}
    )
    judge = JudgeFacts(name="a rule that is not calibrated")
    comparisons = tuple(with_signal(one, "able", make_able(0.3)) for one in report.comparisons)
    changed = {"subject": subject, "background": {}, "judge": judge, "comparisons": comparisons}
    return report.model_copy(update=changed)


def bare_report() -> Report:
    """Nothing was measured, compared or checked."""
    report = make_report(Relation.INCONCLUSIVE, probability=None, outcomes=())
    nothing = {
        "comparisons": (),
        "lineage": Lineage(newick=None, nearest_on_tree=None, reason="a tree needs at least three models"),
        "map": BankMap(reason="the subject has no attributions"),
        "background": {},
        "judge": JudgeFacts(name="a rule that is not calibrated"),
        "limitations": (),
    }
    return report.model_copy(update=nothing)


def hostile_report() -> Report:
    """Every name that a stranger can choose is a trap."""
    report = make_report(subject=MARKUP[0], base=WIDE, text=HIDDEN[0])
    names = [f"{name} {number}" for number, name in enumerate(TRAPS)]
    quoted = ["'" + " ".join(name.split()).replace("'", "''") + "'" for name in names]
    tips = ",".join(f"{name}:0.{number + 1}" for number, name in enumerate(quoted))
    changed = {
        "lineage": Lineage(
            newick=f"(('{MARKUP[2]}':0.3,{tips})88:0.1,a:1);", subject=MARKUP[2], nearest_on_tree=MARKUP[3]
        ),
        "map": BankMap(points=tuple(_point(name, at, len(names)) for at, name in enumerate(names))),
        "policy": PolicyFacts(name=MARKUP[0], digest=DIGEST, deselected=TRAPS, not_run=(LONG,)),
        "checks": tuple(Check(id=name, description=name, outcome=Outcome.FAILED, message=name) for name in names),
        "subject": report.subject.model_copy(update={"license": LONG, "declared_base": TRAPS, "tokenizer": WIDE}),
        "background": {"likelihood": make_background().model_copy(update={"kl_source": MARKUP[0]})},
    }
    return report.model_copy(update=changed)


def _point(name: str, at: int, of: int) -> MapPoint:
    """Points in the corners and between."""
    return MapPoint(id=name, family=name, x=at % 4 - 1.5, y=at / of, subject=at == of - 1)
