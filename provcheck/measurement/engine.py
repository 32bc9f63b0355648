"""A running model: questions and texts in, attributions and log-likelihoods out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from provcheck.checkpoint import Checkpoint, NoCheckpoint
from provcheck.measurement import MeasureOptions
from provcheck.measurement.batching import Run, Stage, run_batches
from provcheck.measurement.devices import choose_device, choose_dtype, name_device, name_dtype
from provcheck.measurement.encoding import Encoded, EncodedOption, encode_questions, encode_texts, visible_until
from provcheck.measurement.loaded_tensors import LoadedTensors
from provcheck.measurement.loader import Loaded, load, load_tokenizer
from provcheck.measurement.memory import on_threads
from provcheck.measurement.merging import is_packed
from provcheck.measurement.scoring import all_but_the_first, attribute_tokens, mean_embedding, token_logprobs
from provcheck.measurement.sources import quantization
from provcheck.measurement.tokens import token_ids
from provcheck.observer import Observer, Silent
from provcheck.types import Floats, LogLikelihood, ModelFiles, Tensors, TokenAttributions

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

E = TypeVar("E", bound=Encoded)
Encode = Callable[["PreTrainedTokenizerBase", int | None], tuple[list[E], dict[int, str]]]


class RunningModel:
    """A model loaded from its files on the first request, or given as `loaded`.

    Batches that the checkpoint holds are not computed again. A request raises SubjectError when the model cannot be
    loaded, is not a causal model, needs too much memory, or gives NaN or Inf.
    """

    def __init__(
        self,
        files: ModelFiles,
        how: MeasureOptions | None = None,
        observe: Observer | None = None,
        checkpoint: Checkpoint | None = None,
        loaded: Loaded | None = None,
    ) -> None:
        self._files = files
        self._how = how or MeasureOptions()
        self._run = Run(
            self._how.batch_tokens,
            observe or Silent(),
            checkpoint or NoCheckpoint(),
            self._how.memory_bytes,
            self._how.threads,
        )
        self._loaded = loaded

    def attributions(self, questions: Sequence[tuple[str, Sequence[str]]]) -> list[list[TokenAttributions] | str]:
        """See `provcheck.types.Access`. A question with any option that cannot be measured is left out."""
        loaded, options, reasons = self._encoded(lambda one, limit: encode_questions(one, questions, limit))
        found = {(one.probe, one.option): values for one, values in attribute(loaded, options, self._run)}
        return [
            reasons.get(place) or [found[place, option] for option in range(len(asked))]
            for place, (_, asked) in enumerate(questions)
        ]

    def log_likelihoods(self, texts: Sequence[str]) -> list[LogLikelihood | str]:
        """See `provcheck.types.Access`."""
        loaded, kept, reasons = self._encoded(lambda one, limit: encode_texts(one, texts, limit))
        found = {
            text.probe: log_likelihood(texts[text.probe], text, values)
            for text, values in score(loaded, kept, self._run)
        }
        return [reasons.get(place) or found[place] for place in range(len(texts))]

    def token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """See `provcheck.types.Access`. The model is not loaded for it."""
        return token_ids(self._files, texts)

    def tensors(self) -> Tensors:
        """See `provcheck.types.Access`. A model of packed numbers is loaded once more, as floats."""
        return LoadedTensors(self._readable)

    def config(self) -> dict[str, Any]:
        """See `provcheck.types.Access`. As the library that loaded it states it."""
        stated: dict[str, Any] = self._readable.config.to_dict()
        return stated

    @cached_property
    def _readable(self) -> PreTrainedModel:
        if self._loaded is None and quantization(self._files) is None:
            self._loaded = load(self._files, self._how.device, self._how.dtype)
        if self._loaded is not None and not is_packed(self._loaded.model):
            return self._loaded.model
        return load(self._files, self._how.device, self._how.dtype, as_floats=True).model

    @property
    def unused_tensors(self) -> int | None:
        """Number of stored tensors that the model does not have; None before it is loaded."""
        return len(self._loaded.unused) if self._loaded else None

    @property
    def device(self) -> str:
        """Name of the device that it runs on, or will run on."""
        return self._loaded.device_name if self._loaded else name_device(choose_device(self._how.device))

    @property
    def dtype(self) -> str:
        """Name of the number format that it computes in."""
        if self._loaded:
            return name_dtype(self._loaded.dtype)
        return name_dtype(choose_dtype(self._how.dtype, choose_device(self._how.device)))

    def _encoded(self, encode: Encode[E]) -> tuple[Loaded, list[E], dict[int, str]]:
        """The model in memory, and the request in tokens; the first time both are prepared at once."""
        limit = self._files.subject.context_length
        if self._loaded is not None:
            return self._loaded, *encode(self._loaded.tokenizer, limit)
        tokenizer = load_tokenizer(self._files)
        with ThreadPoolExecutor(1) as pool:  # texts become tokens while the weights are read
            encoding = pool.submit(encode, tokenizer, limit)
            self._loaded = load(self._files, self._how.device, self._how.dtype, tokenizer)
        self._say_what_is_unused(self._loaded.unused)
        return self._loaded, *encoding.result()

    def _say_what_is_unused(self, names: Sequence[str]) -> None:
        if names:
            self._run.observe.note(
                f"tensors of the weight files that the model does not use: {len(names)}, first '{names[0][:200]}'"
            )


def attribute(
    loaded: Loaded, options: Sequence[EncodedOption], run: Run
) -> Iterator[tuple[EncodedOption, TokenAttributions]]:
    """Every option with the attributions of its question's tokens, in the order in which they are computed."""
    if not options:
        return
    with on_threads(1):
        baseline = mean_embedding(loaded, options)
    stage = Stage[EncodedOption](
        "attributions",
        lambda batch: attribute_tokens(loaded, batch, baseline),
        values=lambda option: 2 * len(option.ids),
        scored=lambda option: option.in_option,
        gradients=True,
    )
    for option, tokens in run_batches(stage, loaded, options, run):
        inside = option.in_question
        yield option, TokenAttributions(option.spans[inside], *tokens.reshape(2, -1)[:, inside])


def score(loaded: Loaded, texts: Sequence[Encoded], run: Run) -> Iterator[tuple[Encoded, Floats]]:
    """Every text with the log-probabilities of all its tokens but the first in nats, as they are computed."""
    stage = Stage[Encoded](
        "log-likelihood",
        lambda batch: token_logprobs(loaded, batch),
        values=lambda text: len(text.ids) - 1,
        scored=all_but_the_first,
        gradients=False,
    )
    yield from run_batches(stage, loaded, texts, run)


def log_likelihood(text: str, encoded: Encoded, values: Floats) -> LogLikelihood:
    """The record of one text from the log-probabilities of its tokens from the second on."""
    ends = np.where(encoded.special, -1, visible_until(text)[np.minimum(encoded.spans[:, 1], len(text))])
    return LogLikelihood(float(np.add.reduceat(values, [0])[0]), np.concatenate([[np.nan], values]), ends)
