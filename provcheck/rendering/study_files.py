"""The files of a study: JSON, a page, and each picture as SVG and PNG; and the table of several studies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from provcheck.io.writing import json_text, write_texts, write_whole
from provcheck.rendering.study_page import picture_of, study_page
from provcheck.types import Study

TABLE_FILE = "studies.md"


def write_study(study: Study, folder: Path) -> list[Path]:
    """`NAME.json`, `NAME.html`, and `NAME-FIGURE.svg` and `.png`; return the paths. Raises OutputError."""
    images = {f"{study.name}-{one.id}": one for one in study.figures}
    texts = {
        f"{study.name}.json": json_text(study.model_dump(mode="json")),
        f"{study.name}.html": study_page(study),
        **{f"{name}.svg": picture_of(one).svg(standalone=True) for name, one in images.items()},
    }
    pixels = {f"{name}.png": picture_of(one).image("png") for name, one in images.items()}
    written = write_texts(folder, texts)
    for name, content in pixels.items():
        write_whole(folder / name, content)
    return [*written, *(folder / name for name in pixels)]


def studies_table(studies: Sequence[Study]) -> str:
    """A Markdown table: experiment, what the papers report, what was found here, and the command."""
    lines = ["| Experiment | Papers | Here | Command |", "|---|---|---|---|"]
    for study in studies:
        command = study.tool.command if study.tool else ""
        for one in study.beside:
            published = f"{one.published.text} ({one.published.source})" if one.published else "no figure"
            lines.append(f"| {_cell(one.experiment)} | {_cell(published)} | {_cell(one.here)} | `{_cell(command)}` |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
