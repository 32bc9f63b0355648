"""Servers that other people wrote, over models of this machine: what they tell is what is measured here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from provcheck.cli import run
from provcheck.endpoints.scored import HIDDEN
from provcheck.errors import UnsupportedModel
from provcheck.measurement import MeasureOptions
from provcheck.measuring import ModelOptions, measure
from provcheck.probes import load_probes
from provcheck.serving import match_tokens
from provcheck.signals.likelihood.token_scores import TokenScores, unpacked
from provcheck.targets import find_target
from provcheck.types import Measurement
from tests.endpoints import real, recording
from tests.tiny import tiny_probes

CUT = tuple(one.model_copy(update={"text": one.text[:150]}) for one in load_probes().texts[::13])
PROBES = replace(tiny_probes(), texts=CUT)
TEXTS = [one.text for one in CUT]
SUBJECTS = Path(__file__).parent.parent.parent / "reference_embeddings" / "subjects"

pytestmark = pytest.mark.slow


def measured(name: str, dtype: str = "auto") -> Measurement:
    return measure(find_target(name, ModelOptions()), PROBES, MeasureOptions(dtype=dtype), signals=["likelihood"])


def tokens(found: Measurement) -> list[TokenScores]:
    return unpacked(found.sketches["likelihood"]) or []


@pytest.mark.parametrize(("kind", "findings"), [("F32", {"identical"}), ("Q8_0", {"near", "changed"})])
def test_llama_cpp_python_tells_the_numbers_of_the_model(kind: str, findings: set[str], tmp_path: Path) -> None:
    """llama.cpp rounds what the layers hand on to 8 bits too, where the weights are in Q8_0."""
    folder, gguf = real.tiny_gguf_of(tmp_path, kind)
    with real.llama_cpp_python(gguf) as endpoint:
        there = measured(endpoint)
    assert set(there.sketches["likelihood"].facts.coverage.left_out) == {HIDDEN}
    assert there.run.served and there.run.served.checked
    exact, rounded = (tokens(measured(str(folder), dtype)) for dtype in ("float32", "bfloat16"))
    for one, other in zip(tokens(there), exact, strict=True):
        np.testing.assert_array_equal(one.ends, other.ends)
        np.testing.assert_allclose(one.nats[2:], other.nats[2:], atol=2e-2 if kind == "F32" else 0.5)
    assert match_tokens("tiny", TEXTS, tokens(there), exact, rounded).finding in findings
    others = str(recording.saved(tmp_path / "other", seed=1))
    exact, rounded = (tokens(measured(others, dtype)) for dtype in ("float32", "bfloat16"))
    assert match_tokens("other", TEXTS, tokens(there), exact, rounded).finding == "changed"


def test_an_audit_recognizes_the_model_that_is_served_and_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The shipped subjects: one model, and a short fine-tune of another."""
    same, other = SUBJECTS / "llama-tech-s2", SUBJECTS / "llama-tech-s1-sft-short"
    with real.llama_cpp_python(real.gguf_of(same, tmp_path / "served.gguf")) as endpoint:
        named = ["--reference", str(same), "--reference", str(other), "--signals", "likelihood"]
        code = run(["audit", endpoint, *named, "--max-requests", "34", "--out", str(tmp_path / "out")])
    said = capsys.readouterr().out
    assert code == 1  # the default policy asks for more texts
    assert f"== endpoint against {same.name}: identical ==" in said
    assert f"== endpoint against {other.name}: changed ==" in said
    assert "== verdict: inconclusive ==" in said


def test_llama_cpp_python_is_off_by_one_where_no_token_begins_a_text_which_is_refused(tmp_path: Path) -> None:
    _, gguf = real.tiny_gguf_of(tmp_path, bos=False)
    with real.llama_cpp_python(gguf) as endpoint, pytest.raises(UnsupportedModel, match="do not make up the text"):
        find_target(endpoint, ModelOptions())


def test_llama_cpp_python_without_logits_says_itself_why_not(tmp_path: Path) -> None:
    _, gguf = real.tiny_gguf_of(tmp_path)
    with (
        real.llama_cpp_python(gguf, "--logits_all", "false") as endpoint,
        pytest.raises(UnsupportedModel, match="logits_all"),
    ):
        find_target(endpoint, ModelOptions())


def test_llama_cpps_own_server_gives_no_log_probabilities_of_prompts(tmp_path: Path) -> None:
    _, gguf = real.tiny_gguf_of(tmp_path)
    with real.llama_cpp(gguf) as endpoint, pytest.raises(UnsupportedModel) as caught:
        find_target(endpoint, ModelOptions())
    assert "gives no log-probabilities of a prompt" in caught.value.message
    assert "llama.cpp's own server" in caught.value.hint
