"""Models made on the fly from others: their weights changed in numpy, written beside a copy of their other files."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from safetensors.numpy import save_file

from provcheck.errors import StudyError
from provcheck.io import data
from provcheck.io.tensor_files import TensorFiles
from provcheck.measuring import measure_model
from provcheck.studies.material import StudyOptions
from provcheck.types import Floats, Measurement, ProbeSet

WEIGHTS = "*.safetensors"
COPIED = ("*.json", "*.txt", "*.model", "*.jinja")
"""Config, tokenizer and what belongs to them; never code."""

Weights = dict[str, Floats]


def folders_of(options: StudyOptions, least: int = 1) -> list[Path]:
    """The folders of the models to run: those named, or else those that ship. Raises StudyError for too few.

    Only folders with safetensors can be changed here; what else may be audited, such as a Hub id, cannot.
    """
    folders = [Path(one) for one in options.models] or list(data.demo_subjects().values())
    for folder in folders:
        if not (folder / "config.json").is_file() or not any(folder.glob(WEIGHTS)):
            raise StudyError(f"{folder} is no folder with config.json and safetensors", "download the model first")
    if len(folders) < least:
        raise StudyError(f"{least} models are needed, and there are {len(folders)}", "name folders with --models")
    return folders


def weights_of(folder: Path) -> Weights:
    """Every tensor of floats in float32, by name."""
    files = TensorFiles(sorted(folder.glob(WEIGHTS)))
    return {name: np.array(files[name], dtype=np.float32) for name in files if files.holds_floats(name)}


@contextmanager
def variant(folder: Path, weights: Mapping[str, Floats]) -> Iterator[Path]:
    """A folder like that one, with these weights; it is gone afterwards."""
    with TemporaryDirectory(prefix="provcheck-study-") as temporary:
        made = Path(temporary) / folder.name
        made.mkdir()
        for pattern in COPIED:
            for file in folder.glob(pattern):
                if file.name != "model.safetensors.index.json":
                    shutil.copyfile(file, made / file.name)
        save_file({name: np.ascontiguousarray(one) for name, one in weights.items()}, made / "model.safetensors")
        yield made


@contextmanager
def saved_probes(probes: ProbeSet) -> Iterator[str]:
    """A folder for `measure_with`; it is gone afterwards."""
    with TemporaryDirectory(prefix="provcheck-study-") as folder:
        for name, items in (("questions", probes.questions), ("texts", probes.texts)):
            lines = "".join(f"{one.model_dump_json()}\n" for one in items)
            (Path(folder) / f"{name}.jsonl").write_text(lines, encoding="utf-8")
        yield folder


def measure_with(
    options: StudyOptions, folder: Path, weights: Mapping[str, Floats] | None, probes: str, *signals: str
) -> Measurement:
    """Measure a model, or a variant of it with other weights, by these signals; nothing is kept."""
    how = replace(options.model, probes=probes, signals=signals, cache=False)
    if weights is None:
        return measure_model(folder, how)
    with variant(folder, weights) as made:
        return measure_model(made, how)


def same_form(all_weights: list[Weights]) -> bool:
    """Whether the models have the same tensors, so that they can be mixed."""
    forms = [{name: one.shape for name, one in weights.items()} for weights in all_weights]
    return all(form == forms[0] for form in forms)
