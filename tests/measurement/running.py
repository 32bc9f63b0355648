"""What a running model gives, as arrays that tests can compare."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from provcheck.measurement.batching import Run
from provcheck.measurement.encoding import Encoded, EncodedOption
from provcheck.measurement.engine import attribute, score
from provcheck.measurement.loader import Loaded
from provcheck.signals.able.views import word_of_character, words_of
from provcheck.types import Floats, ProbeSet, Question, TokenAttributions


def asked(probes: ProbeSet) -> list[tuple[str, tuple[str, ...]]]:
    """The questions as a signal asks for them."""
    return [(question.question, question.options) for question in probes.questions]


def texts_of(probes: ProbeSet) -> list[str]:
    return [text.text for text in probes.texts]


def attribute_words(
    loaded: Loaded,
    questions: Sequence[Question],
    options: Sequence[EncodedOption],
    run: Run,
    of: Callable[[TokenAttributions], Floats] = lambda tokens: tokens.values,
) -> list[Floats]:
    """For each question (options, words) attributions; zeros where it was left out."""
    found: dict[int, dict[int, TokenAttributions]] = {}
    for option, tokens in attribute(loaded, options, run):
        found.setdefault(option.probe, {})[option.option] = tokens
    return [
        words_of(
            question.question,
            [(found[place][row].spans, of(found[place][row])) for row in range(len(question.options))],
        )
        if place in found
        else np.zeros((len(question.options), int(word_of_character(question.question)[-1]) + 1))
        for place, question in enumerate(questions)
    ]


def loglikelihoods(loaded: Loaded, texts: Sequence[Encoded], total: int, run: Run) -> Floats:
    """(total,) log-likelihood of each text in nats; NaN where it was left out."""
    result = np.full(total, np.nan)
    for text, values in score(loaded, texts, run):
        result[text.probe] = values.sum()
    return result
