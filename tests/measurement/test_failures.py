"""Every failure of a tokenizer is one sentence; what is not its failure passes."""

from __future__ import annotations

import pytest
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from provcheck.errors import UnsupportedModel
from provcheck.measurement.encoding import encode_texts
from provcheck.measurement.failures import failures_said

PanicException = type("PanicException", (BaseException,), {"__module__": "pyo3_runtime"})


@pytest.mark.parametrize("error", [PanicException("it broke\nat /home/x"), ValueError("it broke"), OSError("it broke")])
def test_a_failure_is_a_sentence(error: BaseException) -> None:
    with pytest.raises(UnsupportedModel, match=r"^the tokenizer fails: it broke$") as caught:  # noqa: SIM117
        with failures_said("the tokenizer fails"):
            raise error
    assert "tokenizer.json" in caught.value.hint


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_ends_the_program_passes(kind: type[BaseException]) -> None:
    with pytest.raises(kind), failures_said("the tokenizer fails"):
        raise kind


def test_a_text_that_the_tokenizer_cannot_take() -> None:
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel({"a": 0})))
    with pytest.raises(UnsupportedModel, match=r"fails on a probe: .*Missing \[UNK\]"):
        encode_texts(tokenizer, ["nothing that it knows"], None)
