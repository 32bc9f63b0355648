"""Tiny models in memory, and their measurement by the fast and by the literal path."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import pytest
import torch

from provcheck.measurement.batching import Run
from provcheck.measurement.encoding import encode_questions, encode_texts
from provcheck.measurement.loader import Loaded
from tests.measurement.literal import literal_baseline, literal_loglik, literal_words
from tests.measurement.running import asked, attribute_words, loglikelihoods, texts_of
from tests.tiny import ARCHITECTURES, TokenizerKind, tiny_model, tiny_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from provcheck.types import Floats, ProbeSet

SMALL_BATCH = 150
"""Tokens; gives several batches, and rows of different lengths within them."""

KINDS: tuple[TokenizerKind, ...] = ("byte-bpe", "unigram", "wordpiece")

CASES: list[tuple[str, TokenizerKind, bool]] = [
    (architecture, KINDS[place % 3], place % 2 == 0) for place, architecture in enumerate(ARCHITECTURES)
]
CASES += [("llama", kind, bos) for kind in KINDS for bos in (True, False) if ("llama", kind, bos) not in CASES]


@dataclass(frozen=True)
class Case:
    """A model and what both paths measure of it, for the probes that its tokenizer can express."""

    loaded: Loaded
    probes: ProbeSet
    fast_words: list[Floats]
    slow_words: list[Floats]
    fast_relative: list[Floats]
    slow_relative: list[Floats]
    fast_loglik: Floats
    slow_loglik: list[float]


@cache
def in_memory(architecture: str = "llama", kind: TokenizerKind = "byte-bpe", bos: bool = True) -> Loaded:
    """A tiny model as `load` gives it; tests must not change it."""
    return in_place(tiny_model(architecture), kind, bos)


def in_place(model: PreTrainedModel, kind: TokenizerKind = "byte-bpe", bos: bool = True) -> Loaded:
    """A model that a test made or changed, as `load` would give it."""
    return Loaded(model, tiny_tokenizer(kind, bos=bos), torch.device("cpu"), torch.float32)


@pytest.fixture(scope="session")
def loaded() -> Loaded:
    """A tiny llama with byte-level BPE."""
    return in_memory()


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{case[0]}-{case[1]}-{'bos' if case[2] else 'no_bos'}")
def case(request: pytest.FixtureRequest, probes: ProbeSet) -> Case:
    """Every architecture with one tokenizer, and every tokenizer for one architecture."""
    loaded = in_memory(*request.param)
    model, tokenizer = loaded.model, loaded.tokenizer
    options, _ = encode_questions(tokenizer, asked(probes), None)
    texts, _ = encode_texts(tokenizer, texts_of(probes), None)
    kept = sorted({option.probe for option in options})
    fast_words = attribute_words(loaded, probes.questions, options, Run(SMALL_BATCH))
    fast_relative = attribute_words(loaded, probes.questions, options, Run(SMALL_BATCH), lambda one: one.relative)
    baseline = literal_baseline(model, tokenizer, [probes.questions[place] for place in kept])
    fast_loglik = loglikelihoods(loaded, texts, len(probes.texts), Run(SMALL_BATCH))
    return Case(
        loaded,
        probes,
        [fast_words[place] for place in kept],
        [literal_words(model, tokenizer, probes.questions[place]) for place in kept],
        [fast_relative[place] for place in kept],
        [literal_words(model, tokenizer, probes.questions[place], baseline) for place in kept],
        fast_loglik[[text.probe for text in texts]],
        [literal_loglik(model, tokenizer, probes.texts[text.probe].text) for text in texts],
    )
