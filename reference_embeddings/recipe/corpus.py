"""Training text: the corpora of a folder, mixed by weight, as batches of token windows."""

from __future__ import annotations

import hashlib
import lzma
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from .plan import Scale

VALIDATION_SHARE = 0.02
CHUNK_CHARACTERS = 4000
VALIDATION_CHARACTERS = 1000
VALIDATION_TEXTS = 12


class Corpora:
    """The texts of one folder (`NAME.txt` or `NAME.txt.xz`) and the mixes the recipe makes of them."""

    def __init__(self, folder: Path, mixes: Mapping[str, Mapping[str, float]], scale: Scale) -> None:
        self.folder, self.mixes, self.scale = folder, mixes, scale
        self._streams: dict[tuple[str, str], torch.Tensor] = {}

    def training_text(self, corpus: str) -> str:
        """The first 98 % of a corpus, no longer than the scale wants."""
        text = read_corpus(self.folder, corpus)
        return text[: min(self.scale.corpus_characters, int(len(text) * (1 - VALIDATION_SHARE)))]

    def validation_texts(self, mix: str) -> list[str]:
        """Pieces from the last 2 % of every corpus of a mix, never trained on."""
        return [piece for corpus in self.mixes[mix] for piece in held_out_texts(self.folder, corpus)]

    def batches(self, mix: str, tokenizer: Any, seed: int) -> Iterator[torch.Tensor]:
        """Endless batches of random token windows; now and then a long one, so that late positions are trained too."""
        generator = torch.Generator().manual_seed(seed)
        streams = [self._stream(corpus, tokenizer) for corpus in self.mixes[mix]]
        weights = torch.tensor(list(self.mixes[mix].values()))
        start = leading_tokens(tokenizer)
        step = 0
        while True:
            step += 1
            shape = self.scale.batch if step % self.scale.long_every else self.scale.long_batch
            chosen = torch.multinomial(weights, shape.rows, replacement=True, generator=generator)
            yield torch.stack([_window(streams[int(i)], start, shape.length, generator) for i in chosen])

    def _stream(self, corpus: str, tokenizer: Any) -> torch.Tensor:
        backend = tokenizer.backend_tokenizer
        key = corpus, hashlib.sha256(backend.to_str().encode()).hexdigest()
        if key not in self._streams:
            encoded = backend.encode_batch(_chunks(self.training_text(corpus)), add_special_tokens=False)
            self._streams[key] = torch.tensor([token for piece in encoded for token in piece.ids])
        return self._streams[key]


@lru_cache(maxsize=16)
def read_corpus(folder: Path, corpus: str) -> str:
    """The text of a corpus."""
    packed = folder / f"{corpus}.txt.xz"
    if packed.exists():
        return lzma.open(packed, "rt", encoding="utf-8").read()
    plain = folder / f"{corpus}.txt"
    if plain.exists():
        return plain.read_text(encoding="utf-8")
    raise FileNotFoundError(f"no corpus {corpus}.txt.xz or {corpus}.txt in {folder}")


def held_out_texts(folder: Path, corpus: str) -> list[str]:
    """Pieces from the last 2 % of a corpus, never trained on."""
    text = read_corpus(folder, corpus)
    return _evenly(text[-int(len(text) * VALIDATION_SHARE) :], VALIDATION_TEXTS)


def leading_tokens(tokenizer: Any) -> torch.Tensor:
    """The special tokens that the tokenizer puts before every text."""
    return torch.tensor(tokenizer.backend_tokenizer.encode("").ids, dtype=torch.long)


def _window(stream: torch.Tensor, start: torch.Tensor, length: int, generator: torch.Generator) -> torch.Tensor:
    take = length - len(start)
    if take > len(stream):
        raise ValueError(f"a corpus of {len(stream)} tokens is shorter than a window of {take}")
    offset = int(torch.randint(len(stream) - take + 1, (1,), generator=generator))
    return torch.cat([start, stream[offset : offset + take]])


def _chunks(text: str) -> list[str]:
    """Whole lines put together to pieces of about 4,000 characters, quick to tokenize."""
    pieces, current = [], ""
    for line in text.splitlines(keepends=True):
        current += line
        if len(current) >= CHUNK_CHARACTERS:
            pieces.append(current)
            current = ""
    return [*pieces, current] if current else pieces


def _evenly(text: str, count: int) -> list[str]:
    step = max(1, len(text) // count)
    return [text[i : i + VALIDATION_CHARACTERS] for i in range(0, len(text), step)][:count]
