"""Probe sets: the fixed questions and texts that every model is measured on."""

from __future__ import annotations

import hashlib
import json
import os
from codecs import BOM_UTF8
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from provcheck.errors import ProbeError
from provcheck.io.spelling import did_you_mean
from provcheck.io.text import clean, reason
from provcheck.io.untrusted import existing_folder, first_fault, is_file, read_bounded
from provcheck.types import ProbeSet, Question, StrPath, Text

DEFAULT_PROBES = "provcheck-v1"
QUICK_PROBES = "quick"
SHIPPED_QUICK = (QUICK_PROBES, f"{DEFAULT_PROBES}-{QUICK_PROBES}")
QUICK_ONE_IN = 8
MAX_LINE_BYTES = 1_000_000
MAX_FILE_BYTES = 100_000_000
MAX_PROBES = 100_000

P = TypeVar("P", Question, Text)


def load_probes(name: StrPath = DEFAULT_PROBES) -> ProbeSet:
    """Load `provcheck-v1`, its 1-in-8 subset `quick`, or a folder with questions.jsonl and texts.jsonl.

    Raises ProbeError for an unknown name or a file that does not follow the schema.
    """
    name = os.fspath(name)
    shipped = Path(__file__).parent / "probesets" / DEFAULT_PROBES
    if name == DEFAULT_PROBES:
        return read_probes(shipped, name)
    if name in SHIPPED_QUICK:
        return quick_subset(read_probes(shipped, DEFAULT_PROBES))
    folder = existing_folder(name)
    if folder is None:
        raise ProbeError(
            f"unknown probe set '{name}'{did_you_mean(name, (DEFAULT_PROBES, QUICK_PROBES))}",
            f"use '{DEFAULT_PROBES}', '{QUICK_PROBES}' or a folder of your own",
        )
    return read_probes(folder, clean(folder.resolve().name) or "folder")


def from_anywhere(name: str) -> str:
    """The same probe set for a process that runs in another folder."""
    folder = None if name in (DEFAULT_PROBES, *SHIPPED_QUICK) else existing_folder(name)
    return name if folder is None else str(folder.absolute())


def read_probes(folder: Path, name: str) -> ProbeSet:
    """Read a folder in the schema of `provcheck-v1` (one JSON object per line)."""
    questions = tuple(_read_lines(folder / "questions.jsonl", Question))
    texts = tuple(_read_lines(folder / "texts.jsonl", Text))
    for question in questions:
        if not 0 <= question.answer < len(question.options):
            raise ProbeError(f"question '{question.id}' in {folder.name}: answer {question.answer} is out of range")
    return probe_set(name, questions, texts)


def probe_set(name: str, questions: Sequence[Question], texts: Sequence[Text]) -> ProbeSet:
    """A probe set with its digest; raises ProbeError when it is empty or an id occurs twice."""
    if not questions or not texts:
        raise ProbeError(f"probe set '{name}' needs at least one question and one text")
    ids = Counter([*(question.id for question in questions), *(text.id for text in texts)])
    most_used, uses = ids.most_common(1)[0]
    if uses > 1:
        raise ProbeError(f"probe set '{name}' uses the id '{most_used}' twice")
    return ProbeSet(name, digest(questions, texts), tuple(questions), tuple(texts))


def digest(questions: Sequence[Question], texts: Sequence[Text]) -> str:
    """sha256 (hex) over the content and the order of all questions, then of all texts."""
    sha = hashlib.sha256()
    for probe in (*questions, *texts):
        line = json.dumps(probe.model_dump(mode="json"), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        sha.update(line.encode() + b"\n")
    return sha.hexdigest()


def quick_subset(probes: ProbeSet) -> ProbeSet:
    """A fixed 1-in-8 subset: an eighth of every category and every domain, at least one each, evenly spaced."""
    questions = _stratified(probes.questions, lambda question: question.category)
    texts = _stratified(probes.texts, lambda text: text.domain)
    return probe_set(f"{probes.name}-{QUICK_PROBES}", questions, texts)


def _stratified(probes: Sequence[P], stratum: Callable[[P], str]) -> list[P]:
    places: dict[str, list[int]] = defaultdict(list)
    for place, probe in enumerate(probes):
        places[stratum(probe)].append(place)
    chosen: list[int] = []
    for members in places.values():
        size = max(1, round(len(members) / QUICK_ONE_IN))
        chosen += [members[int((k + 0.5) * len(members) / size)] for k in range(size)]
    return [probes[place] for place in sorted(chosen)]


def _read_lines(path: Path, kind: type[P]) -> Iterator[P]:
    if not is_file(path):
        raise ProbeError(f"probe file not found: {path}", "a probe folder holds questions.jsonl and texts.jsonl")
    try:
        lines = read_bounded(path, MAX_FILE_BYTES).removeprefix(BOM_UTF8).splitlines()
    except OSError as error:
        raise ProbeError(f"{path.name} cannot be read: {reason(error)}") from None
    if len(lines) > MAX_PROBES:
        raise ProbeError(f"{path.name} has more than {MAX_PROBES} probes")
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_LINE_BYTES:
            raise ProbeError(f"{path.name}, line {number} is longer than {MAX_LINE_BYTES // 1_000_000} MB")
        try:
            yield kind.model_validate_json(line)
        except ValidationError as error:
            raise ProbeError(f"{path.name}, line {number}: {first_fault(error)}") from None
