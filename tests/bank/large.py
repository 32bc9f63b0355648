"""A bank of thousands of made-up references in families, written straight to disk; no number here was measured."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from provcheck.bank import load_bank
from provcheck.bank.folder import arrays_file
from provcheck.bank.manifest import BankEntry, BankManifest, BankSignal, EntryFacts
from provcheck.io.digests import file_digest
from provcheck.signals import find_signal
from provcheck.signals.able.values import CONTRAST, PAPER
from provcheck.signals.likelihood.values import LOGLIK
from provcheck.store import save_measurement
from provcheck.types import Coverage, Floats
from tests.synthetic import make_measurement, stacked, with_facts

BLOCKS, WIDTH, TEXTS = 48, 256, 524
FAMILY = 25
"""Members of a family: a root, another run of its recipe, and descendants of the two."""

PROBES_DIGEST = hashlib.sha256(b"synthetic").hexdigest()
SIGNALS = {
    "able": BankSignal(
        version=find_signal("able").version,
        material=PROBES_DIGEST,
        context={"categories": {f"category-{category}": 6 for category in range(BLOCKS // 6)}},
    ),
    "likelihood": BankSignal(
        version=find_signal("likelihood").version, material=PROBES_DIGEST, context={"mean_text_bytes": 400.0}
    ),
}
QUESTIONS = Coverage(measured=524, total=524, unit="question")
ALL_TEXTS = Coverage(measured=TEXTS, total=TEXTS, unit="text")


def write_large_bank(folder: Path, references: int, *, weights: bool = False) -> Path:
    """Write a bank in the layout of `save_bank`; the arrays of 10,000 references take 512 MB.

    weights: 800 MB more, of sketches of weights.
    """
    folder.mkdir(parents=True)
    entries = tuple(_entry(number) for number in range(references))
    found, signals = _arrays(references), dict(SIGNALS)
    if weights:
        signals["weights"], found["weights"], entries = _weighed(entries)
    files = {arrays_file(signal): arrays for signal, arrays in found.items()}
    for name, arrays in files.items():
        save_file(arrays, folder / name)
    manifest = BankManifest(
        name="large",
        probes="synthetic",
        probes_digest=PROBES_DIGEST,
        signals=signals,
        versions={"torch": "0"},
        references=entries,
        files={name: file_digest(folder / name) for name in files},
    )
    (folder / "manifest.json").write_bytes(manifest.with_digest().rendered())
    return folder


def _name(number: int) -> str:
    return f"org-{number // FAMILY}/model-{number % FAMILY}"


def write_descendant(bank: Path, file: Path, parent: int) -> Path:
    """Write the measurement of a descendant of the reference of that number."""
    loaded = load_bank(str(bank))
    blocks = stacked(loaded, CONTRAST)[parent]
    blocks = (blocks + 0.4 * np.random.default_rng(1).standard_normal(blocks.shape)).astype(np.float32)
    made = make_measurement("org/subject", blocks, loglik=stacked(loaded, LOGLIK)[parent].astype(np.float64))
    for name, facts in loaded.manifest.signals.items():
        made = with_facts(made, name, material=facts.material, context=facts.context)
    save_measurement(made, file)
    return file


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
        weights_digest=_digest_of(f"weights {number}"),
        dtype="float32",
        signals={
            "able": EntryFacts(coverage=QUESTIONS, sha256=_digest_of(f"able {number}")),
            "likelihood": EntryFacts(
                coverage=ALL_TEXTS, values={"bits_per_byte": 1.1}, sha256=_digest_of(f"likelihood {number}")
            ),
        },
    )


def _digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _parent(number: int) -> int:
    """Long lines and wide families: each descends from one of the three before it, or from a root."""
    family, member = divmod(number, FAMILY)
    return family * FAMILY + (max(0, member - 1 - member % 3) if member % 5 else member % 2)


def _arrays(references: int) -> dict[str, dict[str, Floats]]:
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
    return {"able": {CONTRAST: contrast, PAPER: paper}, "likelihood": {LOGLIK: loglik}}


def _weighed(entries: tuple[BankEntry, ...]) -> tuple[BankSignal, dict[str, Floats], tuple[BankEntry, ...]]:
    """The entries with sketches of weights: each family is laid out like a model of the bank that ships, with bits of
    its own, of which 1 to 3 % differ from member to member."""
    shipped = load_bank("zoo-v2")
    stack, stream = shipped.stacks["weights"], np.random.default_rng(2)
    arrays = {name: np.empty((len(entries), *one.shape[1:]), one.dtype) for name, one in stack.arrays.items()}
    weighed = []
    for number, entry in enumerate(entries):
        member = number % FAMILY
        if member == 0:
            place = int(stream.integers(len(stack)))
            root = {name: _bits_of_its_own(one[place], stream) for name, one in stack.arrays.items()}
        for name, one in root.items():
            arrays[name][number] = _disturbed(one, 0.01 + 0.02 * member / FAMILY, stream)
        facts = EntryFacts(
            coverage=Coverage(measured=1, total=1, unit="block"),
            values=dict(stack.values[place]),
            sha256=_digest_of(f"weights {number}"),
        )
        weighed.append(entry.model_copy(update={"signals": {**entry.signals, "weights": facts}}))
    return shipped.manifest.signals["weights"].model_copy(update={"fitted": {}}), arrays, tuple(weighed)


def _bits_of_its_own(row: Floats, stream: np.random.Generator) -> Floats:
    if row.dtype == np.uint8:
        return np.asarray(stream.integers(0, 256, row.shape, dtype=np.uint8))
    return stream.standard_normal(row.shape) if row.dtype == np.float16 else row


def _disturbed(row: Floats, share: float, stream: np.random.Generator) -> Floats:
    if row.dtype == np.uint8:
        flipped = stream.random((*row.shape, 8), dtype=np.float32) < share
        return np.asarray(np.bitwise_xor(row, np.packbits(flipped, axis=-1)[..., 0]))
    if row.dtype == np.float64:
        row = row + 0.3 * stream.standard_normal(row.shape)
        return np.asarray(row / np.linalg.norm(row))
    return row
