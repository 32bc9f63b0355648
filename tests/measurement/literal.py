"""ABLE attributions and log-likelihoods written straight from their definitions: slow, float32, one sequence at a time.

It shares no code with provcheck.measurement, so that the tests compare two independent readings of the paper.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from provcheck.types import Floats, Question


def literal_words(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, question: Question, baseline: torch.Tensor | None = None
) -> Floats:
    """(options, words) attributions of one question; relative to a baseline (d,) if there is one."""
    word_of = _words(question.question)
    result = np.zeros((len(question.options), max(word_of) + 1))
    for row, option in enumerate(question.options):
        ids, spans, special = _tokens(tokenizer, question.question + " " + option)
        length = len(question.question)
        in_question = [not special[t] and spans[t][1] <= length for t in range(len(ids))]
        in_option = [not special[t] and spans[t][1] > length for t in range(len(ids))]
        attribution = _token_attributions(model, ids, in_option, 0.0 if baseline is None else baseline)
        characters = [0.0] * length
        for t in range(len(ids)):
            if in_question[t]:
                start, end = spans[t]
                for character in range(start, end):
                    characters[character] += attribution[t] / (end - start)
        for character in range(length):
            result[row, word_of[character]] += characters[character]
    return result


def literal_loglik(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, text: str) -> float:
    """Log-likelihood of a text in nats, from the second token on."""
    ids, _, _ = _tokens(tokenizer, text)
    with torch.no_grad():
        logprobs = torch.log_softmax(model(input_ids=torch.tensor([ids])).logits[0].double(), dim=-1)
    return sum(float(logprobs[t - 1, ids[t]]) for t in range(1, len(ids)))


def literal_baseline(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, questions: Sequence[Question]
) -> torch.Tensor:
    """(d,) mean input embedding of the question tokens of all options."""
    found = []
    for question in questions:
        for option in question.options:
            ids, spans, special = _tokens(tokenizer, question.question + " " + option)
            embeddings, _ = _inputs(model, ids)
            length = len(question.question)
            found += [embeddings[0, t] for t in range(len(ids)) if not special[t] and spans[t][1] <= length]
    return torch.stack(found).mean(dim=0)


def _inputs(model: PreTrainedModel, ids: list[int]) -> tuple[torch.Tensor, Any]:
    """Input embeddings; for BLOOM the normalised ones, since their length does not matter before, and the norm."""
    embeddings = model.get_input_embeddings()(torch.tensor([ids])).detach().clone()
    norm = getattr(model.base_model, "word_embeddings_layernorm", None)
    return (embeddings if norm is None else norm(embeddings).detach()), norm


def _token_attributions(
    model: PreTrainedModel, ids: list[int], in_option: list[bool], baseline: torch.Tensor | float
) -> list[float]:
    embeddings, norm = _inputs(model, ids)
    if norm is not None:
        model.base_model.word_embeddings_layernorm = torch.nn.Identity()
    embeddings = embeddings.requires_grad_()
    logprobs = torch.log_softmax(model(inputs_embeds=embeddings).logits[0], dim=-1)
    if norm is not None:
        model.base_model.word_embeddings_layernorm = norm
    total = torch.zeros(())
    for t in range(1, len(ids)):
        if in_option[t]:
            total = total + logprobs[t - 1, ids[t]]
    (gradient,) = torch.autograd.grad(total, embeddings)
    relative = embeddings.detach() - baseline
    return [float(torch.dot(relative[0, t], gradient[0, t])) for t in range(len(ids))]


def _tokens(tokenizer: PreTrainedTokenizerBase, text: str) -> tuple[list[int], list[tuple[int, int]], list[bool]]:
    encoded = tokenizer(text, return_offsets_mapping=True, return_special_tokens_mask=True)
    # A word mark that stands for no character belongs to the character where it stands.
    spans = [(start, max(end, start + 1)) for start, end in encoded["offset_mapping"]]
    return encoded["input_ids"], spans, [bool(mark) for mark in encoded["special_tokens_mask"]]


def _words(text: str) -> list[int]:
    """Word that each character belongs to; whitespace joins the word before it, at the start the first word."""
    word_of, word, before = [], -1, " "
    for character in text:
        if not character.isspace() and before.isspace():
            word += 1
        word_of.append(max(word, 0))
        before = character
    return word_of
