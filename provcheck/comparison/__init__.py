"""Compare a measurement with those of a bank: ABLE distances and KL divergence. numpy only."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from provcheck.bank import Bank
from provcheck.comparison.agreement import agreement
from provcheck.comparison.distance import block_products, cosine_distances
from provcheck.comparison.divergence import Divergence, clip_floor, divergence
from provcheck.comparison.scale import place_on_scale
from provcheck.errors import IncompatibleError
from provcheck.types import (
    AbleDistances,
    Basis,
    Comparison,
    Distance,
    Floats,
    KLDivergence,
    Measurement,
    Relation,
)

__all__ = ["agreement", "compare", "compare_two"]

SHORTLIST = 100
"""References that are compared in full: the nearest by ABLE contrast distance."""


def compare(measurement: Measurement, bank: Bank, always: Collection[str] = ()) -> tuple[Comparison, ...]:
    """Compare with the references of a bank, nearest first; relations are for the judge to fill in.

    Of a large bank only the nearest are compared, and those whose ids are in `always`, however far. Raises
    IncompatibleError when probe set or algorithm differ.
    """
    manifest = bank.manifest
    check_comparable(measurement.facts.basis, manifest.basis, manifest.name)
    _check_shapes(measurement, (bank.paper_blocks[0], bank.contrast_blocks[0], bank.loglik_nats[0]), manifest.name)
    nearest = _nearest(measurement, bank, always)
    paper = cosine_distances(measurement.paper_blocks, bank.paper_blocks[nearest])
    contrast = cosine_distances(measurement.contrast_blocks, bank.contrast_blocks[nearest])
    floor = clip_floor(bank.loglik_nats)
    compared = []
    for place, row in enumerate(nearest):
        reference = bank.references[row]
        kl = divergence(measurement.loglik_nats, bank.loglik_nats[row], floor, manifest.mean_text_bytes)
        compared.append(
            Comparison(
                reference=reference.id,
                family=reference.family,
                mechanism=reference.mechanism,
                license=reference.license,
                relation=Relation.INCONCLUSIVE,
                probabilities=None,
                able=_able_record(paper.at(place), contrast.at(place)),
                kl=_kl_record(kl, measurement.facts.bits_per_byte, reference.bits_per_byte),
                p_value=None,
                same_weights=reference.weights_digest == measurement.subject.weights_digest,
            )
        )
    return tuple(sorted(compared, key=_contrast_distance))


def compare_two(first: Measurement, second: Measurement, mean_text_bytes: float) -> Comparison:
    """Compare two measurements head to head; the log-likelihoods are clipped at the bottom 2 % of the two.

    Raises IncompatibleError when probe set or algorithm differ.
    """
    check_comparable(first.facts.basis, second.facts.basis, second.subject.id)
    _check_shapes(first, (second.paper_blocks, second.contrast_blocks, second.loglik_nats), second.subject.id)
    floor = clip_floor(np.stack([first.loglik_nats, second.loglik_nats]))
    kl = divergence(first.loglik_nats, second.loglik_nats, floor, mean_text_bytes)
    paper = cosine_distances(first.paper_blocks, second.paper_blocks[None]).at(0)
    contrast = cosine_distances(first.contrast_blocks, second.contrast_blocks[None]).at(0)
    return Comparison(
        reference=second.subject.id,
        license=second.subject.license,
        relation=Relation.INCONCLUSIVE,
        probabilities=None,
        able=_able_record(paper, contrast),
        kl=_kl_record(kl, first.facts.bits_per_byte, second.facts.bits_per_byte),
        p_value=None,
        same_weights=first.subject.weights_digest == second.subject.weights_digest,
    )


def check_comparable(subject: Basis, other: Basis, name: str) -> None:
    """Raise IncompatibleError when the subject was not measured like `name`."""
    if subject.algorithm != other.algorithm:
        raise IncompatibleError(
            f"the subject was measured with algorithm {subject.algorithm}, '{name}' with {other.algorithm}",
            "measure both with the same version of provcheck",
        )
    if subject.probes_digest != other.probes_digest:
        raise IncompatibleError(
            f"the subject is measured on probe set {subject.probes} ({subject.probes_digest[:12]}), '{name}' on "
            f"{other.probes} ({other.probes_digest[:12]})",
            "measure with the same --probes, or use a bank made with yours",
        )


def _check_shapes(measurement: Measurement, other: tuple[Floats, ...], name: str) -> None:
    """A measurement file may claim any probe set; its arrays show whether that can be."""
    own = (measurement.paper_blocks, measurement.contrast_blocks, measurement.loglik_nats)
    if [array.shape for array in own] != [array.shape for array in other]:
        raise IncompatibleError(
            f"'{measurement.subject.id}' and '{name}' name the same probe set, but have arrays of another shape",
            "measure the model again",
        )


def _nearest(measurement: Measurement, bank: Bank, always: Collection[str]) -> np.ndarray:
    """Rows of the references to compare in full: all of a small bank, else the nearest by contrast embedding."""
    if len(bank.references) <= SHORTLIST:
        return np.arange(len(bank.references))
    products, norms = block_products(measurement.contrast_blocks, bank.contrast_blocks)
    similarity = products.sum(axis=1) / np.sqrt(np.maximum(norms.sum(axis=1), 1e-30))
    named = {id.lower() for id in always}
    asked = [row for row, reference in enumerate(bank.references) if reference.id.lower() in named]
    return np.union1d(np.argsort(-similarity, kind="stable")[:SHORTLIST], np.array(asked, dtype=int))


def _able_record(paper: Distance | None, contrast: Distance | None) -> AbleDistances:
    reason = None if paper and contrast else "a model's attributions are all zero, or no question was measured"
    return AbleDistances(paper=paper, contrast=contrast, reason=reason)


def _kl_record(kl: Divergence, subject_bits: float | None, reference_bits: float | None) -> KLDivergence:
    if not np.isfinite(kl.bits_per_byte):
        reason = f"only {kl.texts} texts were measured by both models"
        return KLDivergence(bits_per_byte=None, se=None, scale_band=None, reason=reason, texts=kl.texts)
    band, why_not = place_on_scale(kl.bits_per_byte, subject_bits, reference_bits)
    return KLDivergence(bits_per_byte=kl.bits_per_byte, se=kl.se, scale_band=band, reason=why_not, texts=kl.texts)


def _contrast_distance(comparison: Comparison) -> float:
    distance = comparison.able.contrast
    return distance.cosine_distance if distance else np.inf
