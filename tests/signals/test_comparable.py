"""What may be compared, and how nearness orders what was."""

from __future__ import annotations

import pytest

from provcheck.errors import IncompatibleError
from provcheck.signals import distance_of, nearest_first, rank_of
from provcheck.signals.comparable import NOT_ASKED, check_comparable, why_not_comparable
from provcheck.signals.likelihood.values import LikelihoodValues
from provcheck.types import Basis, Comparison, NotMeasured
from tests.verdict.comparisons import make_comparison

MINE, OTHER = "a" * 64, "b" * 64
NAMES = {MINE: "mine", OTHER: "others"}


def basis(version: str = "able/2", material: str | None = MINE) -> Basis:
    return Basis(version=version, material=material)


def test_one_signal_in_common_is_enough() -> None:
    check_comparable({"able": basis()}, {"able": basis()}, "bank")
    check_comparable({"able": basis(), "x": basis("x/1")}, {"able": basis("able/1"), "x": basis("x/1")}, "bank")
    check_comparable({"x": basis("x/1", None)}, {"x": basis("x/1", None), "able": basis()}, "bank")


@pytest.mark.parametrize(
    ("other", "message", "hint"),
    [
        (
            {"able": basis("able/1")},
            "the subject cannot be compared with 'bank': it was measured with able/2, 'bank' with able/1",
            "measure both with the same version of provcheck",
        ),
        (
            {"able": basis(material=OTHER)},
            f"the subject cannot be compared with 'bank': it is measured on probe set mine ({MINE[:12]}), 'bank' on "
            f"others ({OTHER[:12]})",
            "measure with the same --probes, or use a bank made with yours",
        ),
        (
            {"x": basis("x/1")},
            "the subject has no signal in common with 'bank': it has able, 'bank' has x",
            "measure both with the same version of provcheck",
        ),
        (
            {},
            "the subject has no signal in common with 'bank': it has able, 'bank' has none",
            "measure both with the same version of provcheck",
        ),
    ],
)
def test_why_nothing_can_be_compared(other: dict[str, Basis], message: str, hint: str) -> None:
    with pytest.raises(IncompatibleError) as caught:
        check_comparable({"able": basis()}, other, "bank", NAMES)
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_other_probes_are_refused_though_a_signal_needs_none_unless_it_alone_is_asked_for() -> None:
    """Most evidence would be lost without a word."""
    mine = {"able": basis(), "x": basis("x/1", None)}
    bank = {"able": basis(material=OTHER), "x": basis("x/1", None)}
    with pytest.raises(IncompatibleError, match="it is measured on probe set mine") as caught:
        check_comparable(mine, bank, "bank", NAMES)
    assert caught.value.hint.endswith(", or leave out what needs probes: --signals x")
    left_out = NotMeasured(not_measured=f"--signals x {NOT_ASKED}")
    check_comparable({**mine, "able": left_out}, bank, "bank")
    check_comparable({"x": basis("x/1", None)}, bank, "bank")


def test_what_was_left_out_by_choice_is_no_reason_if_there_is_another() -> None:
    asked = NotMeasured(not_measured="its neurons cannot be found")
    left_out = NotMeasured(not_measured=f"--signals x {NOT_ASKED}")
    bank = {"able": basis(), "x": basis("x/1")}
    with pytest.raises(IncompatibleError, match="its neurons cannot be found"):
        check_comparable({"able": left_out, "x": asked}, bank, "bank")
    with pytest.raises(IncompatibleError, match="--signals x did not ask for it"):
        check_comparable({"able": left_out}, bank, "bank")


def test_material_without_a_name_is_told_by_its_digest() -> None:
    said = why_not_comparable(basis(), basis(material=OTHER), "bank")
    assert said == f"it is measured on probe set {MINE[:12]}, 'bank' on {OTHER[:12]}"
    assert why_not_comparable(basis(material=None), basis(), "bank", NAMES) == (
        f"it is measured on probe set none, 'bank' on mine ({MINE[:12]})"
    )
    assert why_not_comparable(basis(), basis(), "bank") is None


def only_texts(reference: str, kl: float) -> Comparison:
    values = LikelihoodValues(bits_per_byte=kl, se=0.01, winsorised_bits_per_byte=kl, scale_band=None, texts=40)
    return Comparison(
        reference=reference, signals={"able": NotMeasured(not_measured="it is an endpoint"), "likelihood": values}
    )


def nothing(reference: str) -> Comparison:
    return Comparison(reference=reference, signals={"able": NotMeasured(not_measured="it is an endpoint")})


def test_the_first_signal_that_was_measured_orders_and_what_was_not_comes_last() -> None:
    near, far = make_comparison("near", (0.1, 0.2, 0.3)), make_comparison("far", (0.8, 0.9, 1.0))
    found = [nothing("none"), only_texts("t2", 0.3), far, only_texts("t1", 0.001), near]
    assert [one.reference for one in sorted(found, key=rank_of)] == ["near", "far", "t1", "t2", "none"]
    assert [one.reference for one in nearest_first(found)] == ["near", "far", "t1", "t2", "none"]
    assert [one.reference for one in nearest_first(found, "t2")] == ["t2", "near", "far", "t1", "none"]
    twins = [one.model_copy(update={"same_weights": one.reference == "none"}) for one in found]
    assert [one.reference for one in nearest_first(twins, "far")] == ["far", "none", "near", "t1", "t2"]


def test_the_distance_is_that_of_the_first_signal_that_has_one() -> None:
    both, texts = distance_of(make_comparison("near", (0.1, 0.2, 0.3))), distance_of(only_texts("t", 0.3))
    assert both is not None and (both.low, both.value, both.high) == (0.1, 0.2, 0.3)
    assert texts is not None and texts.value == 0.3
    assert (texts.low, texts.high) == pytest.approx((0.3 - 0.0196, 0.3 + 0.0196))
    assert distance_of(nothing("none")) is None
