"""What the zoo's models answer, for the studies `routing` and `scores`: the models do not ship, their answers do.

A question counts as answered rightly when the right option has the highest log-likelihood a byte, as in the field's
harnesses (accuracy normalised by bytes).
"""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypedDict, cast

import numpy as np

from provcheck.io.writing import write_whole
from provcheck.measurement.batching import Run, Stage, run_batches
from provcheck.measurement.encoding import EncodedOption, encode_questions, encode_texts
from provcheck.measurement.engine import score
from provcheck.measurement.loader import Loaded, load
from provcheck.measurement.scoring import check_finite, logprobs
from provcheck.targets.local import LocalTarget, find
from provcheck.targets.target import FindOptions
from provcheck.types import Floats, Question

HeldOut = dict[str, list[str]]
"""By corpus: pieces of text that no model was trained on."""


class Answers(TypedDict):
    """1 or 0 by question, none for one that was left out; and bits a byte by corpus."""

    correct: dict[str, int]
    bits: dict[str, float]


def answers_kept(folder: Path, questions: Sequence[Question], held_out: HeldOut) -> Answers:
    """The answers of an earlier run, which lie beside the model's folder, or new ones."""
    kept = folder.parent / ".answers" / f"{folder.name}.json"
    if not kept.exists():
        kept.parent.mkdir(exist_ok=True)
        write_whole(kept, json.dumps(answer(folder, questions, held_out)).encode())
    return cast("Answers", json.loads(kept.read_text(encoding="utf-8")))


def answer(folder: Path, questions: Sequence[Question], held_out: HeldOut) -> Answers:
    """What a model folder gives, on one CPU thread or several: the numbers do not depend on it."""
    files = cast("LocalTarget", find(str(folder), FindOptions(offline=True))).files
    loaded, limit = load(files, "cpu", "float32"), files.subject.context_length
    return {
        "correct": _right(loaded, questions, limit),
        "bits": {corpus: round(_bits(loaded, texts, limit), 5) for corpus, texts in held_out.items()},
    }


def answer_table(found: dict[str, Answers], questions: Sequence[Question]) -> bytes:
    """CSV: id, question, correct; of the questions that no model left out."""
    common = [one.id for one in questions if all(one.id in answers["correct"] for answers in found.values())]
    rows = ((id, one, answers["correct"][one]) for id, answers in found.items() for one in common)
    return _csv(("id", "question", "correct"), rows)


def score_table(found: dict[str, Answers], questions: Sequence[Question]) -> bytes:
    """CSV: id, task, score; the accuracy on each category of questions, and the bits a byte of each corpus."""
    groups = defaultdict(list)
    for one in questions:
        groups[one.category].append(one.id)
    rows = []
    for id, answers in found.items():
        for category, ids in groups.items():
            known = [answers["correct"][one] for one in ids if one in answers["correct"]]
            rows.append((id, category, round(float(np.mean(known)), 5)))
        rows += [(id, f"bits a byte of {corpus}", bits) for corpus, bits in answers["bits"].items()]
    return _csv(("id", "task", "score"), rows)


def _right(loaded: Loaded, questions: Sequence[Question], limit: int | None) -> dict[str, int]:
    options, left_out = encode_questions(loaded.tokenizer, [(one.question, one.options) for one in questions], limit)
    nats = {(one.probe, one.option): value for one, value in _score_options(loaded, options)}
    found = {}
    for place, one in enumerate(questions):
        if place not in left_out:
            a_byte = [nats[place, option] / len(text.encode()) for option, text in enumerate(one.options)]
            found[one.id] = int(int(np.argmax(a_byte)) == one.answer)
    return found


def _score_options(loaded: Loaded, options: Sequence[EncodedOption]) -> Iterable[tuple[EncodedOption, float]]:
    """The log-likelihood in nats of each option, given its question."""

    def compute(batch: list[EncodedOption]) -> Floats:
        scored = [option.in_option for option in batch]
        values = logprobs(loaded, batch, scored).detach().double().cpu().numpy()
        check_finite(values, "outputs")
        starts = np.cumsum([0, *(int(one.sum()) for one in scored[:-1])])
        return np.asarray(np.add.reduceat(values, starts))

    stage = Stage[EncodedOption](
        "answers", compute, values=lambda _: 1, scored=lambda one: one.in_option, gradients=False
    )
    for option, (nats,) in run_batches(stage, loaded, options, Run()):
        yield option, float(nats)


def _bits(loaded: Loaded, texts: Sequence[str], limit: int | None) -> float:
    """Bits a byte of some texts; a text that is left out does not count."""
    kept, _ = encode_texts(loaded.tokenizer, texts, limit)
    nats = sum(float(values.sum()) for _, values in score(loaded, kept, Run()))
    return float(-nats / sum(len(texts[one.probe].encode()) for one in kept) / np.log(2))


def _csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue().encode()
