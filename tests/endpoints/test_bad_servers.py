"""Servers that lie, stumble or ask for too much: a sentence or a reason, never a made-up number, and never the key."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from provcheck.endpoints import client as module
from provcheck.errors import ProvcheckError, SubjectNotFound, UnsupportedModel, UsageError
from provcheck.measuring import ModelOptions, measure
from provcheck.probes import load_probes
from provcheck.rendering.json_report import JsonReport
from provcheck.targets import find_target
from provcheck.types import Measurement
from tests.endpoints import stubs
from tests.tiny import save_tiny, tiny_probes

CUT = [one.model_copy(update={"text": one.text[:90]}) for one in load_probes().texts[:48:4]]
PROBES = replace(tiny_probes(), texts=tuple(CUT))
GREETINGS = 2
"""Requests before the first text."""

KEY = "sk-very-secret-4711"
Change = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> stubs.Model:
    return stubs.Model(save_tiny(tmp_path_factory.mktemp("served") / "tiny"))


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    return slept


def spoiled(change: Change, first: int = GREETINGS + 1) -> Callable[[int, stubs.Answer], stubs.Answer]:
    """Changes the JSON of every answer from that request on."""

    def spoil(number: int, answer: stubs.Answer) -> stubs.Answer:
        status, headers, body = answer
        if number < first:
            return answer
        content = json.loads(body)
        change(content)
        return status, headers, json.dumps(content).encode()

    return spoil


def status(code: int, first: int, last: int, **headers: str) -> Callable[[int, stubs.Answer], stubs.Answer]:
    """That status for the requests from first to last, with a message that repeats the key."""
    body = json.dumps({"error": {"message": f"no, {KEY} is not allowed"}}).encode()
    return lambda number, answer: (code, headers, body) if first <= number <= last else answer


def measured(model: stubs.Model, spoil: Any = None, **options: Any) -> tuple[Measurement, stubs.Stub]:
    with stubs.serving(model, stubs.vllm, spoil) as stub:
        return measure(find_target(stub.endpoint, ModelOptions(**options)), PROBES), stub


def reasons(found: Measurement) -> dict[str, int]:
    return dict(found.sketches["likelihood"].facts.coverage.left_out)


def told(content: dict[str, Any]) -> list[Any]:
    values: list[Any] = content["choices"][0]["logprobs"]["token_logprobs"]
    return values


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda one: told(one).__setitem__(3, None), "left out log-probabilities of tokens inside the text"),
        (lambda one: told(one).__setitem__(3, "-1.0"), "left out log-probabilities"),
        (lambda one: told(one).__setitem__(3, 0.7), "above 0 (token 4)"),
        (lambda one: told(one).__setitem__(3, -9999.0), "it clips what it calls impossible"),
        (lambda one: told(one).pop(1), "log-probabilities of"),
        (lambda one: one["choices"][0]["logprobs"]["tokens"].__setitem__(4, "zebra"), "do not make up the text"),
        (lambda one: one["choices"].clear(), "the server told"),
        (lambda one: one["usage"].update(prompt_tokens=3), "the server read 3 tokens, and told of"),
    ],
)
def test_what_cannot_be_believed_is_left_out_with_the_reason(model: stubs.Model, change: Change, reason: str) -> None:
    found, _ = measured(model, spoiled(change))
    assert np.isnan(found.sketches["likelihood"].arrays["loglik"]).all()
    assert all(reason in one for one in reasons(found)), reasons(found)


@pytest.mark.parametrize("form", [b"", b"no json", b"[" * 100_000, b'{"choices": NaN}'])
def test_nonsense_in_place_of_an_answer(model: stubs.Model, form: bytes) -> None:
    with (
        stubs.serving(model, stubs.vllm, lambda _number, answer: (200, answer[1], form)) as stub,
        pytest.raises(UnsupportedModel, match="gives no log-probabilities of a prompt"),
    ):
        find_target(stub.endpoint, ModelOptions())


def test_an_answer_without_end_is_cut(model: stubs.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 5_000)
    with (
        stubs.serving(model, stubs.vllm, lambda _number, answer: (200, answer[1], b" " * 20_000)) as stub,
        pytest.raises(UnsupportedModel, match="sent more than"),
    ):
        find_target(stub.endpoint, ModelOptions())


def test_a_server_that_is_busy_is_asked_again_and_every_request_counts(
    model: stubs.Model, no_pauses: list[float]
) -> None:
    found, stub = measured(model, status(429, GREETINGS + 1, GREETINGS + 2, **{"retry-after": "7"}))
    assert np.isfinite(found.sketches["likelihood"].arrays["loglik"]).all()
    assert found.run.served and found.run.served.requests == len(stub.asked) == GREETINGS + 2 + len(PROBES.texts)
    assert no_pauses == [7.0, 7.0]


def test_a_server_that_stays_busy_is_left_alone(model: stubs.Model) -> None:
    found, stub = measured(model, status(503, GREETINGS + 1, 10_000))
    assert len(stub.asked) == GREETINGS + 3 * module.PATIENCE.tries
    assert any("had failed 3 times in a row" in reason for reason in reasons(found))
    assert KEY not in "".join(reasons(found)) or not stub.headers[-1].get("Authorization")


def test_a_server_that_hangs(model: stubs.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SILENT_SECONDS", 0.05)

    def hang(_number: int, answer: stubs.Answer) -> stubs.Answer:
        __import__("threading").Event().wait(0.3)
        return answer

    with stubs.serving(model, stubs.vllm, hang) as stub, pytest.raises(SubjectNotFound, match="did not answer in time"):
        find_target(stub.endpoint, ModelOptions())


def test_a_server_that_fails_at_one_form_is_asked_in_another(model: stubs.Model) -> None:
    with stubs.serving(model, stubs.vllm, status(500, 1, module.PATIENCE.tries)) as stub:
        found = measure(find_target(stub.endpoint, ModelOptions()), PROBES)
    assert found.run.served and found.run.served.form == "vLLM's prompt_logprobs"


def test_a_server_that_fails_at_every_form_says_why(model: stubs.Model) -> None:
    with (
        stubs.serving(model, stubs.vllm, status(500, 1, 10_000)) as stub,
        pytest.raises(UnsupportedModel, match=r"gives no log-probabilities of a prompt .*HTTP 500: no"),
    ):
        find_target(stub.endpoint, ModelOptions())


def test_no_more_requests_than_allowed(model: stubs.Model) -> None:
    found, stub = measured(model, max_requests=GREETINGS + 5)
    assert len(stub.asked) == GREETINGS + 5
    assert reasons(found) == {f"not asked for: --max-requests {GREETINGS + 5}": len(PROBES.texts) - 5}
    with pytest.raises(UnsupportedModel, match="no requests are left"):
        measured(model, status(503, 1, 10_000), max_requests=1)


def test_the_key_goes_to_the_server_and_nowhere_else(model: stubs.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(module.KEY_VARIABLE, KEY)
    found, stub = measured(model, status(500, GREETINGS + 1, 10_000))
    assert {one["Authorization"] for one in stub.headers} == {f"Bearer {KEY}"}
    assert any("(key)" in one for one in reasons(found))
    assert KEY not in repr(found.run) + repr(found.subject) + "".join(reasons(found))


def test_the_key_stands_in_no_report_and_in_no_error(
    model: stubs.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from provcheck import audit

    monkeypatch.setenv(module.KEY_VARIABLE, KEY)
    with stubs.serving(model, stubs.vllm) as stub:
        report = audit(stub.endpoint, max_requests=GREETINGS + 4)
    assert KEY not in JsonReport().render(report)
    assert report.verdict.relation.value == "inconclusive"
    with stubs.serving(model, stubs.vllm, status(401, 1, 10_000)) as stub, pytest.raises(SubjectNotFound) as caught:
        find_target(stub.endpoint, ModelOptions())
    assert KEY not in f"{caught.value.message} {caught.value.hint}" and "HTTP 401" in caught.value.message


def test_a_redirect_is_not_followed(model: stubs.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(module.KEY_VARIABLE, KEY)
    with stubs.serving(model, stubs.vllm) as thief:
        away = status(307, 1, 10_000, location=f"{thief.address}/v1/completions")
        with stubs.serving(model, stubs.vllm, away) as stub, pytest.raises(UnsupportedModel, match="not followed"):
            find_target(stub.endpoint, ModelOptions())
        assert thief.asked == []


def test_a_server_that_is_off_by_one_contradicts_itself(model: stubs.Model) -> None:
    def shift(content: dict[str, Any]) -> None:
        values = told(content)
        values[1:] = [*values[2:], -9.0]

    with (
        stubs.serving(model, stubs.vllm, spoiled(shift, first=1)) as stub,
        pytest.raises(UnsupportedModel, match="contradicts itself"),
    ):
        find_target(stub.endpoint, ModelOptions())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("http://example.com/v1#m", "without encryption"),
        ("https://user:sesame@example.com/v1#m", "user name or password"),
        ("https://example.com/v1", "names no model"),
        ("https://example.com/v1?key=sesame#m", "has a query"),
        ("https://[broken/v1#m", "cannot be read"),
        ("https://example.com/v1#m\u202e", "hidden characters"),
    ],
)
def test_addresses_that_are_refused(name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        find_target(name, ModelOptions())
    assert "sesame" not in f"{caught.value.message} {caught.value.hint}"


def test_offline_forbids_to_ask() -> None:
    with pytest.raises(ProvcheckError, match="--offline forbids"):
        find_target("https://example.com/v1#m", ModelOptions(offline=True))
