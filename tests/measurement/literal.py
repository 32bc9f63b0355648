"""ABLE attributions and log-likelihoods written straight from their definitions: slow, float32, one sequence at a time.

It shares no code with provcheck.measurement, so that the tests compare two independent readings of the paper.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from provcheck.types import Floats, Question


def literal_words(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, question: Question) -> Floats:
    """(options, words) attributions of one question."""
    word_of = _words(question.question)
    result = np.zeros((len(question.options), max(word_of) + 1))
    for row, option in enumerate(question.options):
        ids, spans, special = _tokens(tokenizer, question.question + " " + option)
        length = len(question.question)
        in_question = [not special[t] and spans[t][1] <= length for t in range(len(ids))]
        in_option = [not special[t] and spans[t][1] > length for t in range(len(ids))]
        attribution = _token_attributions(model, ids, in_option)
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


def _token_attributions(model: PreTrainedModel, ids: list[int], in_option: list[bool]) -> list[float]:
    embeddings = model.get_input_embeddings()(torch.tensor([ids])).detach().clone()
    norm = getattr(model.base_model, "word_embeddings_layernorm", None)
    if norm is not None:  # BLOOM: the normalised embedding is the input; its length does not matter before
        embeddings = norm(embeddings)
        model.base_model.word_embeddings_layernorm = torch.nn.Identity()
    embeddings = embeddings.detach().requires_grad_()
    logprobs = torch.log_softmax(model(inputs_embeds=embeddings).logits[0], dim=-1)
    if norm is not None:
        model.base_model.word_embeddings_layernorm = norm
    total = torch.zeros(())
    for t in range(1, len(ids)):
        if in_option[t]:
            total = total + logprobs[t - 1, ids[t]]
    (gradient,) = torch.autograd.grad(total, embeddings)
    return [float(torch.dot(embeddings[0, t].detach(), gradient[0, t])) for t in range(len(ids))]


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
