"""The report as one HTML file: no script, no network, and every name escaped."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from provcheck.io.data import templates_folder
from provcheck.rendering.view import view_of
from provcheck.types import Report


class HtmlReport:
    """For people who do not know machine learning."""

    def render(self, report: Report) -> str:
        """The page, with its style inside; the security policy allows that style and nothing else."""
        return render_page("report.html.j2", view_of(report))


def render_page(template: str, view: object) -> str:
    """A template of `reports/templates`, filled in."""
    style = _environment().get_template("report.css").render()
    return fill(template, view=view, style_hash=_hash(style))


def fill(template: str, **values: object) -> str:
    """A template of `reports/templates` with these values, every text of them escaped."""
    return _environment().get_template(template).render(**values) + "\n"


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(templates_folder()),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _hash(style: str) -> str:
    """The style's digest as a Content-Security-Policy names it."""
    return b64encode(sha256(style.encode()).digest()).decode()
