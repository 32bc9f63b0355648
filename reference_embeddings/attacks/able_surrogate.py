"""ABLE's contrast view as a differentiable function of the weights: attributions come from a backward pass, and descent
on them takes a second one through it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from provcheck.measurement.encoding import EncodedOption, encode_questions
from provcheck.signals.able.views import word_of_character
from provcheck.types import Question
from reference_embeddings.recipe.folder import Model

Contrasts = dict[int, torch.Tensor]
"""By the number of a question: (options, words) contrast of its attributions, at unit length."""


class AbleView:
    """What a model's tokenizer makes of the questions, and its contrasts for the weights as they are now."""

    def __init__(self, model: Model, questions: Sequence[Question]) -> None:
        limit = getattr(model.network.config, "max_position_embeddings", None)
        encoded, _ = encode_questions(model.tokenizer, [(one.question, one.options) for one in questions], limit)
        self._network = model.network
        self._options: dict[int, list[EncodedOption]] = {}
        for option in encoded:
            self._options.setdefault(option.probe, []).append(option)
        self._spreads = {
            number: [_spread(option, word_of_character(questions[number].question)) for option in options]
            for number, options in self._options.items()
        }
        self.numbers = sorted(self._options)
        self._counts = self._token_shares(encoded)

    def contrasts(self, numbers: Sequence[int], *, differentiable: bool = False) -> Contrasts:
        """Of these questions; all of one batch. With `differentiable` gradients reach the weights."""
        options = [option for number in numbers for option in self._options[number]]
        ids, scored = _padded(options)
        table = self._network.get_input_embeddings()
        embedded = table(ids)
        if not embedded.requires_grad:
            embedded.requires_grad_()
        body = getattr(self._network, self._network.base_model_prefix)
        hidden = body(inputs_embeds=embedded, use_cache=False).last_hidden_state[:, :-1][scored[:, 1:]]
        logits = self._network.get_output_embeddings()(hidden)
        chosen = logits.log_softmax(-1).gather(1, ids[:, 1:][scored[:, 1:]][:, None])
        (gradient,) = torch.autograd.grad(chosen.sum(), embedded, create_graph=differentiable)
        baseline = self._counts @ table(torch.arange(table.num_embeddings))
        products = ((embedded - baseline) * gradient).sum(-1)
        found, row = {}, 0
        for number in numbers:
            spreads = self._spreads[number]
            words = torch.stack([one @ products[row + n, : one.shape[1]] for n, one in enumerate(spreads)])
            row += len(spreads)
            centred = words - words.mean(0)
            found[number] = centred / centred.norm().clamp_min(1e-12)
        return found if differentiable else {number: one.detach() for number, one in found.items()}

    def all_contrasts(self) -> Contrasts:
        """Of all questions, without gradients to the weights."""
        found: Contrasts = {}
        for start in range(0, len(self.numbers), 8):
            found |= self.contrasts(self.numbers[start : start + 8])
        return found

    def _token_shares(self, options: Sequence[EncodedOption]) -> torch.Tensor:
        """(V,) how often each token occurs in the questions: the weights of the baseline."""
        table: Any = self._network.get_input_embeddings()
        places = np.concatenate([option.ids[option.in_question] for option in options])
        counts = np.bincount(places, minlength=table.num_embeddings)
        return torch.from_numpy(counts / counts.sum()).float()


def likeness(own: Contrasts, target: Contrasts) -> torch.Tensor:
    """Mean cosine of the questions that both have: 1 less the contrast distance on them."""
    return torch.stack([(one * target[number]).sum() for number, one in own.items() if number in target]).mean()


def _spread(option: EncodedOption, word: np.ndarray) -> torch.Tensor:
    """(words, T) share of each question token's attribution that each word gets."""
    matrix = np.zeros((int(word[-1]) + 1, len(option.ids)), dtype=np.float32)
    for token in np.flatnonzero(option.in_question):
        start, end = option.spans[token]
        np.add.at(matrix[:, token], word[start:end], 1 / (end - start))
    return torch.from_numpy(matrix)


def _padded(options: Sequence[EncodedOption]) -> tuple[torch.Tensor, torch.Tensor]:
    """(N, T) ids, padded on the right, and which of them are scored."""
    width = max(len(option.ids) for option in options)
    ids, scored = (torch.zeros(len(options), width, dtype=kind) for kind in (torch.long, torch.bool))
    for row, option in enumerate(options):
        ids[row, : len(option.ids)] = torch.from_numpy(option.ids)
        scored[row, : len(option.ids)] = torch.from_numpy(option.in_option)
    return ids, scored
