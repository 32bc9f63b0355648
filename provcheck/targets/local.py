"""A model whose files are on this machine, or are brought here from the Hub: a full model, an adapter, a GGUF file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from provcheck.checkpoint import Checkpoint
from provcheck.io import data
from provcheck.io.tensor_files import TensorFiles
from provcheck.measurement import MeasureOptions
from provcheck.measurement.environment import environment, reading_environment, versions
from provcheck.observer import Observer
from provcheck.targets.model_files import paths, stamps
from provcheck.targets.resolution import resolve
from provcheck.targets.target import DEMO, FindOptions, OpenTarget, RunsOn, Stamps, Target
from provcheck.types import AS_STORED, NO_DEVICE, Capability, Floats, ModelFiles, Subject, TokenAttributions

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
        """Running it gives gradients and log-probabilities; its weights are read only from plain safetensors."""
        return _why_no_weights(self.subject) if capability is Capability.WEIGHTS else None

    def open(self, how: MeasureOptions, observe: Observer, checkpoint: Checkpoint) -> OpenTarget:
        """The model is loaded once a signal asks for something that needs running it."""
        return _OpenModel(self.files, how, observe, checkpoint)

    def runs_on(self, how: MeasureOptions) -> str:
        """The device that is asked for, or that `auto` means here."""
        from provcheck.measurement.devices import choose_device, choose_dtype, name_dtype

        device = choose_device(how.device)
        return f"{device} {name_dtype(choose_dtype(how.dtype, device))}"

    def identity(self) -> list[object] | None:
        """None where code from the model's repository may run: it can load what it likes."""
        return None if _runs_code(self.files) or not self.subject.files else _content(self.subject)

    def runs_for(self, capability: Capability) -> bool:
        """Weights are read from its files."""
        return capability is not Capability.WEIGHTS

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

    def log_likelihoods(self, texts: Sequence[str]) -> Sequence[float | str]:
        """By running the model."""
        return self._running.log_likelihoods(texts)

    def tensors(self) -> Mapping[str, Floats]:
        """From the files; the model is not loaded for it."""
        return TensorFiles([Path(self._files.folder) / file.name for file in self._files.subject.weights])

    def runs_on(self) -> RunsOn:
        """Where the model runs; nowhere as long as only its files were read."""
        if "_running" not in vars(self):
            return RunsOn(NO_DEVICE, AS_STORED, versions(running=False))
        return RunsOn(self._running.device, self._running.dtype, versions())


def find(model: str, options: FindOptions) -> Target:
    """A folder, a Hub id, or `demo`. Raises SubjectError."""
    if model != DEMO:
        return LocalTarget(resolve(model, options))
    files = resolve(str(data.demo_folder()), options)
    return LocalTarget(replace(files, subject=files.subject.model_copy(update={"source": DEMO})))


def _why_no_weights(subject: Subject) -> str | None:
    """Why the weights cannot be read tensor by tensor."""
    if subject.base is not None:
        return "an adapter holds only changes to the weights of its base"
    if subject.weight_format != "safetensors":
        return f"the weights are in the format {subject.weight_format}, and only safetensors are read"
    return "the stored weights are quantized" if subject.parameters is None else None


def _content(subject: Subject) -> list[object]:
    """Digests of the files of a model, and for an adapter of the model under it."""
    weights = sorted((file.name, file.sha256) for file in subject.weights)
    files = sorted((file.name, file.sha256) for file in subject.files if file.name not in NOT_READ)
    return [weights, files, subject.base and _content(subject.base)]


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
