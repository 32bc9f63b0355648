"""Servers that other people wrote, over models of this machine: what they tell is what is measured here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from provcheck.cli import run
from provcheck.endpoints.scored import HIDDEN
from provcheck.errors import UnsupportedModel
from provcheck.measuring import ModelOptions, measure
from provcheck.probes import load_probes
from provcheck.signals.likelihood.token_scores import unpacked
from provcheck.targets import find_target
from provcheck.types import Measurement
from tests.endpoints import real
from tests.tiny import tiny_probes

PROBES = replace(tiny_probes(), texts=load_probes().texts[::13])
SUBJECTS = Path(__file__).parent.parent.parent / "reference_embeddings" / "subjects"

pytestmark = pytest.mark.slow


def reasons(found: Measurement) -> set[str]:
    return set(found.sketches["likelihood"].facts.coverage.left_out)


def test_llama_cpp_python_tells_the_numbers_of_the_model(tmp_path: Path) -> None:
    folder, gguf = real.tiny_gguf_of(tmp_path)
    with real.llama_cpp_python(gguf) as endpoint:
        there = measure(find_target(endpoint, ModelOptions()), PROBES)
    here = measure(find_target(str(folder)), PROBES)
    assert reasons(there) == {HIDDEN} and there.run.served and there.run.served.checked
    pairs = list(zip(unpacked(there.sketches["likelihood"]), unpacked(here.sketches["likelihood"]), strict=True))
    for one, other in pairs:
        np.testing.assert_array_equal(one.ends, other.ends)
        np.testing.assert_allclose(
            one.nats[2:], other.nats[2:], atol=2e-2
        )  # llama.cpp keeps keys and values in float16
    assert sum(len(one.nats) for one, _ in pairs) > 1_000


@pytest.mark.parametrize(("kind", "finding"), [("F32", "identical"), ("Q8_0", "identical|near")])
def test_the_model_that_is_served_is_recognized_and_another_is_not(
    kind: str, finding: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The shipped subjects: one model, and a short fine-tune of another."""
    same, other = SUBJECTS / "llama-tech-s2", SUBJECTS / "llama-tech-s1-sft-short"
    with real.llama_cpp_python(real.gguf_of(same, tmp_path / "served.gguf", kind)) as endpoint:
        named = ["--reference", str(same), "--reference", str(other), "--max-requests", "45", "--signals", "likelihood"]
        code = run(["audit", endpoint, *named, "--out", str(tmp_path / "out"), "--format", "json"])
    said = capsys.readouterr().out
    assert code == 1  # the default policy asks for more texts
    assert any(f"== endpoint against {same.name}: {one} ==" in said for one in finding.split("|")), said
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
