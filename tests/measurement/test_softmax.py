"""The log-probability in chunks against torch's own log-softmax."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from provcheck.measurement import scoring
from provcheck.measurement.scoring import chosen_logprobs


@pytest.fixture(params=[1, 64, 2**22], ids=["row by row", "several rows", "all at once"])
def _chunk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "CHUNK", request.param)


def logits_and_tokens(dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    stream = torch.Generator().manual_seed(0)
    logits = 20 * torch.randn(23, 17, generator=stream) + 50
    return logits.to(dtype).requires_grad_(), torch.randint(17, (23,), generator=stream)


@pytest.mark.usefixtures("_chunk")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_values_and_gradients_are_those_of_log_softmax(dtype: torch.dtype) -> None:
    logits, tokens = logits_and_tokens(dtype)
    weights = torch.linspace(-1, 2, 23)
    values = chosen_logprobs(logits, tokens)
    exact = functional.log_softmax(logits.double(), dim=-1).gather(1, tokens[:, None])[:, 0]
    assert values.dtype == torch.float32
    torch.testing.assert_close(values.double(), exact, rtol=1e-6, atol=2e-5)
    (gradient,) = torch.autograd.grad((values * weights).sum(), logits)
    (expected,) = torch.autograd.grad((exact * weights).sum(), logits)
    assert gradient.dtype == dtype
    torch.testing.assert_close(gradient.double(), expected.double(), rtol=0, atol=1e-5 if dtype.itemsize == 4 else 0.01)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_broken_stays_visible(value: float) -> None:
    logits, tokens = logits_and_tokens(torch.float32)
    broken = logits.detach().clone()
    broken[4, 5] = value
    values = chosen_logprobs(broken, tokens)
    assert not torch.isfinite(values[4])
    assert torch.isfinite(values[:4]).all()


def test_vocabulary_that_a_model_rules_out_does_not_matter() -> None:
    logits, tokens = logits_and_tokens(torch.float32)
    wider = torch.cat([logits, torch.full((23, 3), float("-inf"))], dim=1)
    torch.testing.assert_close(chosen_logprobs(wider, tokens), chosen_logprobs(logits, tokens))
