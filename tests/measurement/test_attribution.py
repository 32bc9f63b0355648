"""Attributions against the literal definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from provcheck.errors import BrokenModel
from provcheck.measurement.batching import Run
from provcheck.measurement.encoding import encode_questions
from provcheck.measurement.engine import attribute
from provcheck.measurement.loader import Loaded
from provcheck.measurement.scoring import attribute_tokens, mean_embedding
from provcheck.signals.able.views import words_of
from provcheck.types import ProbeSet
from tests.measurement.conftest import KINDS, Case, in_memory, in_place
from tests.measurement.running import asked, attribute_words
from tests.tiny import TokenizerKind, tiny_model


@pytest.mark.parametrize("kind", ["words", "relative"])
def test_the_fast_path_agrees_with_the_literal_one(case: Case, kind: str) -> None:
    found, expected = getattr(case, f"fast_{kind}"), getattr(case, f"slow_{kind}")
    assert len(found) >= 5
    fast = np.concatenate([words.ravel() for words in found])
    slow = np.concatenate([words.ravel() for words in expected])
    assert fast @ slow >= 0.99999 * np.linalg.norm(fast) * np.linalg.norm(slow)
    np.testing.assert_allclose(fast, slow, atol=1e-3 * np.abs(slow).max())


def test_every_question_by_itself_agrees_too(case: Case) -> None:
    for fast, slow in zip(case.fast_words, case.slow_words, strict=True):
        assert (fast * slow).sum() >= 0.99999 * np.linalg.norm(fast) * np.linalg.norm(slow) > 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bos", [True, False])
def test_words_sum_to_the_tokens_inside_the_question(kind: TokenizerKind, bos: bool, probes: ProbeSet) -> None:
    loaded = in_memory("llama", kind, bos)
    options, _ = encode_questions(loaded.tokenizer, asked(probes), None)
    for option in options:
        ((_, found),) = attribute(loaded, [option], Run())
        both = attribute_tokens(loaded, [option], mean_embedding(loaded, [option])).reshape(2, -1)
        assert found.values.tobytes() == both[0, option.in_question].tobytes()
        assert found.relative.tobytes() == both[1, option.in_question].tobytes()
        assert found.spans.tobytes() == option.spans[option.in_question].tobytes()
        (words,) = words_of(probes.questions[option.probe].question, [(found.spans, found.values)])
        assert words.sum() == pytest.approx(found.values.sum(), abs=1e-12 * np.abs(found.values).sum())


def test_left_out_questions_are_zero_and_keep_their_shape(loaded: Loaded, probes: ProbeSet) -> None:
    options, _ = encode_questions(loaded.tokenizer, asked(probes), limit=40)
    measured = {option.probe for option in options}
    assert 0 < len(measured) < len(probes.questions)
    words = attribute_words(loaded, probes.questions, options, Run())
    for place, (question, block) in enumerate(zip(probes.questions, words, strict=True)):
        assert block.shape == (len(question.options), len(question.question.split()))
        assert block.any(axis=1).all() == (place in measured)


def test_broken_weights_are_told(probes: ProbeSet) -> None:
    model = tiny_model()
    model.model.layers[0].mlp.down_proj.weight[0, 0] = float("nan")
    broken = in_place(model)
    options, _ = encode_questions(broken.tokenizer, asked(probes), None)
    with pytest.raises(BrokenModel, match="NaN or Inf"):
        attribute_words(broken, probes.questions, options, Run())


def test_nan_only_in_gradients_is_told(probes: ProbeSet) -> None:
    """sqrt(0) is 0, its gradient is infinite, and Inf x 0 is NaN."""

    def kink(_module: torch.nn.Module, _args: object, output: torch.Tensor) -> torch.Tensor:
        return output + (output - output.detach()).sqrt()

    model = tiny_model()
    model.model.norm.register_forward_hook(kink)
    broken = in_place(model)
    options, _ = encode_questions(broken.tokenizer, asked(probes), None)
    with pytest.raises(BrokenModel, match="gradients contain NaN or Inf"):
        attribute_words(broken, probes.questions, options, Run())
