"""Probe sets: the shipped ones as they are, digests, and folders of users."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provcheck import probes as module
from provcheck.errors import ProbeError
from provcheck.probes import MAX_LINE_BYTES, digest, load_probes, probe_set, quick_subset
from provcheck.types import ProbeSet, Question, Text
from tests.tiny import save_probes, tiny_probes

CATEGORIES = {"commonsense", "continuation", "coreference", "expert", "knowledge", "science"}


def test_the_shipped_probes_never_change() -> None:
    """Whoever changes them makes every bank useless: give the new set a new name instead."""
    probes = load_probes()
    assert probes.name == "provcheck-v1"
    assert probes.digest == "30f2d9066c9ba9357d509c3fe028d608ffe61d41a0214ee6b9862a5d037a3f1e"
    assert Counter(question.category for question in probes.questions) == dict.fromkeys(CATEGORIES, 80)
    assert len(probes.texts) == 524
    assert len({text.domain for text in probes.texts}) == 29


def test_quick_is_a_fixed_eighth_of_every_stratum() -> None:
    probes, quick = load_probes(), load_probes("quick")
    assert quick.name == "provcheck-v1-quick"
    assert quick.digest == "ba154d1d8e4e09047a00d3f190117d8b9be946c7c0a9539f4e8d7e630fe4d9ec" != probes.digest
    assert Counter(question.category for question in quick.questions) == dict.fromkeys(CATEGORIES, 10)
    assert len(quick.texts) == 66
    domains = Counter(text.domain for text in probes.texts)
    for domain, count in Counter(text.domain for text in quick.texts).items():
        assert abs(count - max(1, domains.pop(domain) / 8)) <= 0.5
    assert not domains
    places = [probes.questions.index(question) for question in quick.questions]
    assert places == sorted(set(places))


def test_quick_keeps_at_least_one_of_each() -> None:
    probes = tiny_probes()
    quick = quick_subset(probes)
    assert {question.category for question in quick.questions} == {question.category for question in probes.questions}
    assert {text.domain for text in quick.texts} == {text.domain for text in probes.texts}


words = st.text(min_size=1, max_size=12)
questions = st.builds(
    Question,
    id=st.just("q"),
    category=words,
    subject=words,
    question=words,
    options=st.lists(words, min_size=2, max_size=4).map(tuple),
    answer=st.integers(0, 1),
)
texts = st.builds(Text, id=st.just("t"), domain=words, text=words)


@st.composite
def probe_lists(draw: st.DrawFn) -> tuple[list[Question], list[Text]]:
    first = [q.model_copy(update={"id": f"q{n}"}) for n, q in enumerate(draw(st.lists(questions, min_size=1)))]
    second = [t.model_copy(update={"id": f"t{n}"}) for n, t in enumerate(draw(st.lists(texts, min_size=1)))]
    return first, second


@given(probe_lists(), st.data())
def test_any_other_content_has_another_digest(probes: tuple[list[Question], list[Text]], data: st.DataObject) -> None:
    first, second = probes
    before = digest(first, second)
    assert digest(list(first), list(second)) == before
    place = data.draw(st.integers(0, len(first) - 1))
    field = data.draw(st.sampled_from(["id", "category", "subject", "question", "options", "answer"]))
    value = {"options": (*first[place].options, "x"), "answer": 1 - first[place].answer}.get(field, "other than before")
    changed = [*first[:place], first[place].model_copy(update={field: value}), *first[place + 1 :]]
    assert digest(changed, second) != before
    place = data.draw(st.integers(0, len(second) - 1))
    longer = second[place].model_copy(update={"text": second[place].text + data.draw(words)})
    assert digest(first, [*second[:place], longer, *second[place + 1 :]]) != before
    assert digest(first[1:], second) != before


@given(probe_lists(), st.randoms())
def test_another_order_has_another_digest(probes: tuple[list[Question], list[Text]], random: Any) -> None:
    first, second = probes
    for shuffled in (random.sample(first, len(first)), random.sample(second, len(second))):
        pair = (shuffled, second) if shuffled[0] in first else (first, shuffled)
        assert (digest(*pair) == digest(first, second)) == (pair == (first, second))


def test_option_boundaries_count() -> None:
    def with_options(*options: str) -> str:
        question = tiny_probes().questions[0].model_copy(update={"options": options})
        return digest([question], tiny_probes().texts)

    assert with_options("a", "b c") != with_options("a b", "c")


def test_a_folder_of_ones_own(tmp_path: Path) -> None:
    folder = save_probes(tmp_path / "mine", tiny_probes())
    probes = load_probes(str(folder))
    assert probes.name == "mine"
    assert (probes.questions, probes.texts) == (tiny_probes().questions, tiny_probes().texts)
    assert probes.digest == tiny_probes().digest


def test_the_name_of_the_current_folder_is_not_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(save_probes(tmp_path / "mine", tiny_probes()))
    assert load_probes(".").name == "mine"


def test_an_unknown_name_says_what_there_is() -> None:
    with pytest.raises(ProbeError, match="unknown probe set 'nonsense'") as caught:
        load_probes("nonsense")
    assert "quick" in caught.value.hint


@pytest.mark.parametrize("name", ["questions.jsonl", "texts.jsonl"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    folder = save_probes(tmp_path, tiny_probes())
    (folder / name).unlink()
    with pytest.raises(ProbeError, match=name):
        load_probes(str(folder))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 3: Invalid JSON"),
        ("", "line 3"),
        ("[]", "line 3"),
        ("\udcff", "line 3"),
        ('{"id": "x", "domain": "d"}', "line 3: text"),
        ('{"id": "x", "domain": "d", "text": ""}', "line 3: text"),
        ('{"id": "X y", "domain": "d", "text": "t"}', "line 3: id"),
        ('{"id": "x", "domain": "d", "text": "t", "more": 1}', "line 3: more"),
        ('{"id": "x", "domain": "d", "text": 5}', "line 3: text"),
    ],
)
def test_a_bad_line_is_told_with_its_number(tmp_path: Path, line: str, message: str) -> None:
    folder = save_probes(tmp_path, tiny_probes())
    lines = (folder / "texts.jsonl").read_text(encoding="utf-8").splitlines()
    content = "\n".join([*lines[:2], line, *lines[2:]]).encode("utf-8", "surrogateescape")
    (folder / "texts.jsonl").write_bytes(content)
    with pytest.raises(ProbeError, match=rf"texts\.jsonl, {message}"):
        load_probes(str(folder))


@pytest.mark.parametrize("answer", [-1, 4])
def test_an_answer_out_of_range_is_told(tmp_path: Path, answer: int) -> None:
    folder = _with_question(tmp_path, answer=answer)
    with pytest.raises(ProbeError, match=f"'sky'.*answer {answer} is out of range"):
        load_probes(str(folder))


def test_one_option_is_no_choice(tmp_path: Path) -> None:
    with pytest.raises(ProbeError, match=r"questions\.jsonl, line 1: options"):
        load_probes(str(_with_question(tmp_path, options=["blue"])))


@pytest.mark.parametrize("other", ["spacing", "english-0"])
def test_an_id_twice_is_told(tmp_path: Path, other: str) -> None:
    with pytest.raises(ProbeError, match=f"'{other}' twice"):
        load_probes(str(_with_question(tmp_path, id=other)))


@pytest.mark.parametrize("name", ["questions.jsonl", "texts.jsonl"])
def test_an_empty_file_is_told(tmp_path: Path, name: str) -> None:
    folder = save_probes(tmp_path, tiny_probes())
    (folder / name).write_text("")
    with pytest.raises(ProbeError, match="at least one question and one text"):
        load_probes(str(folder))


def test_an_oversized_line_is_not_read(tmp_path: Path) -> None:
    folder = save_probes(tmp_path, tiny_probes())
    with (folder / "texts.jsonl").open("a") as file:
        file.write(json.dumps({"id": "big", "domain": "d", "text": "x" * MAX_LINE_BYTES}) + "\n")
    with pytest.raises(ProbeError, match=r"texts\.jsonl, line 13 is longer than 1 MB"):
        load_probes(str(folder))


def test_too_many_probes_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PROBES", 10)
    with pytest.raises(ProbeError, match=r"texts\.jsonl has more than 10 probes"):
        load_probes(str(save_probes(tmp_path, tiny_probes())))


def test_a_repeated_id_among_many_is_found_at_once() -> None:
    many = [Text(id=f"t{number}", domain="d", text="x") for number in range(20_000)]
    started = time.perf_counter()
    with pytest.raises(ProbeError, match="'t7' twice"):
        probe_set("many", tiny_probes().questions, [*many, many[7]])
    assert time.perf_counter() - started < 1


def _with_question(folder: Path, **changes: object) -> Path:
    probes: ProbeSet = tiny_probes()
    save_probes(folder, probes)
    lines = (folder / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    lines[0] = json.dumps(json.loads(lines[0]) | changes)
    (folder / "questions.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return folder
