"""What studies read of a bank, and what they measure beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import cast

import numpy as np

from provcheck.bank import Bank
from provcheck.bank.folder import raw_file
from provcheck.errors import StudyError
from provcheck.io.safetensors import read_arrays
from provcheck.measuring import ModelOptions
from provcheck.observer import Observer, Silent
from provcheck.probes import load_probes
from provcheck.signals.able.views import word_of_character
from provcheck.signals.likelihood.divergence import pairwise_divergences
from provcheck.signals.likelihood.values import LOGLIK
from provcheck.types import Floats, Ints, ProbeSet

GET_ANOTHER = "name a bank that has it, or `provcheck bank build MANIFEST.yaml --raw` builds one"


@dataclass(frozen=True)
class StudyOptions:
    """What the user named beside the bank.

    `models`: models to run, named as for an audit; none: those that ship. `csv`: a table of the user's, such as scores.
    `model.probes` is the bank's own probe set unless another name or folder of the same probes is given.
    """

    models: tuple[str, ...] = ()
    csv: Path | None = None
    model: ModelOptions = field(default_factory=lambda: ModelOptions(probes=""))
    observe: Observer = field(default_factory=Silent)
    bank_name: str = ""
    """The bank as the user named it."""


@dataclass(frozen=True)
class Likelihoods:
    """Log-likelihoods (M, N) in nats of M references, NaN where a text was left out; `rows` are theirs in the bank.

    `bits` (M,): what each spends on the texts in bits/byte, NaN if not known.
    """

    nats: Floats
    rows: Ints
    mean_bytes: float
    bits: Floats

    @cached_property
    def easier(self) -> Likelihoods:
        """On the half of the texts that the models predict best, by the median of their log-likelihoods."""
        median = np.nanmedian(np.where(np.isfinite(self.nats), self.nats, -np.inf), axis=0)
        best = np.sort(np.argsort(-median, kind="stable")[: len(median) // 2])
        return replace(self, nats=self.nats[:, best])

    def divergences(self, texts: Ints | None = None) -> Floats:
        """(M, M) KL in bits/byte, of some texts or of all; NaN where two models have too few in common."""
        return pairwise_divergences(self.nats if texts is None else self.nats[:, texts], self.mean_bytes)


@dataclass(frozen=True)
class RawAttributions:
    """Attributions of words of M references, one vector each, as half precision keeps them.

    `words` and `relative` (M, W): of the paper's view, and relative to the mean embedding. `places[q]` are the columns
    of question q, its options one after the other, in `options[q]` equal parts. `rows`: the references in the bank.
    """

    words: Floats
    relative: Floats
    places: tuple[Ints, ...]
    options: tuple[int, ...]
    rows: Ints


def probes_of(bank: Bank, options: StudyOptions) -> ProbeSet:
    """The probes that the bank was measured with. Raises StudyError for others, and ProbeError."""
    probes = load_probes(options.model.probes or bank.manifest.probes)
    if probes.digest != bank.manifest.probes_digest:
        raise StudyError(
            f"bank '{bank.manifest.name}' was measured with other probes than '{probes.name}'",
            "name the folder of its probes with --probes",
        )
    return probes


def likelihoods_of(bank: Bank, least: int = 4) -> Likelihoods:
    """The log-likelihoods of a bank. Raises StudyError for fewer than `least` models."""
    stack = bank.stacks.get("likelihood")
    if stack is None or len(stack) < least:
        count = 0 if stack is None else len(stack)
        raise StudyError(
            f"the study needs {least} models with log-likelihoods, and bank '{bank.manifest.name}' has {count}",
            "add models with `provcheck bank add`",
        )
    bits = [values.get("bits_per_byte") for values in stack.values]
    return Likelihoods(
        stack.arrays[LOGLIK].astype(np.float64),
        bank.rows_of("likelihood"),
        cast("float", stack.context["mean_text_bytes"]),
        np.array([np.nan if one is None else one for one in bits], dtype=np.float64),
    )


def raw_attributions(bank: Bank, probes: ProbeSet, least: int = 4) -> RawAttributions:
    """The word-long vectors behind ABLE, which `bank build --raw` keeps. Raises StudyError where there are none."""
    name = raw_file("able")
    if not (bank.folder / name).exists() or (path := bank.checked_file(name)) is None:
        raise StudyError(f"bank '{bank.manifest.name}' holds no raw attributions ({name})", GET_ANOTHER)
    arrays = read_arrays(path, bank.manifest.files[name]) or {}
    places, options, total = _layout(probes)
    rows = [row for row, one in enumerate(bank.references) if one.id in arrays]
    found = [arrays[bank.references[row].id] for row in rows]
    if len(found) < least or any(one.shape != (2 * total,) for one in found):
        raise StudyError(f"{name} of bank '{bank.manifest.name}' does not hold what its probes give", GET_ANOTHER)
    both = np.stack(found).astype(np.float32)
    # by name: able_relative_words, then able_words
    return RawAttributions(both[:, total:], both[:, :total], places, options, np.array(rows, dtype=np.int64))


def parent_pairs(bank: Bank, mechanisms: Sequence[str]) -> list[tuple[int, int]]:
    """Rows (child, parent) of the references made by one of these mechanisms from a single parent in the bank."""
    return [
        (row, bank.rows[one.parents[0]])
        for row, one in enumerate(bank.references)
        if one.mechanism in mechanisms and len(one.parents) == 1 and one.parents[0] in bank.rows
    ]


def _layout(probes: ProbeSet) -> tuple[tuple[Ints, ...], tuple[int, ...], int]:
    """Columns of each question, its number of options, and the number of columns."""
    places, options, start = [], [], 0
    for one in probes.questions:
        width = len(one.options) * (int(word_of_character(one.question)[-1]) + 1)
        places.append(np.arange(start, start + width, dtype=np.int64))
        options.append(len(one.options))
        start += width
    return tuple(places), tuple(options), start
