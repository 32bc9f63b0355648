"""What is odd beside a relative: another config, other axes, another order, other behaviour of equal weights."""

from __future__ import annotations

from typing import Any

import pytest

from provcheck.disguise.relatives import signs_beside
from provcheck.signals.weights.values import WeightsValues
from provcheck.types import Comparison, NotMeasured, Relation, Signs, Verdict
from tests.verdict.comparisons import exactly, make_comparison

LLAMA: dict[str, float | str] = {"layers": 4, "heads": 4, "rope_theta": 1e4, "context": 1024, "activation": "silu"}


def weights(anchored: float = 0.97, coordinates: float = 0.95, p_value: float = 1e-9) -> WeightsValues:
    return WeightsValues(
        anchored_match=anchored,
        coordinate_match=coordinates,
        intrinsic_match=0.3,
        exact_p_value=p_value,
        distance=0.1,
        matched=90,
        neurons=100,
    )


def related(name: str = "base", *, distance: float = 0.0, kl: float = 0.0, **fields: Any) -> Comparison:
    found = make_comparison(name, exactly(distance), kl, relation=Relation.DERIVED)
    of_weights = fields.pop("weights", weights())
    return found.model_copy(update={"signals": {**found.signals, "weights": of_weights}, **fields})


def beside(*comparisons: Comparison, own: dict[str, float | str] | None = None, **relatives: Any) -> Signs:
    verdict = Verdict(relation=Relation.DERIVED, reference="base", probability=None, p_value=None, reasons=())
    return signs_beside(LLAMA if own is None else own, comparisons, verdict, relatives or {"base": LLAMA})


def names(signs: Signs) -> list[str]:
    return [sign.name for sign in signs.found]


def test_an_honest_relative_shows_nothing() -> None:
    found = beside(related(distance=0.2))
    assert not found.found
    assert not found.not_looked_at
    assert found.looked_at == ("settings-beside-relatives", "weights-beside-relatives")


@pytest.mark.parametrize("same", [False, True])
def test_another_rope_is_called_out(same: bool) -> None:
    found = beside(related(same_weights=same), own=LLAMA | {"rope_theta": 1e5})
    assert names(found) == ["config-differs"]
    assert "rope_theta 100,000 in place of 10,000" in found.found[0].finding
    assert found.found[0].numbers == {"rope_theta": 1e5, "rope_theta of the relative": 1e4}


def test_a_lower_context_counts_between_equal_weights_only() -> None:
    own = LLAMA | {"context": 256}
    assert names(beside(related(same_weights=True), own=own)) == ["config-differs"]
    assert not names(beside(related(), own=own))


def test_pruned_layers_do_not_make_heads_odd_and_names_of_one_activation_are_one() -> None:
    assert not names(beside(related(), own=LLAMA | {"layers": 3, "heads": 3}))
    assert names(beside(related(), own=LLAMA | {"heads": 3})) == ["config-differs"]
    assert not names(beside(related(), own=LLAMA | {"activation": "swish"}))


def test_a_relative_with_the_same_config_explains_it() -> None:
    own = LLAMA | {"rope_theta": 1e5}
    assert not names(beside(related(), related("long"), own=own, base=LLAMA, long=own))


def test_rotated_and_reordered() -> None:
    rotated = related(weights=weights(coordinates=0.05))
    both = related(weights=weights(coordinates=0.05, p_value=0.4))
    assert names(beside(rotated)) == ["axes-rewritten"]
    assert names(beside(both)) == ["axes-rewritten", "neurons-reordered"]


def test_a_rotated_reference_says_nothing_about_the_model() -> None:
    """It is stored along the axes of another relative."""
    assert not names(beside(related(weights=weights(coordinates=0.05)), related("other")))


def test_equal_weights_must_act_alike() -> None:
    assert not names(beside(related(same_weights=True)))
    found = beside(related(same_weights=True, distance=0.2, kl=0.5))
    assert names(found) == ["acts-unlike-its-weights"]
    assert found.found[0].numbers == {"ABLE contrast": 0.2, "ABLE paper": 0.2, "KL bits/byte": 0.5}
    assert not names(beside(related(distance=0.2, kl=0.5)))


def test_what_was_not_compared_is_said() -> None:
    unread = NotMeasured(not_measured="quantized")
    found = beside(related(weights=unread, same_weights=True), base={})
    assert found.not_looked_at.keys() == {"settings-beside-relatives", "weights-beside-relatives"}
    assert "--reference" in found.not_looked_at["settings-beside-relatives"]
    run = dict.fromkeys(("able", "likelihood"), unread)
    still = related(same_weights=True)
    still = still.model_copy(update={"signals": {**still.signals, **run}})
    assert beside(still).not_looked_at == {"behaviour-of-equal-weights": "the models were not both run"}


def test_an_open_verdict_leaves_it_open_and_a_stranger_does_not() -> None:
    far = make_comparison("base", exactly(1.0), relation=Relation.UNRELATED)
    for relation, open_ in ((Relation.UNRELATED, 0), (Relation.INCONCLUSIVE, 2)):
        verdict = Verdict(relation=relation, reference=None, probability=None, p_value=None, reasons=())
        assert len(signs_beside(LLAMA, [far], verdict, {"base": LLAMA}).not_looked_at) == open_
