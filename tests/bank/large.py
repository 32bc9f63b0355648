"""A bank of thousands of made-up references in families, written straight to disk; no number here was measured."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from provcheck.bank.folder import ARRAYS_FILE, file_digest
from provcheck.bank.manifest import BankEntry, BankManifest
from provcheck.types import ALGORITHM, Coverage, Floats

BLOCKS, WIDTH, TEXTS = 48, 256, 524
FAMILY = 25
"""Members of a family: a root, another run of its recipe, and descendants of the two."""

PROBES_DIGEST = hashlib.sha256(b"synthetic").hexdigest()
CATEGORIES = tuple(f"category-{block // 6}" for block in range(BLOCKS))


def write_large_bank(folder: Path, references: int) -> Path:
    """Write a bank in the layout of `save_bank`; the arrays of 10,000 references take 512 MB."""
    folder.mkdir(parents=True)
    entries = tuple(_entry(number) for number in range(references))
    save_file(_arrays(references), folder / ARRAYS_FILE)
    manifest = BankManifest(
        name="large",
        algorithm=ALGORITHM,
        probes="synthetic",
        probes_digest=PROBES_DIGEST,
        block_categories=CATEGORIES,
        mean_text_bytes=400.0,
        versions={"torch": "0"},
        references=entries,
        files={ARRAYS_FILE: file_digest(folder / ARRAYS_FILE)},
    )
    manifest = manifest.model_copy(update={"digest": manifest.computed_digest()})
    (folder / "manifest.json").write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return folder


def _name(number: int) -> str:
    return f"org-{number // FAMILY}/model-{number % FAMILY}"


def _entry(number: int) -> BankEntry:
    family, member = divmod(number, FAMILY)
    root = member < 2
    return BankEntry(
        id=_name(number),
        family=f"family-{family}",
        parents=() if root else (_name(_parent(number)),),
        mechanism="from-scratch" if root else ("fine-tune", "lora", "prune", "quantize")[member % 4],
        license="apache-2.0",
        model_type="llama",
        tokenizer="BPE",
        parameters=1_000_000 + number,
        weights_digest=hashlib.sha256(f"weights {number}".encode()).hexdigest(),
        coverage=Coverage(questions=524, questions_total=524, texts=TEXTS, texts_total=TEXTS),
        bits_per_byte=1.1,
        dtype="float32",
        sha256=hashlib.sha256(f"rows {number}".encode()).hexdigest(),
    )


def _parent(number: int) -> int:
    """Long lines and wide families: each descends from one of the three before it, or from a root."""
    family, member = divmod(number, FAMILY)
    return family * FAMILY + (max(0, member - 1 - member % 3) if member % 5 else member % 2)


def _arrays(references: int) -> dict[str, Floats]:
    stream = np.random.default_rng(0)
    contrast = np.empty((references, BLOCKS, WIDTH), dtype=np.float16)
    paper = np.empty_like(contrast)
    loglik = np.empty((references, TEXTS), dtype=np.float32)
    for number in range(references):
        member = number % FAMILY
        blocks, texts = stream.standard_normal((BLOCKS, WIDTH), dtype=np.float32), stream.standard_normal(TEXTS)
        if member >= 2:
            parent, share = _parent(number), 0.3 + 0.02 * member
            blocks = np.sqrt(1 - share**2) * contrast[parent].astype(np.float32) + share * blocks
            texts = (loglik[parent] + 300) / 40 + 0.1 * texts
        contrast[number] = blocks
        paper[number] = blocks + 0.5 * contrast[number - member]
        loglik[number] = 40 * texts - 300
    return {"contrast_blocks": contrast, "loglik": loglik, "paper_blocks": paper}
