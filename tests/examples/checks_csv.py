"""A format: the checks as CSV."""

from __future__ import annotations

import csv
import io

from provcheck.io.text import plain
from provcheck.types import Report


class ChecksCsv:
    """One line for each check."""

    def render(self, report: Report) -> str:
        """Hidden characters of a hostile name are made visible."""
        file = io.StringIO()
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["id", "outcome", "message"])
        table.writerows([plain(check.id), check.outcome.value, plain(check.message)] for check in report.checks)
        return file.getvalue()
