"""Does an endpoint serve these weights? Token by token against a reference that is at hand.

The reference is run twice, in float32 and in bfloat16. How far the two runs are apart shows what rounding does to this
very model on these very texts, and the endpoint's distance from the float32 run is read against that.

token_distances  the two numbers: the ratio of the medians, and the pull to particular tokens
noise_limits     what unchanged copies, quantizations, fine-tunes and other models reach, as measured on small models
served_words     the finding in words
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from provcheck.errors import ProvcheckError
from provcheck.io.text import clean
from provcheck.measuring import ModelOptions, measured
from provcheck.observer import Observer
from provcheck.probes import load_probes
from provcheck.references import Given
from provcheck.serving.noise_limits import cause_of, finding_of, noise, unchanged_as_far
from provcheck.serving.served_words import FEW, NO_ROUNDING, NO_TOKENS, OTHER_TOKENS, rates, sentence
from provcheck.serving.token_distances import Distance, comparable, distance
from provcheck.signals.likelihood.token_scores import TokenScores, unpacked
from provcheck.types import Measurement, ServedMatch

SIGNAL = "likelihood"
MIN_TEXTS, MIN_TOKENS = 30, 5_000
"""Fewer do not settle anything: by chance alone, the pull of so many tokens scatters by 0.005."""

MAX_OTHER_TOKENS = 0.2
"""Share of the texts that may be cut into other tokens: pieces of characters that servers show in ways of their own."""


def match_references(
    references: Iterable[Given], measurement: Measurement, options: ModelOptions, observe: Observer
) -> tuple[ServedMatch, ...]:
    """The endpoint against each reference that the user named; nothing for a model that was at hand."""
    if measurement.run.served is None:
        return ()
    return tuple(_match(one, measurement, options, observe) for one in references)


def _match(given: Given, measurement: Measurement, options: ModelOptions, observe: Observer) -> ServedMatch:
    try:
        observe.note(f"running the reference {given.id} in float32 and in bfloat16, to see what rounding does to it")
        exact, rounded = (_tokens_of(given, options, dtype, observe) for dtype in ("float32", "bfloat16"))
    except ProvcheckError as error:
        return _not_comparable(given.id, clean(error.message) or "it could not be measured")
    sketch = measurement.sketches.get(SIGNAL)
    served = unpacked(sketch) if sketch else None
    if served is None or exact is None or rounded is None:
        return _not_comparable(given.id, NO_TOKENS)
    texts = [one.text for one in load_probes(options.probes).texts]
    return match_tokens(given.id, texts, served, exact, rounded)


def _tokens_of(given: Given, options: ModelOptions, dtype: str, observe: Observer) -> list[TokenScores] | None:
    how = replace(options, dtype=dtype, signals=(SIGNAL,), revision=None)
    sketch = measured(given.target, how, observe, [SIGNAL]).sketches.get(SIGNAL)
    return unpacked(sketch) if sketch else None


def match_tokens(
    reference: str,
    texts: Sequence[str],
    served: Sequence[TokenScores],
    exact: Sequence[TokenScores],
    rounded: Sequence[TokenScores],
) -> ServedMatch:
    """An endpoint's tokens against those of the reference in float32 and in bfloat16, text by text."""
    asked = [pair for pair in zip(served, exact, strict=False) if all(len(one.nats) for one in pair)]
    if sum(comparable(*pair) for pair in asked) < (1 - MAX_OTHER_TOKENS) * len(asked):
        return _not_comparable(reference, OTHER_TOKENS)
    found = distance(texts, served, exact, rounded)
    if found.texts < MIN_TEXTS or found.tokens < MIN_TOKENS:
        few = FEW.format(texts=found.texts, tokens=found.tokens, least=MIN_TEXTS, least_tokens=MIN_TOKENS)
        return _not_comparable(reference, few, found.texts)
    if found.rounding_nats == 0:
        return _not_comparable(reference, NO_ROUNDING)
    return _compared(reference, found)


def _compared(reference: str, found: Distance) -> ServedMatch:
    known, ratio, pull = noise(), found.ratio, found.pull
    finding = finding_of(ratio, pull, known.limits)
    cause = cause_of(ratio, pull, found.median_nats, known.limits)
    unchanged = unchanged_as_far(found)
    return ServedMatch(
        reference=reference,
        finding=finding,
        sentence=f"{sentence(reference, finding, cause, ratio, pull)} {rates(unchanged, known.kinds)}",
        texts=found.texts,
        tokens=found.tokens,
        median_nats=found.median_nats,
        rounding_nats=found.rounding_nats,
        ratio=ratio,
        pull=pull,
        cause=cause,
        limits=known.limits,
        unchanged=unchanged,
        kinds=known.kinds,
    )


def restated(stated: ServedMatch) -> ServedMatch | None:
    """What follows from the numbers that a report states; None where it states none."""
    if None in (stated.median_nats, stated.rounding_nats, stated.pull) or not stated.rounding_nats:
        return None
    nats, rounding, pull = stated.median_nats or 0.0, stated.rounding_nats, stated.pull or 0.0
    return _compared(stated.reference, Distance(stated.texts, stated.tokens, nats, rounding, pull))


def _not_comparable(reference: str, why: str, texts: int = 0) -> ServedMatch:
    return ServedMatch(reference=reference, finding="not comparable", sentence=f"Not compared: {why}.", texts=texts)
