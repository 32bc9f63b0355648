"""Tokenizers that drop, double, replace and reorder characters: coverage falls, nothing crashes, no number is NaN."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from provcheck.checkpoint import Checkpoint
from provcheck.errors import ProvcheckError, SubjectError
from provcheck.measurement import MeasureOptions
from provcheck.measurement.engine import RunningModel
from provcheck.measurement.loader import Loaded
from provcheck.measurement.sources import FAST
from provcheck.measuring import measure as measure_target
from provcheck.observer import Observer
from provcheck.targets import OpenTarget, RunsOn
from provcheck.targets.local import LocalTarget
from provcheck.targets.resolution import resolve
from provcheck.types import Measurement, ModelFiles, ProbeSet, Subject
from tests.hostile.strategies import FEW
from tests.measured import contrast_blocks, loglik_nats, measure, of_questions, of_texts, paper_blocks, share_of
from tests.tiny import VOCABULARY, save_tiny, tiny_model, tiny_probes, tiny_tokenizer

NORMALIZERS: dict[str, Any] = {
    "nothing": lambda: normalizers.Sequence([]),
    "no vowels": lambda: normalizers.Replace(Regex("[aeiou]"), ""),
    "no text": lambda: normalizers.Replace(Regex("."), ""),
    "doubled": lambda: normalizers.Replace("e", "eee"),
    "one letter": lambda: normalizers.Replace(Regex("[a-z]"), "x"),
    "compatible": normalizers.NFKC,
    "decomposed": normalizers.NFD,
    "lower": normalizers.Lowercase,
    "bare": lambda: normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()]),
    "bert": normalizers.BertNormalizer,
    "stripped": normalizers.Strip,
    "marked": lambda: normalizers.Prepend("▁"),
    "longer": lambda: normalizers.Append("zzz") if hasattr(normalizers, "Append") else normalizers.Prepend("zzz"),
    "bytes": normalizers.ByteLevel,
}
SPLITTERS: dict[str, Any] = {
    "none": None,
    "bytes": lambda: pre_tokenizers.ByteLevel(add_prefix_space=True),
    "words": pre_tokenizers.WhitespaceSplit,
    "no punctuation": lambda: pre_tokenizers.Punctuation("removed"),
    "no spaces": lambda: pre_tokenizers.Split(" ", "removed"),
    "by e": lambda: pre_tokenizers.CharDelimiterSplit("e"),
    "digits": lambda: pre_tokenizers.Digits(individual_digits=True),
    "metaspace": lambda: pre_tokenizers.Metaspace(prepend_scheme="always"),
}
UNKNOWN, PADDING = "<unk>", "<pad>"
VOCABULARIES = ("letters", "letters and unknown", "words", "bytes", "one token", "byte pairs")
TEMPLATES = ("$A", "<s> $A", "$A </s>", "<s> <s> $A </s> </s>")


def vocabulary(kind: str) -> Any:
    letters = {letter: number + 4 for number, letter in enumerate("etaoinshrdlucmfwypvbgkjqxz ▁.,")}
    special = {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3}
    if kind == "letters":
        return models.BPE(special | letters, [])
    if kind == "letters and unknown":
        return models.BPE(special | letters, [], unk_token=UNKNOWN, fuse_unk=True)
    if kind == "words":
        return models.WordLevel(special | {"the": 4, "a": 5}, unk_token=UNKNOWN)
    if kind == "bytes":
        return models.Unigram(
            [(token, 0.0) for token in special] + [(f"<0x{b:02X}>", -9.0) for b in range(256)], 3, True
        )
    if kind == "one token":
        return models.WordLevel(special, unk_token=UNKNOWN)
    return tiny_tokenizer().backend_tokenizer.model


def odd_tokenizer(normalizer: str, splitter: str, kind: str, template: str) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(vocabulary(kind))
    tokenizer.normalizer = NORMALIZERS[normalizer]()
    if SPLITTERS[splitter]:
        tokenizer.pre_tokenizer = SPLITTERS[splitter]()
    tokenizer.post_processor = processors.TemplateProcessing(single=template, special_tokens=[("<s>", 1), ("</s>", 2)])
    tokenizer.enable_truncation(8)
    tokenizer.enable_padding(length=300)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token=UNKNOWN, pad_token=PADDING)


@pytest.fixture(scope="module")
def probes() -> ProbeSet:
    return tiny_probes(questions=4, texts=8)


@pytest.fixture(scope="module")
def model() -> Any:
    return tiny_model()


class InMemory(LocalTarget):
    """A model that needs no files but its tokenizer."""

    def __init__(self, files: ModelFiles, loaded: Loaded) -> None:
        super().__init__(files)
        self._loaded = loaded

    def open(self, how: MeasureOptions, observe: Observer, checkpoint: Checkpoint) -> OpenTarget:
        return _Opened(self.files, how, observe, checkpoint, self._loaded)


class _Opened(RunningModel):
    def runs_on(self) -> RunsOn:
        return RunsOn(self.device, self.dtype)


def measured(model: Any, tokenizer: PreTrainedTokenizerFast, probes: ProbeSet) -> Measurement:
    loaded = Loaded(model, tokenizer, torch.device("cpu"), torch.float32)
    with TemporaryDirectory() as folder:  # the tokens of the weights signal come from the file
        tokenizer.backend_tokenizer.save(str(Path(folder) / FAST))
        source = ModelFiles(Subject(id="org/odd", source="folder", weights_digest=None), folder=folder)
        return measure_target(InMemory(source, loaded), probes)


@FEW
@given(
    normalizer=st.sampled_from(sorted(NORMALIZERS)),
    splitter=st.sampled_from(sorted(SPLITTERS)),
    kind=st.sampled_from(VOCABULARIES),
    template=st.sampled_from(TEMPLATES),
)
def test_any_tokenizer(model: Any, probes: ProbeSet, normalizer: str, splitter: str, kind: str, template: str) -> None:
    try:
        found = measured(model, odd_tokenizer(normalizer, splitter, kind, template), probes)
    except ProvcheckError:
        return
    questions, texts = of_questions(found), of_texts(found)
    assert sum(questions.left_out.values()) == len(probes.questions) - questions.measured
    assert sum(texts.left_out.values()) == len(probes.texts) - texts.measured
    assert np.isfinite(loglik_nats(found)).sum() == texts.measured
    assert np.isfinite(paper_blocks(found)).all()
    assert np.isfinite(contrast_blocks(found)).all()
    if normalizer in ("no text", "no vowels") or kind in ("one token", "words"):
        assert share_of(found) < 0.5, "what is lost must not count as measured"


def test_a_whole_tokenizer_loses_nothing(model: Any, probes: ProbeSet) -> None:
    found = measured(model, odd_tokenizer("nothing", "bytes", "byte pairs", "<s> $A"), probes)
    assert of_questions(found).share == of_texts(found).share == 1


def test_tokens_that_the_model_does_not_have(tmp_path: Path, probes: ProbeSet) -> None:
    """The tokenizer of another model: a sentence, not a crash of the embedding."""
    folder = save_tiny(tmp_path / "m", vocab_size=VOCABULARY // 4)
    with pytest.raises(SubjectError) as caught:
        measure(resolve(str(folder)), probes)
    assert "token" in caught.value.message
