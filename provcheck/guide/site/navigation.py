"""Which page stands where on the site: the table, and the rule for pages that it does not name."""

from __future__ import annotations

from pathlib import Path

GUIDE = "provcheck/guide"
HOW_TO = "How to"

SECTIONS: dict[str, tuple[str, ...]] = {
    "Tutorials": (f"{GUIDE}/compliance.md", f"{GUIDE}/release.md", f"{GUIDE}/dispute.md"),
    HOW_TO: (),
    "Reference": (
        f"{GUIDE}/commands.md",
        "reference/options.md",
        f"{GUIDE}/models.md",
        f"{GUIDE}/settings.md",
        "policies/README.md",
        "reference/checks.md",
        f"{GUIDE}/outputs.md",
        "reference/fields.md",
        "reference/python.md",
        "reports/README.md",
    ),
    "Explanation": (
        f"{GUIDE}/reading_a_verdict.md",
        f"{GUIDE}/signals.md",
        f"{GUIDE}/statistics.md",
        f"{GUIDE}/error_rates.md",
        "reference_embeddings/zoo-v2/evaluation.md",
        f"{GUIDE}/limits.md",
        f"{GUIDE}/disguise.md",
        "reference_embeddings/attacks/README.md",
        "reference_embeddings/README.md",
        "reference_embeddings/zoo-v2/lineage.md",
        "reports/studies/studies.md",
        f"{GUIDE}/speed.md",
    ),
    "Project": (
        "provcheck/README.md",
        ".github/CONTRIBUTING.md",
        ".github/SECURITY.md",
        "reference_embeddings/recipe/README.md",
        "tests/README.md",
        "tests/data/README.md",
        "CHANGELOG.md",
    ),
}
"""Section -> its pages, by their path in the repository; `reference/` is written from the program."""

FIRST = "README.md"
LANDING = f"{GUIDE}/README.md"
"""The front page, and the one that says which page of the guide is for whom."""

TITLES = {
    FIRST: "Start",
    "reference_embeddings/zoo-v2/evaluation.md": "Error rates, all tables",
    "reference_embeddings/zoo-v2/lineage.md": "Parents on the tree, all tables",
    "reports/studies/studies.md": "The papers' experiments, all tables",
}
"""Where a page's first heading is not its name, as in files that a command writes."""


def pages_of(root: Path) -> list[str]:
    """Every page of the site that lies in the repository: those of the table, and all that stand in the guide."""
    named = [page for pages in SECTIONS.values() for page in pages if not page.startswith("reference/")]
    return [FIRST, LANDING, *named, *how_tos(root)]


def how_tos(root: Path) -> list[str]:
    """What lies in the guide and is not named elsewhere, by its title: a new page needs no line here."""
    named = {LANDING, *(page for pages in SECTIONS.values() for page in pages)}
    found = (path.relative_to(root).as_posix() for path in (root / GUIDE).glob("*.md"))
    return sorted(set(found) - named, key=lambda page: title_of(root, page).lower())


def title_of(root: Path, page: str) -> str:
    """Its name in the navigation."""
    first = (root / page).read_text("utf-8").partition("\n")[0]
    return TITLES.get(page) or first.removeprefix("# ")


def navigation(root: Path) -> list[dict[str, object]]:
    """The navigation as mkdocs reads it; pages without a title in TITLES are called as their first heading."""
    sections = {**SECTIONS, HOW_TO: (*SECTIONS[HOW_TO], *how_tos(root))}
    listed: list[dict[str, object]] = [{name: [_entry(page) for page in pages]} for name, pages in sections.items()]
    return [{TITLES[FIRST]: FIRST}, {"Guide": LANDING}, *listed]


def _entry(page: str) -> object:
    return {TITLES[page]: page} if page in TITLES else page
