"""The report's own numbers in the place of the new ones: everything else of a comparison is as it was found."""

from __future__ import annotations

from provcheck.types import Comparison
from provcheck.verification.restating import restated
from tests.rendering.factory import make_report


def test_what_the_bank_says_of_a_reference_is_kept_and_the_judgement_is_not() -> None:
    report = make_report()
    first, *_ = report.comparisons
    found = first.model_copy(update={"ends": ("ABLE distance",), "named": 2})
    (again,) = restated(report, [found])
    assert (again.ends, again.named, again.family) == (("ABLE distance",), 2, first.family)
    assert again.relation is Comparison.model_fields["relation"].default
    assert again.signals == first.signals
