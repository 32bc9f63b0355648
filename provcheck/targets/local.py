"""A model whose files are on this machine, or are brought here from the Hub: a full model, an adapter, a GGUF file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provcheck.checkpoint import Checkpoint
from provcheck.io import data
from provcheck.io.tensor_files import TensorFiles
from provcheck.io.text import clean
from provcheck.measurement import MeasureOptions
from provcheck.measurement.environment import environment, reading_environment, versions
from provcheck.measurement.settling import settle
from provcheck.measurement.sources import DEQUANTIZED, gguf_file, quantization
from provcheck.measurement.tokens import token_ids
from provcheck.observer import Observer
from provcheck.targets.model_files import paths, read_json, stamps
from provcheck.targets.ranged_files import RangedTensors
from provcheck.targets.resolution import resolve
from provcheck.targets.target import DEMO, FindOptions, OpenTarget, RunsOn, Stamps, Target
from provcheck.targets.token_texts import read_vocabulary
from provcheck.types import (
    AS_STORED,
    NO_DEVICE,
    Capability,
    FileDigest,
    LogLikelihood,
    ModelFiles,
    Subject,
    Tensors,
    TokenAttributions,
)

if TYPE_CHECKING:
    from provcheck.measurement.engine import RunningModel

NOT_READ = {"README.md", "generation_config.json"}
"""Files beside the weights that no number depends on."""


class LocalTarget(Target):
    """A model that transformers can load from files."""

    def __init__(self, files: ModelFiles) -> None:
        self.files = files
        self.subject = files.subject

    def lacks(self, capability: Capability) -> str | None:
        """Running it gives gradients and log-probabilities, and weights that no file holds as floats."""
        return _why_no_weights(self.files) if capability is Capability.WEIGHTS else None

    def open(self, how: MeasureOptions, observe: Observer, checkpoint: Checkpoint) -> OpenTarget:
        """The model is loaded once a signal asks for something that needs running it."""
        if isinstance(self.files.partial, RangedTensors):
            self.files.partial.tell(lambda said: observe.note(f"{self.subject.id}: {said}"))
        return _OpenModel(self.files, how, observe, checkpoint)

    def runs_on(self, how: MeasureOptions) -> str:
        """The device that is asked for, or that `auto` means here."""
        settled = settle(how.device, how.dtype)
        return f"{settled.device} {settled.dtype}"

    def vocabulary(self) -> Mapping[str, int]:
        """From tokenizer.json; a tokenizer that cannot be loaded counts as missing."""
        return read_vocabulary(self.files)

    def identity(self) -> list[object] | None:
        """None where code from the model's repository may run: it can load what it likes."""
        return None if _runs_code(self.files) or not self.subject.files else _content(self.subject)

    def runs_for(self, capability: Capability) -> bool:
        """Weights are read from its files where these hold floats."""
        return capability is not Capability.WEIGHTS or not _holds_floats(self.files)

    def environment(self, how: MeasureOptions, *, running: bool = True) -> Mapping[str, object]:
        """The device and dtype that will be used, versions, and a digest of the code that measures."""
        return environment(how) if running else reading_environment()

    def stamps(self) -> Stamps:
        """Stamps of all files whose digests the subject states."""
        return stamps(self.files)

    def paths(self) -> Sequence[Path]:
        """All files whose digests the subject states."""
        return paths(self.files)


class _OpenModel:
    """A model loaded from files that is being measured."""

    def __init__(self, files: ModelFiles, how: MeasureOptions, observe: Observer, checkpoint: Checkpoint) -> None:
        self._files = files
        self._settings = (how, observe, checkpoint)

    @cached_property
    def _running(self) -> RunningModel:
        from provcheck.measurement.engine import RunningModel

        return RunningModel(self._files, *self._settings)

    def attributions(
        self, questions: Sequence[tuple[str, Sequence[str]]]
    ) -> Sequence[Sequence[TokenAttributions] | str]:
        """By running the model."""
        return self._running.attributions(questions)

    def log_likelihoods(self, texts: Sequence[str]) -> Sequence[LogLikelihood | str]:
        """By running the model."""
        return self._running.log_likelihoods(texts)

    def tensors(self) -> Tensors:
        """From the files where they hold floats; else those of the loaded model."""
        return _tensor_files(self._files) if _holds_floats(self._files) else self._running.tensors()

    def config(self) -> Mapping[str, Any]:
        """From config.json, or from the GGUF file; an adapter has that of its base."""
        path = Path(self._files.folder) / "config.json"
        stated = self._running.config() if gguf_file(self._files) else read_json(path)
        nested = stated.get("text_config")
        return {**nested, **stated} if isinstance(nested, dict) else stated

    def token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """From its tokenizer; the model is not loaded for it."""
        return token_ids(self._files, texts)

    def runs_on(self) -> RunsOn:
        """Where the model runs; nowhere as long as only its files were read."""
        if "_running" not in vars(self):
            return RunsOn(NO_DEVICE, AS_STORED, versions(running=False))
        return RunsOn(self._running.device, self._running.dtype, versions(), self._running.unused_tensors)


def find(model: str, options: FindOptions) -> Target:
    """A folder, a Hub id, or `demo`. Raises SubjectError."""
    if model != DEMO:
        return LocalTarget(resolve(model, options))
    files = resolve(str(data.demo_folder()), options)
    return LocalTarget(replace(files, subject=files.subject.model_copy(update={"source": DEMO})))


def _why_no_weights(files: ModelFiles) -> str | None:
    """Why the weights cannot be read as floats."""
    method = quantization(files)
    if method in (None, DEQUANTIZED) or _holds_floats(files):
        return None
    return f"the stored weights are quantized ({clean(method)})"


def _holds_floats(files: ModelFiles) -> bool:
    """Whether the files hold the weights as floats: safetensors, nothing to merge in, nothing packed."""
    if files.subject.base is not None or files.subject.weight_format != "safetensors":
        return False
    return quantization(files) is None or all(map((stored := _tensor_files(files)).holds_floats, stored))


def _tensor_files(files: ModelFiles) -> Tensors:
    return files.partial or TensorFiles([Path(files.folder) / file.name for file in files.subject.weights])


def _content(subject: Subject) -> list[object]:
    """Digests of the files of a model, and for an adapter of the model under it.

    A file that was read in part is named by what the Hub states about it, which no digest of a file can equal.
    """
    weights = sorted((file.name, file.sha256 or _stated(file, subject)) for file in subject.weights)
    files = sorted((file.name, file.sha256) for file in subject.files if file.name not in NOT_READ)
    return [weights, files, subject.base and _content(subject.base)]


def _stated(file: FileDigest, subject: Subject) -> str:
    return f"stated by the Hub, not computed: {file.stated_etag} {file.bytes} {subject.id}@{subject.revision}"


def _runs_code(files: ModelFiles) -> bool:
    """Whether code of the model's repository is allowed and asked for; an unreadable config counts as asking."""
    folders = [Path(folder) for folder in (files.folder, files.adapter_folder) if folder is not None]
    return files.trust_remote_code and any(
        _asks_for_code(folder / name) for folder in folders for name in ("config.json", "tokenizer_config.json")
    )


def _asks_for_code(config: Path) -> bool:
    try:
        return bool(json.loads(config.read_bytes()).get("auto_map"))
    except FileNotFoundError:
        return False
    except (OSError, ValueError, AttributeError, RecursionError):
        return True
