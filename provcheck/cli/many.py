"""`provcheck audit --many`: one report each, a table, and the worst exit code."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from provcheck.engines import EngineOptions
    from provcheck.pipeline import AuditOptions


def audit_list(
    name: str, settings: AuditOptions, engine: EngineOptions, shard: str | None, out: Path, formats: list[str]
) -> int:
    """Audit the models of a list; each report is written when it is done. Returns the exit code."""
    from provcheck.auditing import audit_many, folder_names, read_list, worst
    from provcheck.engines import find_engine
    from provcheck.engines.sharding import Shard
    from provcheck.errors import UsageError
    from provcheck.pipeline import collect_checks
    from provcheck.rendering.console import make_console, print_line
    from provcheck.rendering.outputs import check_writable, write_files
    from provcheck.rendering.progress import ProgressBar
    from provcheck.rendering.summary_table import print_table_of, write_summary

    if str(out) == "-":
        raise UsageError("standard output takes one report, and --many writes many", "name a folder with --out")
    models, part = read_list(_read(name)), Shard.read(shard) if shard else None
    folders = folder_names(models)  # of the whole list: shards may write into one folder
    models = tuple(part.of(models)) if part else models
    collect_checks(settings)
    check_writable(out, formats)
    console, done = make_console(), {}
    with ProgressBar(console) as observer:
        for one in audit_many(models, settings, find_engine(engine), observer, folders):
            done[one.model] = one
            if one.report:
                write_files(one.report, out / one.folder, formats)
    rows = [done[model] for model in models]
    print_table_of(console, rows)
    print_line(console, f"summary: {', '.join(map(str, write_summary(out, rows, part.label if part else None)))}")
    return int(worst(one.exit_code for one in rows))


def _read(name: str) -> str:
    from provcheck.errors import UsageError
    from provcheck.io.text import reason
    from provcheck.io.untrusted import read_bounded

    try:
        return sys.stdin.read() if name == "-" else read_bounded(Path(name), 10_000_000).decode("utf-8-sig")
    except (OSError, ValueError) as error:
        raise UsageError(f"the list {name} cannot be read: {reason(error)}") from None
