"""Read and check a bank: manifest.json beside plain arrays, no pickle anywhere."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from provcheck import data
from provcheck.bank.arrays import all_finite, read_arrays
from provcheck.bank.kinship import Kinship
from provcheck.bank.manifest import REBUILD, BankEntry, BankManifest, leads_outside, read_bank_manifest
from provcheck.errors import BankError
from provcheck.reading import reason
from provcheck.store import MAX_NATS, arrays_digest
from provcheck.types import Floats

ARRAYS_FILE = "bank.safetensors"
WORDS_FILE = "words.safetensors"
"""Raw word attributions in half precision; for research, not needed for an audit and not in the wheel."""


@dataclass(frozen=True)
class Bank:
    """A loaded bank of M references.

    paper_blocks, contrast_blocks: (M, B, 256) float16; loglik_nats: (M, N) float32, NaN where left out.
    """

    manifest: BankManifest
    folder: Path
    paper_blocks: Floats
    contrast_blocks: Floats
    loglik_nats: Floats

    @property
    def references(self) -> tuple[BankEntry, ...]:
        """The reference models, in the order of the arrays' rows."""
        return self.manifest.references

    def checked_file(self, name: str) -> Path | None:
        """A further file that the manifest lists, its digest checked; None when the bank has none of that name."""
        if name not in self.manifest.files:
            return None
        _check_file(self.folder, self.manifest, name)
        return self.folder / name

    @cached_property
    def kinship(self) -> Kinship:
        """The documented lineage."""
        return Kinship(self.references)


def load_bank(name: str) -> Bank:
    """Load a shipped bank by name, or a folder, and check every digest.

    Raises BankError when the bank is unknown, broken, or was changed.
    """
    folder = data.bank_folder(name)
    manifest = read_bank_manifest(folder)
    try:
        arrays = read_arrays(_plain_file(folder, manifest, ARRAYS_FILE), manifest.files.get(ARRAYS_FILE, ""))
        if arrays is None:
            raise _changed(manifest, ARRAYS_FILE)
        bank = Bank(manifest, folder, arrays["paper_blocks"], arrays["contrast_blocks"], arrays["loglik"])
    except KeyError as error:
        raise BankError(f"the arrays of bank '{manifest.name}' lack {error}", REBUILD) from None
    except (OSError, ValueError) as error:
        raise BankError(f"the arrays of bank '{manifest.name}' cannot be read: {reason(error)}", REBUILD) from None
    if not arrays_fit(bank):
        raise BankError(f"the arrays of bank '{manifest.name}' do not fit its manifest, or hold NaN", REBUILD)
    return bank


def verify_bank(name: str) -> Bank:
    """Load a bank and check the digest of every single model too, and of the raw attributions where present."""
    bank = load_bank(name)
    for row, reference in enumerate(bank.references):
        rows = {
            "paper_blocks": bank.paper_blocks[row],
            "contrast_blocks": bank.contrast_blocks[row],
            "loglik": bank.loglik_nats[row],
        }
        if arrays_digest(rows) != reference.sha256:
            raise BankError(f"the numbers of '{reference.id}' in bank '{bank.manifest.name}' were changed")
    if (bank.folder / WORDS_FILE).exists():
        _check_file(bank.folder, bank.manifest, WORDS_FILE)
    return bank


def file_digest(path: Path) -> str:
    """sha256 (hex) of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_file(folder: Path, manifest: BankManifest, name: str) -> None:
    path = _plain_file(folder, manifest, name)
    try:
        changed = file_digest(path) != manifest.files.get(name)
    except OSError as error:
        raise BankError(f"the file {name} of bank '{manifest.name}' cannot be read: {reason(error)}") from None
    if changed:
        raise _changed(manifest, name)


def _plain_file(folder: Path, manifest: BankManifest, name: str) -> Path:
    """A file of the folder itself: a bank from elsewhere must not make us read what lies outside of it."""
    path = folder / name
    if not path.is_file() or leads_outside(path):
        raise BankError(f"the bank '{manifest.name}' lacks its file {name}", "get or build the bank again")
    return path


def _changed(manifest: BankManifest, name: str) -> BankError:
    return BankError(f"the file {name} of bank '{manifest.name}' was changed after the bank was built", REBUILD)


def arrays_fit(bank: Bank) -> bool:
    """Whether all are numbers that models give, one row per reference, and both views of the same blocks."""
    paper, contrast, loglik = bank.paper_blocks, bank.contrast_blocks, bank.loglik_nats
    return (
        (paper.ndim, loglik.ndim) == (3, 2)
        and paper.shape == contrast.shape
        and len(paper) == len(loglik) == len(bank.references)
        and paper.shape[1] == len(bank.manifest.block_categories)
        and all_finite(paper)
        and all_finite(contrast)
        and not (np.abs(loglik) > MAX_NATS).any()
    )
