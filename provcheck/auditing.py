"""Audit many models: one report each, and what became of those that could not be audited."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import TypeAdapter

from provcheck.engines import Engine, Fault, Task
from provcheck.engines.sizing import weight_bytes
from provcheck.errors import UsageError
from provcheck.io.untrusted import existing_folder
from provcheck.io.writing import json_text
from provcheck.measuring import for_workers
from provcheck.observer import Observer
from provcheck.pipeline import AuditOptions, audit
from provcheck.report_file import read_report
from provcheck.types import ExitCode, Report

SEVERITY = (ExitCode.OK, ExitCode.NO_CHECKS, ExitCode.CHECK_FAILED, ExitCode.USAGE_ERROR, ExitCode.INTERNAL_ERROR)
"""Exit codes, the worst last: of many audits the worst counts."""

LONGEST = 80
"""Characters of a folder's name."""


@dataclass(frozen=True)
class AuditRequest:
    """What a task to audit one model says."""

    model: str
    options: AuditOptions


@dataclass(frozen=True)
class Audited:
    """One model of a list, as the list names it: the report, or why there is none. `folder`: a name for its files."""

    model: str
    folder: str
    report: Report | None = None
    fault: Fault | None = None

    @property
    def exit_code(self) -> ExitCode:
        """That of an audit of this model alone."""
        return ExitCode(self.fault.exit_code) if self.fault else self.report.exit_code if self.report else ExitCode.OK


_REQUEST = TypeAdapter(AuditRequest)


def read_list(text: str) -> tuple[str, ...]:
    """The models of a list, one a line, each once; `#` begins a comment. Raises UsageError where there are none."""
    lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in text.splitlines())
    models = tuple(dict.fromkeys(line for line in lines if line))
    if not models:
        raise UsageError("the list names no model", "write a Hub id or a folder on each line; # begins a comment")
    return models


def audit_many(
    models: Sequence[str], options: AuditOptions, engine: Engine, observe: Observer, folders: dict[str, str]
) -> Iterator[Audited]:
    """Audit these models, one task each; `folders` are names for their files. As they are done, in any order."""
    options = replace(
        options,
        bank=_absolute(options.bank),
        policy=_absolute(options.policy),
        model=for_workers(options.model),
        references=tuple(map(_absolute, options.references)),
    )
    work = f"{__name__}:{audit_one.__name__}"
    requests = {one: _REQUEST.dump_json(AuditRequest(_absolute(one), options)) for one in models}
    tasks = [Task(one, work, request, weight_bytes(one)) for one, request in requests.items()]
    for done in engine.run(tasks, observe):
        report = None if done.fault else _read(done.content)
        yield Audited(done.task.id, folders[done.task.id], report, done.fault)


def audit_one(request: bytes, observe: Observer) -> bytes:
    """A task of `audit_many`: the content of report.json. Raises ProvcheckError."""
    asked = _REQUEST.validate_json(request)
    report = audit(asked.model, asked.options, observe)
    return json_text(report.model_dump(mode="json")).encode()


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """The exit code of many audits."""
    return max(codes, key=SEVERITY.index)


def folder_names(models: Sequence[str]) -> dict[str, str]:
    """A safe name for each; names that would be the same, letter case apart, end in a digest of the whole name."""
    safe = {one: re.sub(r"[^A-Za-z0-9._-]+", "-", one).strip("-.")[-LONGEST:].strip("-.") or "model" for one in models}
    uses = Counter(name.lower() for name in safe.values())
    return {
        one: name if uses[name.lower()] == 1 else f"{name}-{hashlib.sha256(one.encode()).hexdigest()[:12]}"
        for one, name in safe.items()
    }


def _absolute(name: str) -> str:
    """What lies on this machine, as a worker in another folder finds it."""
    path = Path(name)
    return str(path.absolute()) if existing_folder(name) or path.is_file() else name


def _read(content: bytes) -> Report:
    with TemporaryDirectory(prefix="provcheck-") as folder:
        path = Path(folder) / "report.json"
        path.write_bytes(content)
        return read_report(path)
