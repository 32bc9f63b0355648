"""The texts of a model's tokens, from its tokenizer.json."""

from __future__ import annotations

from pathlib import Path

from provcheck.measurement.sources import FAST
from provcheck.types import ModelFiles


def read_vocabulary(files: ModelFiles) -> dict[str, int]:
    """Number by text, an adapter's own first; empty where there is no such file, or it cannot be loaded."""
    from tokenizers import Tokenizer

    for folder in (files.adapter_folder, files.folder):
        path = Path(folder, FAST) if folder else None
        if path and path.is_file():
            try:
                return dict(Tokenizer.from_file(str(path)).get_vocab(with_added_tokens=True))
            except Exception:  # the library raises plain exceptions
                return {}
    return {}
