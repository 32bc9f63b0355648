"""Real servers, as they were recorded: what they told is read rightly, and the stubs have their very fields."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from provcheck.endpoints import echo, prompt_logprobs
from provcheck.endpoints.client import Refused
from provcheck.endpoints.greeting import FORMS, Ask
from provcheck.endpoints.scored import HIDDEN, log_likelihood
from provcheck.types import LogLikelihood
from tests.endpoints import recording, stubs

VLLM, LLAMA_CPP_PYTHON, LLAMA_CPP = "vllm-0.32.0", "llama-cpp-python-0.3.36", "xllamacpp-2026.10.11549"
STUBS = {VLLM: stubs.vllm, LLAMA_CPP_PYTHON: stubs.llama_cpp_python, LLAMA_CPP: stubs.llama_cpp}
KEYED = {"top_logprobs", "prompt_logprobs", "timings"}
"""Objects whose names are data: tokens, or how long what took."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> stubs.Model:
    return stubs.Model(recording.saved(tmp_path_factory.mktemp("recorded") / "tiny"))


def told(server: str, ask: Ask) -> LogLikelihood:
    client: Any = recording.Replay(recording.read(server))
    return log_likelihood(recording.TEXT, ask(client, recording.TEXT))


def shape(found: Any, keyed: bool = False) -> Any:
    """Names and kinds of fields, whatever the values."""
    if isinstance(found, dict):
        parts = {key: shape(value, key in KEYED) for key, value in found.items()}
        return sorted({repr(part) for part in parts.values()}) if keyed else parts
    if isinstance(found, list):
        return sorted({repr(shape(one, keyed)) for one in found})
    return type(found).__name__


def test_every_recording_has_its_stub() -> None:
    assert recording.names() == sorted(STUBS)


@pytest.mark.parametrize("ask", [echo.ask, prompt_logprobs.ask])
def test_vllm_told_the_numbers_of_the_model(ask: Ask, model: stubs.Model) -> None:
    _, values, _, _ = model.score(recording.TEXT)
    found = told(VLLM, ask)
    np.testing.assert_allclose(found.tokens[1:], np.array(values[1:], float), atol=1e-3)
    assert found.ends[0] == -1 and found.ends[1] == 3 and not found.left_out


def test_llama_cpp_python_told_all_but_the_first(model: stubs.Model) -> None:
    """In float32; but llama.cpp keeps keys and values in float16."""
    _, values, _, _ = model.score(recording.TEXT)
    found = told(LLAMA_CPP_PYTHON, echo.ask)
    np.testing.assert_allclose(found.tokens[2:], np.array(values[2:], float), atol=5e-3)
    assert np.isnan(found.tokens[:2]).all() and found.left_out == HIDDEN


@pytest.mark.parametrize("ask", [ask for _, ask in FORMS])
def test_llama_cpps_own_server_told_nothing_of_the_prompt(ask: Ask) -> None:
    with pytest.raises(Refused):
        told(LLAMA_CPP, ask)


@pytest.mark.parametrize("server", STUBS)
def test_the_stub_has_the_fields_of_the_real_one(server: str, model: stubs.Model) -> None:
    for real in recording.read(server):
        status, answer = STUBS[server](model, real.path, real.asked)
        if real.answer is None:
            assert status == 404
            continue
        assert shape(answer) == shape(real.answer), real.asked
        own, theirs = ((one["choices"][0]["logprobs"] or {}).get("tokens", [])[:-1] for one in (answer, real.answer))
        assert own == theirs
