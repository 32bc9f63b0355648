"""A few tasks that small models can learn from any text, as multiple-choice questions made by a seeded generator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from provcheck.types import Question

ITEMS = 60
SEED = 20263

WORDS = (
    "river", "stone", "letter", "garden", "window", "market", "winter", "paper", "bridge", "silver",
    "captain", "morning", "village", "copper", "question", "harbour", "summer", "island", "mountain", "corner",
    "soldier", "blanket", "candle", "journey", "shadow", "basket", "meadow", "chamber", "feather", "kitchen",
)  # fmt: skip
BRACKETS = {"(": ")", "[": "]", "{": "}", "<": ">"}
RUNS = (
    ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"],
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    ["A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "O", "P"],
    [str(number) for number in range(1, 30)],
)
SUBJECTS = {"man": "men", "woman": "women", "child": "children", "house": "houses", "ship": "ships", "word": "words"}
PLACES = ("in the town", "of the country", "near the water", "from the north", "behind the hills")
SENTENCES = (
    "The people of the town came to the house",
    "There is no time to speak of it now",
    "He said that he would not go with them",
    "The first part of the book is at the end",
    "It must not be used in the same way as before",
    "We have seen the ship on the sea this morning",
)

Item = tuple[str, list[str]]
"""A question, and its options with the right one first."""


def synthetic_questions() -> tuple[Question, ...]:
    """60 questions of each task, always the same; the right option stands anywhere."""
    return tuple(one for name, make in TASKS.items() for one in _questions(name, make))


def repetition(stream: Random) -> Item:
    """A list of words is said twice: which word is next?"""
    words = stream.sample(WORDS, 7)
    place = stream.randrange(2, 6)
    wrong = stream.sample([word for word in words if word != words[place]], 3)
    return f"{' '.join(words)} . {' '.join(words[:place])}", [words[place], *wrong]


def brackets(stream: Random) -> Item:
    """Which bracket closes the one that was opened?"""
    opening, closing = stream.choice(list(BRACKETS.items()))
    inside = " ".join(stream.sample(WORDS, stream.randrange(1, 5)))
    return f"{stream.choice(WORDS)} {opening} {inside}", [
        closing,
        *(one for one in BRACKETS.values() if one != closing),
    ]


def capitals(stream: Random) -> Item:
    """After a full stop a capital, after a comma none."""
    clause = f"The {stream.choice(WORDS)} and the {stream.choice(WORDS)} were in the {stream.choice(WORDS)}"
    word = stream.choice(("the", "he", "it", "this", "there", "we"))
    return (f"{clause}.", [word.title(), word]) if stream.random() < 0.5 else (f"{clause},", [word, word.title()])


def sequences(stream: Random) -> Item:
    """What comes next in a well-known row?"""
    row = stream.choice(RUNS)
    start = stream.randrange(len(row) - 4)
    known, right = row[start : start + 4], row[start + 4]
    others = [one for one in row if one not in known and one != right] or known
    return f"{', '.join(known)},", [right, *stream.sample(others, min(3, len(others)))]


def agreement(stream: Random) -> Item:
    """Singular or plural?"""
    one, several = stream.choice(list(SUBJECTS.items()))
    right, wrong = stream.choice((("is", "are"), ("was", "were"), ("has", "have")))
    plural = stream.random() < 0.5
    question = f"The {several if plural else one} {stream.choice(PLACES)}"
    return question, [wrong, right] if plural else [right, wrong]


def order(stream: Random) -> Item:
    """The end of a sentence, or its words in other orders?"""
    words = stream.choice(SENTENCES).split()
    start = stream.randrange(1, len(words) - 4)
    end = words[start:]
    shuffled: list[list[str]] = []
    while len(shuffled) < 3:
        other = stream.sample(end, len(end))
        if other != end and other not in shuffled:
            shuffled.append(other)
    return " ".join(words[:start]), [" ".join(end), *(" ".join(other) for other in shuffled)]


TASKS: dict[str, Callable[[Random], Item]] = {
    "repetition": repetition,
    "brackets": brackets,
    "capitals": capitals,
    "sequences": sequences,
    "agreement": agreement,
    "order": order,
}


def _questions(name: str, make: Callable[[Random], Item]) -> list[Question]:
    stream = Random(f"{SEED} {name}")
    made = [make(stream) for _ in range(ITEMS)]
    return [_question(name, number, *item, stream) for number, item in enumerate(made, 1)]


def _question(name: str, number: int, question: str, options: Sequence[str], stream: Random) -> Question:
    mixed = stream.sample(options, len(options))
    return Question(
        id=f"{name}-{number:03}",
        category=name,
        subject="synthetic",
        question=question,
        options=tuple(mixed),
        answer=mixed.index(options[0]),
    )
