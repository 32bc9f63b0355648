"""Write a bank, whole or not at all."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from provcheck.bank.folder import ARRAYS_FILE, WORDS_FILE, Bank, file_digest
from provcheck.bank.manifest import BankEntry, BankManifest
from provcheck.errors import OutputError
from provcheck.store import arrays_digest, write_whole
from provcheck.types import Floats, Measurement, ProbeSet, Reference

MANIFEST_FILE = "manifest.json"


def save_bank(
    folder: Path, name: str, probes: ProbeSet, models: Sequence[tuple[Reference, Measurement]], *, words: bool = False
) -> BankManifest:
    """Write a bank of measured models, whole or not at all, in place of the folder. Raises OutputError."""
    arrays: dict[str, Floats] = {
        "paper_blocks": np.stack([m.paper_blocks for _, m in models]).astype(np.float16),
        "contrast_blocks": np.stack([m.contrast_blocks for _, m in models]).astype(np.float16),
        "loglik": np.stack([m.loglik_nats for _, m in models]).astype(np.float32),
    }
    entries = [
        entry_of(reference, measurement, {name: array[row] for name, array in arrays.items()})
        for row, (reference, measurement) in enumerate(models)
    ]
    manifest = BankManifest(
        name=name,
        algorithm=models[0][1].facts.algorithm,
        probes=probes.name,
        probes_digest=probes.digest,
        block_categories=tuple(block.category for block in probes.blocks),
        mean_text_bytes=float(np.mean([len(text.text.encode()) for text in probes.texts])),
        versions=models[0][1].facts.versions,
        references=tuple(entries),
        files={},
    )
    files = {ARRAYS_FILE: save(arrays)} | ({WORDS_FILE: save(words_of(models))} if words else {})
    return replace_bank(folder, manifest, files)


def replace_bank(
    folder: Path, manifest: BankManifest, files: Mapping[str, bytes], keep: Iterable[Path] = ()
) -> BankManifest:
    """Write a bank in place of the folder, whole or not at all, with its digests; `keep` are copied into it.

    Killed at the worst moment, the old and the new bank both lie in `.FOLDER.*` beside it. Raises OutputError.
    """
    folder = folder.resolve()
    manifest = sealed(manifest, {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())})
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as temporary:
            made = Path(temporary) / "new"
            made.mkdir()
            for name, content in {**files, MANIFEST_FILE: manifest.rendered()}.items():
                (made / name).write_bytes(content)
            for path in keep:
                _copy(path, made / path.name)
            check_replaceable(folder)
            _put_in_place(made, folder, Path(temporary) / "old")
    except OSError as error:
        raise OutputError(f"cannot write the bank {folder}: {error.strerror}") from None
    return manifest


def _copy(path: Path, target: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.copytree(path, target, symlinks=True)
    else:
        shutil.copy2(path, target, follow_symlinks=False)


def _put_in_place(made: Path, folder: Path, aside: Path) -> None:
    if folder.exists():
        folder.rename(aside)
    try:
        made.rename(folder)
    except OSError:
        if aside.exists():
            aside.rename(folder)
        raise


def check_replaceable(folder: Path) -> None:
    """Only a bank or an empty folder may be overwritten by a bank. Raises OutputError."""
    if not folder.exists() or (folder / MANIFEST_FILE).is_file() or (folder.is_dir() and not any(folder.iterdir())):
        return
    raise OutputError(f"{folder} exists and is not a bank", "choose another folder with --out")


def add_file(bank: Bank, name: str, content: bytes) -> BankManifest:
    """Put a further file into a bank and into its manifest. Raises OutputError."""
    write_whole(bank.folder / name, content)
    files = {**bank.manifest.files, name: file_digest(bank.folder / name)}
    manifest = sealed(bank.manifest, files)
    write_whole(bank.folder / MANIFEST_FILE, manifest.rendered())
    return manifest


def sealed(manifest: BankManifest, files: Mapping[str, str]) -> BankManifest:
    """The manifest with the digests of these files, and its own."""
    manifest = manifest.model_copy(update={"files": dict(files)})
    return manifest.model_copy(update={"digest": manifest.computed_digest()})


def entry_of(reference: Reference, measurement: Measurement, rows: dict[str, Floats]) -> BankEntry:
    """What the manifest says of a measured model; `rows` are its rows of the arrays."""
    subject, facts = measurement.subject, measurement.facts
    return BankEntry(
        **reference.model_dump(include=set(Reference.model_fields)),
        model_type=subject.model_type,
        tokenizer=subject.tokenizer,
        parameters=subject.parameters,
        revision=subject.revision,
        weights_digest=subject.weights_digest,
        coverage=facts.coverage,
        bits_per_byte=facts.bits_per_byte,
        dtype=facts.dtype,
        sha256=arrays_digest(rows),
    )


def words_of(models: Sequence[tuple[Reference, Measurement]]) -> dict[str, Floats]:
    """Raw attributions by id, each scaled to a largest value of 1 so that half precision holds them."""
    words = {reference.id: m.words for reference, m in models if m.words is not None}
    return {id: (array / max(float(np.abs(array).max()), 1e-30)).astype(np.float16) for id, array in words.items()}
