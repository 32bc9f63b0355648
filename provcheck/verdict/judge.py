"""The calibrated judge: each comparison by the largest panel that can, abstention, and a p-value for each reference."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from provcheck.signals import directions, features_of, find_signal, in_words, signal_of
from provcheck.types import Capability, Comparison, Floats, JudgeFacts, NotMeasured, PanelFacts, Relation, SignalValues
from provcheck.verdict.calibration import Calibration
from provcheck.verdict.nulls import MIN_NULL_PAIRS, histogram, holm, share_as_high, smallest_p_value
from provcheck.verdict.panels import Calibrations, Panel, describe
from provcheck.wording import correction, probability


class CalibratedJudge:
    """Judges comparisons with the calibrations of a bank.

    `references`: their number in the bank, which p-values are corrected for unless a reference was named beforehand;
    `limit`: the false-accusation rate that the policy accepts.
    """

    def __init__(self, calibrations: Calibrations, references: int, limit: float) -> None:
        self._calibrations = calibrations
        self._references = references
        self._limit = limit

    @property
    def panels(self) -> tuple[Panel, ...]:
        """The sets of signals that it can judge by, the largest first."""
        return tuple(one.signals for one in self._calibrations.panels)

    @property
    def digest(self) -> str | None:
        """sha256 of the calibrations' file."""
        return self._calibrations.digest

    @property
    def limitation(self) -> str:
        """What the error rates do not cover."""
        return (
            f"The judge's error rates were measured on the models of the bank {self._calibrations.bank}; on "
            "models that are very unlike these they may be higher. Their bounds count pairs as independent, although "
            "many pairs share a model."
        )

    def facts(self, judged: Sequence[Comparison]) -> JudgeFacts:
        """What is written into the report: of the panels that judged one of these comparisons."""
        used = {one.judged_by for one in judged}
        panels = [one for one in self._calibrations.panels if one.signals in used]
        return JudgeFacts(
            name=describe(panels, self._calibrations.bank), panels=tuple(_panel_facts(one) for one in panels)
        )

    def judge(self, comparisons: Sequence[Comparison], signals: Collection[str]) -> tuple[Comparison, ...]:
        """The comparisons with relation, probabilities, score, panel and corrected p-value.

        `signals`: those to go by; others are as if not measured.
        """
        features = [_features(comparison, signals) for comparison in comparisons]
        panels = [self._calibrations.choose(found) for found in features]
        scores = [one.related.score(found) if one else np.nan for one, found in zip(panels, features, strict=True)]
        shares = [share_as_high(one.null_scores, s) if one else np.nan for one, s in zip(panels, scores, strict=True)]
        p_values = _corrected(np.array(shares), comparisons, self._references)
        each = zip(comparisons, features, panels, scores, p_values, strict=True)
        return tuple(self._judged(*one) for one in each)

    def explain(self, comparison: Comparison) -> tuple[str, ...]:
        """Why it was judged so, in plain sentences; what keeps it from deciding comes first."""
        panel = self._calibrations.of(comparison.judged_by)
        lines = _same_files(panel, comparison) if comparison.same_weights else []
        lines += [
            line for name in comparison.judged_by or self._calibrations.signals for line in _said(name, comparison)
        ]
        if panel:
            ranked = (*_p_value(panel, comparison, self._references), *_rank(panel, comparison))
            return (*self._doubts(panel, comparison), *lines, *ranked, *_single_witness(panel, comparison))
        return (*([] if comparison.same_weights else self._what_is_missing(comparison)), *lines)

    def _judged(
        self,
        comparison: Comparison,
        features: Mapping[str, float],
        panel: Calibration | None,
        score: float,
        p_value: float | None,
    ) -> Comparison:
        if panel is None:
            relation = Relation.IDENTICAL if comparison.same_weights else Relation.INCONCLUSIVE
            return comparison.model_copy(update={"relation": relation})
        probabilities = panel.probabilities(features)
        relation = self._relation(panel, features, score, probabilities)
        if relation.independent and self._accused_otherwise(features):
            relation = Relation.INCONCLUSIVE
        found = {
            "relation": Relation.IDENTICAL if comparison.same_weights else relation,
            "probabilities": probabilities,
            "score": score,
            "p_value": p_value,
            "judged_by": panel.signals,
            "copy_ruled_out": not comparison.same_weights and panel.rules_out_copy(features),
        }
        return comparison.model_copy(update=found)

    def _relation(
        self, panel: Calibration, features: Mapping[str, float], score: float, probabilities: Mapping[Relation, float]
    ) -> Relation:
        pair = (Relation.SAME_RECIPE, Relation.UNRELATED)
        if panel.accuses(features):
            if panel.facts.false_accusation_upper > self._limit:
                return Relation.INCONCLUSIVE
            pair = (Relation.IDENTICAL, Relation.DERIVED)
        elif score > panel.facts.acquit_up_to or panel.out_of_range(features):
            return Relation.INCONCLUSIVE
        return max(pair, key=probabilities.__getitem__)

    def _accused_otherwise(self, features: Mapping[str, float]) -> Panel | None:
        """Another panel that calls the pair related: signals that contradict one another acquit nobody."""
        asked = (one for one in self._calibrations.panels if one.can_judge(features))
        return next((one.signals for one in asked if one.accuses(features)), None)

    def _doubts(self, panel: Calibration, comparison: Comparison) -> list[str]:
        """Why it does not decide."""
        if comparison.relation is not Relation.INCONCLUSIVE or comparison.score is None:
            return []
        facts, features = panel.facts, features_of(comparison)
        if not panel.accuses(features) and comparison.score > facts.accuse_above:
            why = "but only one kind of evidence speaks for it, which can be forged"
        elif comparison.score <= facts.acquit_up_to and (other := self._accused_otherwise(features)):
            why = f"but by {in_words(other)} alone they are related: one of the two may have been tampered with"
        elif comparison.score > facts.accuse_above:
            why = (
                f"but the judge may accuse wrongly in up to {facts.false_accusation_upper:.2%} of independent pairs, "
                f"more than the {self._limit:.2%} that the policy accepts"
            )
        elif comparison.score > panel.null_scores[-1]:
            why = "but the evidence lies too little above that of independent models to accuse"
        elif comparison.score > facts.acquit_up_to:
            why = "not enough to accuse, too much to acquit"
        else:
            far = in_words(dict.fromkeys(map(signal_of, panel.out_of_range(features))))
            why = f"but the numbers of {far} lie outside the range that the judge was calibrated on"
        return [f"The probability of being related is {probability(comparison.related_probability)}, {why}."]

    def _what_is_missing(self, comparison: Comparison) -> list[str]:
        found = {signal_of(name) for name in features_of(comparison)}
        return [_missing(name, comparison) for name in self._calibrations.signals if name not in found]


def _corrected(shares: Floats, comparisons: Sequence[Comparison], references: int) -> list[float | None]:
    """P-values corrected by Holm: of the bank's references for them all, of those named beforehand for these alone.

    What is at hand or named does not move the p-value of any other reference of the bank.
    """
    found: list[float | None] = [None] * len(comparisons)
    own = [place for place, one in enumerate(comparisons) if one.at_hand is None]
    named = [place for place, one in enumerate(comparisons) if one.named]
    for places, hypotheses in ((own, references), (named, len(named))):
        for place, value in zip(places, holm(shares[places], hypotheses), strict=True):
            found[place] = value
    return found


def _features(comparison: Comparison, signals: Collection[str]) -> dict[str, float]:
    return {name: value for name, value in features_of(comparison).items() if signal_of(name) in signals}


def _panel_facts(panel: Calibration) -> PanelFacts:
    """Thresholds, counts, and histograms, over the independent pairs, of the features that say whether two are
    related."""
    facts, directed = panel.facts, directions(panel.null_features)
    return PanelFacts(
        signals=panel.signals,
        features=facts.features,
        accuse_above=facts.accuse_above,
        acquit_up_to=facts.acquit_up_to,
        independent_pairs=facts.independent_pairs,
        related_pairs=facts.related_pairs,
        false_accusation_upper=facts.false_accusation_upper,
        null={name: histogram(values, rises=directed[name] > 0) for name, values in panel.null_features.items()},
    )


def _same_files(panel: Calibration | None, comparison: Comparison) -> list[str]:
    """That the weights are the same bytes, and what does not behave as if nothing else had been changed."""
    unlike = panel.unlike_copies(features_of(comparison)) if panel else ()
    signals = dict.fromkeys(signal_of(name) for name in unlike)
    run = [name for name in signals if find_signal(name).needs is not Capability.WEIGHTS]
    same = "The weight files are byte for byte those of the reference."
    if not run:
        return [same]
    return [
        same,
        f"By {in_words(run)} the two do not act alike: these weights were given another config.json or tokenizer.",
    ]


def _p_value(panel: Calibration, comparison: Comparison, references: int) -> list[str]:
    """The p-value, what it is corrected for, and the smallest that so many pairs and hypotheses allow."""
    pairs = len(panel.null_scores)
    if comparison.p_value is not None:
        smallest = smallest_p_value(pairs, comparison.named or references)
        ever = "it is the smallest that" if comparison.p_value <= smallest else f"{smallest:.2g} is the smallest that"
        return [
            f"Among {pairs} pairs of independent models so high a score has p = {comparison.p_value:.2g}, "
            f"{correction(comparison.named)}; {ever} can come out with so many pairs, however alike two models are."
        ]
    if pairs < MIN_NULL_PAIRS:
        return [
            f"No p-value: the judge knows only {pairs} pairs of independent models; at least {MIN_NULL_PAIRS} are "
            "needed."
        ]
    return []


def _single_witness(panel: Calibration, comparison: Comparison) -> list[str]:
    """A warning where nothing else was measured that a forgery would have to deceive too."""
    if not comparison.relation.related or comparison.same_weights or len(panel.facts.witnesses) != 1:
        return []
    return [
        f"This was judged by {in_words(panel.signals)} alone, a single kind of evidence, which whoever knows how it is "
        "computed can forge; the stored weights would be another."
    ]


def _rank(panel: Calibration, comparison: Comparison) -> list[str]:
    """How the score ranks among independent pairs; stated only for a score above all of them."""
    facts, score = panel.facts, comparison.score
    if not comparison.relation.related or score is None or score <= panel.null_scores[-1]:
        return []
    return [
        f"The judge scores it above every one of the {facts.independent_pairs} pairs of independent models that it "
        f"was calibrated on; with 95 % confidence fewer than {facts.false_accusation_upper:.2%} of such pairs "
        "score so high."
    ]


def _said(name: str, comparison: Comparison) -> tuple[str, ...]:
    values = comparison.signals.get(name)
    return find_signal(name).reasons(values, comparison.reference) if isinstance(values, SignalValues) else ()


def _missing(name: str, comparison: Comparison) -> str:
    values = comparison.signals.get(name)
    why = values.not_measured if isinstance(values, NotMeasured) else "no reason is stated"
    return f"{find_signal(name).title} could not be compared: {why}."
