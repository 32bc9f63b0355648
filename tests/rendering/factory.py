"""Reports of every kind, made up; no number here was measured."""

from __future__ import annotations

from datetime import UTC, datetime

from provcheck.signals.able.values import AbleValues, CategoryDistance, Distance
from provcheck.signals.likelihood.kl_scale import KLBackground, KLBand
from provcheck.signals.likelihood.values import LikelihoodValues
from provcheck.signals.weights.values import WeightsValues
from provcheck.types import (
    BankFacts,
    BankMap,
    Check,
    Comparison,
    Coverage,
    Digests,
    ExitCode,
    FileDigest,
    JudgeFacts,
    Lineage,
    MapPoint,
    MeasurementFacts,
    NotMeasured,
    NullDistribution,
    Outcome,
    PanelFacts,
    PolicyFacts,
    Relation,
    Report,
    SignalFacts,
    SignalValues,
    Subject,
    Summary,
    Tool,
    Verdict,
)

DIGEST = "0123456789abcdef" * 4
SUBJECT = "acme/owl-7b-chat"
BASE = "acme/owl-7b"


def make_report(
    relation: Relation = Relation.DERIVED,
    *,
    subject: str = SUBJECT,
    base: str = BASE,
    text: str = "coverage is 98.3 %",
    probability: float | None = 0.973,
    outcomes: tuple[Outcome, ...] = (Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE),
) -> Report:
    """A report of that verdict; `subject`, `base` and `text` come from strangers."""
    named = relation in (Relation.IDENTICAL, Relation.DERIVED, Relation.SAME_RECIPE)
    return Report(
        tool=Tool(version="0.1.0", command=f"provcheck audit {subject} --bank zoo-v1"),
        subject=make_subject(subject, base),
        measurement=make_facts(),
        bank=BankFacts(name="zoo-v1", digest=DIGEST, references=8),
        judge=make_judge(),
        comparisons=make_comparisons(relation, base),
        verdict=Verdict(
            relation=relation,
            reference=base if named else None,
            probability=probability,
            p_value=0.00412,
            reasons=(f"The nearest reference is {base}.", text),
        ),
        policy=PolicyFacts(name="default", digest=DIGEST),
        lineage=make_lineage(subject, base),
        map=make_map(subject, base),
        background={"likelihood": make_background()},
        checks=tuple(Check(id=f"check-{n}", outcome=one, message=text) for n, one in enumerate(outcomes)),
        summary=Summary(**{str(one): outcomes.count(one) for one in set(outcomes)}),
        exit_code=exit_code_of(outcomes),
        limitations=("A parent that is not in the bank cannot be found.", text),
        digests=Digests(
            weights=DIGEST,
            model_files=DIGEST,
            measurement=DIGEST,
            probes=DIGEST,
            bank=DIGEST,
            judge=DIGEST,
            policy=DIGEST,
            background={"likelihood": DIGEST},
        ),
    ).with_digest()


def make_categories() -> tuple[CategoryDistance, ...]:
    """Two categories, one of them not measured."""
    near = Distance(cosine_distance=0.05, ci95=(0.03, 0.08))
    return (
        CategoryDistance(category="science", blocks=8, distance=near),
        CategoryDistance(category="coreference", blocks=8, distance=None),
    )


def make_lineage(subject: str, base: str) -> Lineage:
    """A tree of four tips with support on its inner edges."""
    quoted = ["'" + name.replace("'", "''") + "'" for name in (subject, base)]
    newick = f"(({quoted[0]}:0.1,{quoted[1]}:0.2)97:0.1,acme/raven-1b:0.6,acme/raven-2b:0.5);"
    return Lineage(newick=newick, subject=subject, nearest_on_tree=base, resamples=100)


def make_map(subject: str, base: str) -> BankMap:
    """The subject beside its base, and two strangers."""
    return BankMap(
        points=(
            MapPoint(id=subject, family=None, x=1.0, y=2.0, subject=True),
            MapPoint(id=base, family="owl", x=1.5, y=2.5),
            MapPoint(id="acme/raven-1b", family="raven", x=-20.0, y=4.0),
            MapPoint(id="acme/raven-2b", family="raven", x=-18.0, y=6.0),
        )
    )


def make_judge() -> JudgeFacts:
    """A judge of two features, each with three bins of independent pairs."""
    null = NullDistribution(edges=(0.6, 0.8, 1.0, 1.2), counts=(2, 30, 8), nearest=0.68)
    matches = NullDistribution(edges=(-0.05, 0.0, 0.05, 0.1), counts=(9, 28, 3), nearest=0.083)
    panel = PanelFacts(
        signals=("able", "weights"),
        features=("able.contrast_distance", "weights.kin_match"),
        accuse_above=2.5,
        acquit_up_to=-1.0,
        independent_pairs=40,
        related_pairs=12,
        false_accusation_upper=0.09,
        null={"able.contrast_distance": null, "weights.kin_match": matches},
    )
    return JudgeFacts(name="gradient boosting, calibrated on zoo-v1", panels=(panel,))


def with_null(judge: JudgeFacts, null: dict[str, NullDistribution]) -> JudgeFacts:
    """The judge with other null distributions of its panel."""
    return judge.model_copy(update={"panels": tuple(one.model_copy(update={"null": null}) for one in judge.panels)})


def make_background() -> KLBackground:
    """Two bands."""
    bands = (KLBand(name="seed", median=0.12), KLBand(name="fine-tune", median=0.45))
    return KLBackground(kl_bands=bands, kl_source="Kishino et al.")


def exit_code_of(outcomes: tuple[Outcome, ...]) -> ExitCode:
    if not outcomes:
        return ExitCode.NO_CHECKS
    return ExitCode.CHECK_FAILED if Outcome.FAILED in outcomes else ExitCode.OK


def make_subject(name: str, base: str) -> Subject:
    return Subject(
        id=name,
        source="hub",
        revision="4f2a9c1",
        weights=(FileDigest(name="model.safetensors", bytes=14_483_464_192, sha256=DIGEST),),
        weights_digest=DIGEST,
        model_type="llama",
        architecture="LlamaForCausalLM",
        parameters=7_241_732_096,
        context_length=4096,
        tokenizer="BPE",
        vocabulary_size=32_000,
        license="apache-2.0",
        declared_base=(base, "acme/raven-7b", "elsewhere/unknown"),
        base=None,
    )


def make_facts() -> MeasurementFacts:
    questions = Coverage(measured=118, total=120, unit="question", left_out={"too long": 2})
    texts = Coverage(measured=200, total=200, unit="text")
    blocks = Coverage(measured=4, total=4, unit="block")
    return MeasurementFacts(
        probes="core-v1",
        probes_digest=DIGEST,
        device="cpu",
        dtype="float32",
        versions={"torch": "2.9.1", "transformers": "5.0.0"},
        measured_at=datetime(2025, 11, 21, 11, 40, tzinfo=UTC),
        signals={
            "able": SignalFacts(version="able/3", material=DIGEST, coverage=questions, seconds=40.0),
            "likelihood": SignalFacts(
                version="likelihood/1",
                material=DIGEST,
                coverage=texts,
                values={"bits_per_byte": 0.912},
                seconds=2.06,
            ),
            "weights": SignalFacts(
                version="weights/1",
                material=DIGEST,
                coverage=blocks,
                values={"blocks": 4.0, "width": 256.0, "anchors": 500.0, "heads": 1.0},
                seconds=0.0,
            ),
        },
    )


def make_comparisons(relation: Relation, base: str) -> tuple[Comparison, ...]:
    nearest = with_signal(
        make_comparison(base, relation, 0.0432), "able", make_able(0.0432, categories=make_categories())
    )
    nearest = with_signal(nearest, "weights", make_weights(0.97, blocks=make_blocks()))
    far = [make_comparison(f"acme/raven-{n}b", Relation.UNRELATED, 0.7 + n / 50) for n in range(6, 0, -1)]
    return (*far, nearest, unmeasured())


def make_comparison(reference: str, relation: Relation, distance: float) -> Comparison:
    return Comparison(
        reference=reference,
        family="owl",
        mechanism="from-scratch",
        license="llama3",
        relation=relation,
        probabilities={relation: 0.973},
        score=3.25,
        p_value=0.00412,
        judged_by=("able", "weights"),
        signals={"able": make_able(distance), "likelihood": make_likelihood(), "weights": make_weights(0.02)},
        same_weights=False,
    )


def make_able(distance: float, *, categories: tuple[CategoryDistance, ...] = ()) -> AbleValues:
    view = Distance(cosine_distance=distance, ci95=(0.9 * distance, 1.1 * distance))
    return AbleValues(paper=view, contrast=view, categories=categories)


def make_likelihood() -> LikelihoodValues:
    return LikelihoodValues(
        bits_per_byte=0.4, se=0.0131, winsorised_bits_per_byte=0.38, scale_band="fine-tune", texts=200
    )


def make_weights(match: float, *, blocks: tuple[tuple[float, ...], ...] = ()) -> WeightsValues:
    """Models of one width without rotation; few neurons pair up where there is no match."""
    return WeightsValues(
        anchored_match=match,
        coordinate_match=match,
        intrinsic_match=match / 2,
        exact_p_value=2.3e-10 if match > 0.5 else 0.43,
        distance=min(1.0, 1 - match),
        matched=187 if match > 0.5 else 91,
        neurons=192,
        blocks=blocks,
    )


def make_blocks() -> tuple[tuple[float, ...], ...]:
    """Four blocks that match in order."""
    return (
        (0.97, 0.03, -0.01, 0.02),
        (0.04, 0.95, 0.06, 0.01),
        (0.02, 0.11, 0.93, 0.08),
        (0.0, 0.02, 0.07, 0.96),
    )


def with_signal(one: Comparison, name: str, values: SignalValues | NotMeasured) -> Comparison:
    """The comparison with another record of that signal."""
    return one.model_copy(update={"signals": {**one.signals, name: values}})


def read_in_part(report: Report) -> Report:
    """The report, had only parts of the weight files been fetched from the Hub."""
    file = FileDigest(name="model.safetensors", bytes=14_483_464_192, sha256=None, stated_etag=DIGEST)
    subject = report.subject.model_copy(update={"weights": (file,), "weights_digest": None})
    digests = report.digests.model_copy(update={"weights": None})
    return report.model_copy(update={"subject": subject, "digests": digests})


def unmeasured() -> Comparison:
    """A reference that nothing could be measured against."""
    return Comparison(
        reference="acme/mute-1b",
        relation=Relation.INCONCLUSIVE,
        probabilities=None,
        p_value=None,
        signals={
            "able": NotMeasured(not_measured="fewer than half of the questions were measured"),
            "likelihood": NotMeasured(not_measured="too few texts in common"),
            "weights": NotMeasured(not_measured="the architecture is not known"),
        },
        same_weights=False,
    )
