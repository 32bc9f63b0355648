"""A pytest plugin: `pytest --provcheck-model MODEL` gives tests the fixture `provenance`.

    def test_whose_weights_they_are(provenance):
        assert provenance.related_to("our-org/base-*")
        assert not provenance.related_to("other-org/*")

pytest loads this module in every run in this environment, so nothing heavy is imported before a test asks for it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provcheck.policy.evidence import Standing
    from provcheck.types import Relation, Report, Verdict

OPTIONS = {
    "model": ("MODEL", "Model to audit for the fixture `provenance`: Hub id, folder, measurement file, or demo."),
    "bank": ("NAME|DIR", "Bank of reference models. Default: the one that ships."),
    "policy": ("NAME|FILE", "Policy of the audit. Default: default."),
    "probes": ("NAME|DIR", "Probe set; the bank must be made with it."),
    "signals": ("NAME,NAME", "Kinds of evidence to use, such as weights, which need no run. Default: all."),
}
REFERENCE = "reference"
REFERENCE_HELP = "A further model to compare with, measured too"
SHOWN = 3
"""References that an explanation names."""


class NotSettled(AssertionError):
    """The evidence says neither related nor independent: an assertion about it fails, whichever way it is put."""


@dataclass(frozen=True, repr=False)
class Related:
    """Whether the model is related to a reference that a glob matches: true, false, or not settled.

    Its truth value raises NotSettled where the evidence is inconclusive, and where no reference matches: a release must
    not pass for lack of evidence. Its repr, which pytest prints, names the references with their numbers.
    """

    glob: str
    bank: str
    numbers: dict[str, str]
    matching: Sequence[Standing]

    def __bool__(self) -> bool:
        __tracebackhide__ = True
        if not self.matching:
            raise NotSettled(f"no reference of the bank {self.bank} matches {self.glob!r}, so nothing is known of it")
        if not self._related and self._open:
            raise NotSettled(f"the evidence does not settle it: {self!r}")
        return bool(self._related)

    def __repr__(self) -> str:
        """What pytest prints: the nearest of those that decide, with their numbers."""
        decisive = self._related or self._open or list(self.matching)
        more = f" and {len(decisive) - SHOWN} more" if len(decisive) > SHOWN else ""
        return f"<{'; '.join(map(self._describe, decisive[:SHOWN])) or 'no such reference'}{more}>"

    @property
    def _related(self) -> list[Standing]:
        return [standing for standing in self.matching if standing.relation.related]

    @property
    def _open(self) -> list[Standing]:
        return [standing for standing in self.matching if standing.open]

    def _describe(self, standing: Standing) -> str:
        return f"{standing.id}: {standing.relation}{self.numbers.get(standing.id, '')}"


@dataclass(frozen=True)
class Provenance:
    """What an audit found; `report` is all of it, `standings` the relation to every reference of the bank."""

    report: Report
    standings: Sequence[Standing]

    @property
    def verdict(self) -> Verdict:
        """The relation to the nearest reference, or `inconclusive`."""
        return self.report.verdict

    def related_to(self, glob: str) -> Related:
        """Whether the weights are those of, or share an ancestor with, a reference whose id matches; case is ignored.

        Use it as a truth value, which raises NotSettled where the evidence does not decide.
        """
        from fnmatch import fnmatchcase

        matching = [one for one in self.standings if fnmatchcase(one.id.lower(), glob.lower())]
        return Related(glob, self.report.bank.name, _numbers(self.report), matching)

    def relation_to(self, reference: str) -> Relation:
        """The relation to one reference. Raises LookupError when the bank has none of that id."""
        for standing in self.standings:
            if standing.id.lower() == reference.lower():
                return standing.relation
        raise LookupError(f"the bank {self.report.bank.name} has no reference {reference!r}")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the --provcheck-... options, and an ini option provcheck_... for each of them."""
    group = parser.getgroup("provcheck", "provenance of a language model")
    for name, (metavar, help_text) in OPTIONS.items():
        group.addoption(f"--provcheck-{name}", metavar=metavar, default=None, help=help_text)
        parser.addini(f"provcheck_{name}", help_text, default="")
    several = f"{REFERENCE_HELP}; may be given several times."
    group.addoption(f"--provcheck-{REFERENCE}", metavar="MODEL", action="append", default=None, help=several)
    parser.addini(f"provcheck_{REFERENCE}", f"{REFERENCE_HELP}; one a line.", type="linelist", default=[])


def pytest_report_header(config: pytest.Config) -> str | None:
    """Name the model in the header of the run."""
    model = _given(config, "model")
    return f"provcheck model: {model!a}" if model else None


@pytest.fixture(scope="session")
def provenance(pytestconfig: pytest.Config) -> Provenance:
    """What an audit of --provcheck-model, or of the ini option provcheck_model, finds; else the test is skipped."""
    given = {name: str(_given(pytestconfig, name)) for name in OPTIONS}
    if not given["model"]:
        pytest.skip("no model to audit: give --provcheck-model MODEL")
    from provcheck.errors import ProvcheckError

    try:
        return _audit(given, _given(pytestconfig, REFERENCE))
    except ProvcheckError as error:
        pytest.fail(f"provcheck: {error.message}\n{error.hint}".strip(), pytrace=False)


def _given(config: pytest.Config, name: str) -> Any:
    """From the command line, or else from the ini file; empty where it is in neither."""
    asked = config.getoption(f"--provcheck-{name}")
    return config.getini(f"provcheck_{name}") if asked is None else asked


def _audit(given: dict[str, str], references: Sequence[str]) -> Provenance:
    """Audit the model; its measurement comes from the cache where there is one. Raises ProvcheckError."""
    from provcheck.measuring import read_signals
    from provcheck.observer import Silent
    from provcheck.pipeline import AuditOptions, carry_out, prepare
    from provcheck.policy import Evidence

    usual = AuditOptions()
    options = AuditOptions(
        replace(
            usual.model,
            probes=given["probes"] or usual.model.probes,
            signals=read_signals(given["signals"] or None),
        ),
        bank=given["bank"] or usual.bank,
        policy=given["policy"] or usual.policy,
        references=references,
    )
    prepared = prepare(given["model"], options)
    report = carry_out(prepared, Silent())
    evidence = Evidence(
        report.subject,
        report.measurement,
        report.comparisons,
        report.verdict,
        bank=prepared.bank.references,
        shortlist=report.bank.shortlist,
    )
    return Provenance(report, evidence.standings)


def _numbers(report: Report) -> dict[str, str]:
    """The signals' numbers for each reference, in parentheses."""
    from provcheck.rendering.columns import numbers_of

    return {one.reference: f" ({numbers_of(one)})" for one in report.comparisons}
