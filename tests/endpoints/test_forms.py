"""Each form of request gives the very numbers that the model gives when it is at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from provcheck.errors import UnsupportedModel
from provcheck.measuring import ModelOptions, measure
from provcheck.targets import find_target
from provcheck.types import Measurement, NotMeasured
from tests.endpoints import stubs
from tests.tiny import TokenizerKind, save_tiny, tiny_probes

PROBES = tiny_probes(texts=40)
SPEAKERS = [stubs.vllm, stubs.vllm_without_echo, stubs.together, stubs.sglang]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("served") / "tiny")


def served(folder: Path, speak: stubs.Speak, **options: object) -> Measurement:
    with stubs.serving(stubs.Model(folder), speak) as stub:
        return measure(find_target(stub.endpoint, ModelOptions(**options)), PROBES)  # type: ignore[arg-type]


def loglik(found: Measurement) -> np.ndarray:
    return found.sketches["likelihood"].arrays["loglik"]


@pytest.mark.parametrize("speak", SPEAKERS)
def test_an_endpoint_gives_the_numbers_of_the_model(folder: Path, speak: stubs.Speak) -> None:
    here, there = measure(find_target(str(folder)), PROBES), served(folder, speak)
    np.testing.assert_allclose(loglik(there), loglik(here), atol=2e-3)
    assert np.isfinite(loglik(there)).all()
    assert isinstance(there.signals["able"], NotMeasured) and isinstance(there.signals["weights"], NotMeasured)
    own, theirs = here.sketches["likelihood"].raw, there.sketches["likelihood"].raw
    np.testing.assert_array_equal(theirs["likelihood_token_counts"], own["likelihood_token_counts"])
    np.testing.assert_allclose(theirs["likelihood_token_nats"], own["likelihood_token_nats"], atol=1e-3)
    np.testing.assert_array_equal(theirs["likelihood_token_ends"], own["likelihood_token_ends"])


@pytest.mark.parametrize("kind", ["byte-bpe", "unigram"])
@pytest.mark.parametrize("bos", [True, False])
def test_every_kind_of_tokenizer(kind: TokenizerKind, bos: bool, tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "model", tokenizer_kind=kind, bos=bos)
    here, there = measure(find_target(str(folder)), PROBES), served(folder, stubs.vllm)
    np.testing.assert_allclose(loglik(there), loglik(here), atol=2e-3)
    assert there.run.served and there.run.served.special_tokens == int(bos)


@pytest.mark.parametrize("speak", [stubs.llama_cpp, stubs.ollama])
def test_a_server_without_log_probabilities_of_prompts_is_told_so(folder: Path, speak: stubs.Speak) -> None:
    with stubs.serving(stubs.Model(folder), speak) as stub, pytest.raises(UnsupportedModel) as caught:
        find_target(stub.endpoint, ModelOptions())
    assert "gives no log-probabilities of a prompt" in caught.value.message
    assert "Ollama" in caught.value.hint
