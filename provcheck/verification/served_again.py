"""What a report says of an endpoint: whether the findings follow from the numbers that it states.

The numbers themselves are of the day on which the endpoint was asked; whoever runs it may serve something else by now.
"""

from __future__ import annotations

from collections.abc import Iterator

from provcheck.serving import restated
from provcheck.types import Check, Report
from provcheck.verification.steps import failed, passed, skipped


def check_served(report: Report) -> Iterator[Check]:
    """One line for each reference that the endpoint was compared with."""
    for place, one in enumerate(report.served, 1):
        id = f"served-{place}"
        again = restated(one)
        if again is None:
            yield skipped(id, f"against {one.reference}: the report states no numbers to judge by")
        elif again.limits != one.limits or again.kinds != one.kinds:
            yield skipped(id, f"against {one.reference}: the limits are those of another version")
        elif again == one:
            yield passed(id, f"against {one.reference}: '{one.finding}' follows from the numbers of that day")
        else:
            yield failed(id, f"against {one.reference}: the numbers say '{again.finding}', the report '{one.finding}'")
