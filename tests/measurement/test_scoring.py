"""Log-likelihoods against the literal definition, and broken outputs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from provcheck.errors import BrokenModel, UnsupportedModel
from provcheck.measurement.batching import Run
from provcheck.measurement.encoding import Encoded, encode_texts
from provcheck.measurement.loader import Loaded
from provcheck.measurement.scoring import embeddings_as_leaf, logprobs
from provcheck.observer import Silent
from provcheck.types import ProbeSet
from tests.measurement.conftest import Case, in_place
from tests.measurement.running import loglikelihoods, texts_of
from tests.tiny import tiny_model


def test_loglikelihoods_agree_with_the_literal_ones(case: Case) -> None:
    assert len(case.fast_loglik) >= 8
    np.testing.assert_allclose(case.fast_loglik, case.slow_loglik, atol=1e-3, rtol=0)
    assert (case.fast_loglik < 0).all()


def test_the_order_of_texts_changes_nothing(loaded: Loaded, probes: ProbeSet) -> None:
    texts, _ = encode_texts(loaded.tokenizer, texts_of(probes), None)
    one_way = loglikelihoods(loaded, texts, len(probes.texts), Run(150))
    other_way = loglikelihoods(loaded, texts[::-1], len(probes.texts), Run(150))
    np.testing.assert_allclose(one_way, other_way, atol=1e-3)


def test_texts_left_out_are_nan(loaded: Loaded, probes: ProbeSet) -> None:
    texts, _ = encode_texts(loaded.tokenizer, texts_of(probes), None)
    values = loglikelihoods(loaded, texts[1:], len(probes.texts), Run())
    assert np.isnan(values[0])
    assert np.isfinite(values[1:]).all()


def test_progress_is_told(loaded: Loaded, probes: ProbeSet) -> None:
    heard: list[object] = []

    class Listener(Silent):
        def start(self, stage: str, total: int) -> None:
            heard.append((stage, total))

        def advance(self, n: int = 1) -> None:
            heard.append(n)

        def finish(self) -> None:
            heard.append("finished")

    texts, _ = encode_texts(loaded.tokenizer, texts_of(probes), None)
    loglikelihoods(loaded, texts, len(probes.texts), Run(150, Listener()))
    first, *steps, last = heard
    assert (first, last) == (("log-likelihood", 12), "finished")
    assert sum(step for step in steps if isinstance(step, int)) == 12


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_broken_outputs_are_told(value: float) -> None:
    model = tiny_model()
    model.lm_head.weight[7] = value
    with pytest.raises(BrokenModel, match="NaN or Inf") as caught:
        loglikelihoods(in_place(model), [_sequence(9, 0)], 1, Run())
    assert "float32" in caught.value.hint


def test_a_tokenizer_larger_than_the_model_is_told() -> None:
    model = tiny_model(vocab_size=100)
    with pytest.raises(BrokenModel, match="tokenizer"):
        loglikelihoods(in_place(model), [_sequence(150, 0)], 1, Run())


def test_a_model_that_hides_its_embeddings_is_unsupported(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model()
    monkeypatch.setattr(model, "get_input_embeddings", lambda: None)
    with pytest.raises(UnsupportedModel, match="input embeddings"), embeddings_as_leaf(in_place(model)):
        pass


def test_a_model_without_output_layer_of_its_own_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    sequences, model = [_sequence(9, 0), _sequence(5, 1)], tiny_model()
    with_head = loglikelihoods(in_place(model), sequences, 2, Run())
    monkeypatch.setattr(model, "get_output_embeddings", lambda: None)
    np.testing.assert_allclose(loglikelihoods(in_place(model), sequences, 2, Run()), with_head, atol=1e-4)


def test_hooks_are_gone_afterwards(loaded: Loaded) -> None:
    sequence = _sequence(9, 0)
    with torch.enable_grad(), embeddings_as_leaf(loaded):
        logprobs(loaded, [sequence], [np.arange(9) > 4])
    for layer in (loaded.model.get_input_embeddings(), loaded.model.get_output_embeddings()):
        assert not layer._forward_hooks
        assert not layer._forward_pre_hooks
    assert all(not parameter.requires_grad for parameter in loaded.model.parameters())


def _sequence(length: int, place: int) -> Encoded:
    spans = np.stack([np.arange(length), np.arange(length) + 1], axis=1)
    return Encoded(np.arange(3, length + 3), spans, np.zeros(length, dtype=bool), place)
