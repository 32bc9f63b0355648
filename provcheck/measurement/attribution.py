"""ABLE's attributions (paper: sections 3.2 and 3.3): gradient x input of every question token, summed into words."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import torch

from provcheck.errors import UnsupportedModel
from provcheck.measurement.batching import Run, Stage, run_batches
from provcheck.measurement.devices import repeatable
from provcheck.measurement.encoding import EncodedOption, Ints
from provcheck.measurement.loading import Loaded
from provcheck.measurement.scoring import check_finite, embeddings_as_leaf, logprobs
from provcheck.types import Floats, Question


def attribute_words(
    loaded: Loaded, questions: Sequence[Question], encoded: Sequence[EncodedOption], run: Run
) -> list[Floats]:
    """For each question a float64 array (options, words) of attributions; zeros where the question was left out."""
    words = [word_of_character(question.question) for question in questions]
    result: list[Floats] = [
        np.zeros((len(question.options), int(word[-1]) + 1)) for question, word in zip(questions, words, strict=True)
    ]
    stage = Stage[EncodedOption](
        "attributions",
        lambda batch: attribute_tokens(loaded, batch),
        values=lambda option: len(option.ids),
        scored=lambda option: option.in_option,
        gradients=True,
    )
    for option, tokens in run_batches(stage, loaded, encoded, run):
        result[option.probe][option.option] = spread_over_words(tokens, option, words[option.probe])
    return result


def attribute_tokens(loaded: Loaded, batch: Sequence[EncodedOption]) -> Floats:
    """For each sequence (T,) float64, one after the other: inner product of each token's input embedding e_t with the
    gradient of S at e_t.

    S is the sum of log P over the tokens of the option. Source: ABLE, equation 1.
    """
    with repeatable(loaded.device), torch.enable_grad(), embeddings_as_leaf(loaded) as leaves:
        values = logprobs(loaded, batch, [option.in_option for option in batch])
        if not values.requires_grad:
            raise UnsupportedModel(
                "the model gives no gradients: its kernels are for inference only",
                "audit the model as it was before it was quantized",
            )
        (gradient,) = torch.autograd.grad(values.sum(), leaves[:1])
    products = (leaves[0].detach().float() * gradient.float()).sum(dim=-1).double().cpu().numpy()
    check_finite(values.detach().cpu().numpy(), "outputs")
    check_finite(products, "gradients")
    return np.concatenate([row[: len(option.ids)] for row, option in zip(products, batch, strict=True)])


def word_of_character(text: str) -> Ints:
    """(characters,) word that each character belongs to; whitespace joins the word before it (leading: the first)."""
    starts = np.zeros(len(text), dtype=np.int64)
    starts[[match.start() for match in re.finditer(r"\S+", text)]] = 1
    return np.maximum(np.cumsum(starts) - 1, 0)


def spread_over_words(tokens: Floats, option: EncodedOption, word: Ints) -> Floats:
    """(words,) attributions: each question token spread evenly over its characters, summed by word (equations 2, 3)."""
    inside = option.in_question
    starts, ends = option.spans[inside].T
    lengths = ends - starts
    first = np.repeat(np.cumsum(lengths) - lengths, lengths)
    characters = np.arange(lengths.sum()) - first + np.repeat(starts, lengths)
    words = np.zeros(int(word[-1]) + 1)
    np.add.at(words, word[characters], np.repeat(tokens[inside] / lengths, lengths))
    return words
