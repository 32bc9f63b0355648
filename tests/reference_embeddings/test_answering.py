from __future__ import annotations

import csv
import io
import math
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from provcheck.probes import load_probes
from provcheck.types import Question
from reference_embeddings.recipe.answering import Answers, answer, answer_table, answers_kept, score_table
from reference_embeddings.recipe.synthetic_tasks import ITEMS, TASKS, synthetic_questions

TEXT = {"austen": ["It is a truth universally acknowledged, that a man in possession of a fortune wants a wife."]}


def slow_answers(folder: Path, questions: tuple[Question, ...]) -> dict[str, int]:
    """One option at a time, token by token."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder).eval()
    found = {}
    for one in questions:
        a_byte: list[float] = []
        for option in one.options:
            encoded = tokenizer(f"{one.question} {option}", return_offsets_mapping=True, return_tensors="pt")
            with torch.no_grad():
                logprobs = model(encoded["input_ids"]).logits[0].log_softmax(-1)
            nats = 0.0
            for place, (_, end) in enumerate(encoded["offset_mapping"][0].tolist()):
                if place and end > len(one.question):
                    nats += float(logprobs[place - 1, encoded["input_ids"][0, place]])
            a_byte.append(nats / len(option.encode()))
        found[one.id] = int(a_byte.index(max(a_byte)) == one.answer)
    return found


def test_answers_are_those_of_the_literal_loop(tiny_folder: Path, tmp_path: Path) -> None:
    questions = (*load_probes().questions[:12], *synthetic_questions()[::30])
    found = answer(tiny_folder, questions, TEXT)
    assert found["correct"] == slow_answers(tiny_folder, questions)
    assert 0 < found["bits"]["austen"] < 20


def test_kept_answers_are_not_made_again(tmp_path: Path) -> None:
    kept = tmp_path / ".answers" / "model.json"
    kept.parent.mkdir()
    kept.write_text('{"correct": {"a": 1}, "bits": {}}')
    assert answers_kept(tmp_path / "model", (), {}) == {"correct": {"a": 1}, "bits": {}}


def test_tables_have_a_line_for_each_model_and_item() -> None:
    questions = synthetic_questions()[:3]
    a, b, c = (one.id for one in questions)
    found = {
        "zoo/one": Answers(correct={a: 1, b: 0, c: 0}, bits={"moby": 2.5}),
        "zoo/two": Answers(correct={a: 1, b: 1}, bits={"moby": 3.0}),
    }
    answers = list(csv.DictReader(io.StringIO(answer_table(found, questions).decode())))
    assert [(one["id"], one["question"], one["correct"]) for one in answers] == [
        ("zoo/one", a, "1"),
        ("zoo/one", b, "0"),
        ("zoo/two", a, "1"),
        ("zoo/two", b, "1"),
    ]
    scores = {
        (one["id"], one["task"]): float(one["score"])
        for one in csv.DictReader(io.StringIO(score_table(found, questions).decode()))
    }
    assert scores["zoo/one", "repetition"] == pytest.approx(1 / 3, abs=1e-4)
    assert scores["zoo/two", "repetition"] == 1
    assert scores["zoo/two", "bits a byte of moby"] == 3.0


@pytest.mark.parametrize("task", TASKS)
def test_a_synthetic_task_has_one_right_option_at_any_place(task: str) -> None:
    own = [one for one in synthetic_questions() if one.category == task]
    assert len(own) == ITEMS
    assert all(len(set(one.options)) == len(one.options) > one.answer >= 0 for one in own)
    counts = [sum(one.answer == place for one in own) for place in range(len(own[0].options))]
    assert min(counts) > ITEMS / len(counts) - 4 * math.sqrt(ITEMS / len(counts))


def test_synthetic_questions_repeat() -> None:
    assert synthetic_questions() == synthetic_questions()
    right = {one.id: one.options[one.answer] for one in synthetic_questions()}
    agreement = {one.id: one for one in synthetic_questions() if one.category == "agreement"}
    plural = ("men", "women", "children", "houses", "ships", "words")
    for id, one in agreement.items():
        assert (one.question.split()[1] in plural) == (right[id] in ("are", "were", "have"))
