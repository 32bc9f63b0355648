"""The gate: outcomes, what breaks, where it stops, and the exit code."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provcheck.policy import Evidence, check_policy, collect, exit_code, summarise
from provcheck.policy.checks.safetensors_only import SafetensorsOnly
from provcheck.policy.gate import MAX_MESSAGE
from provcheck.policy.loading import Collected
from provcheck.policy.model import Policy
from provcheck.types import Check, ExitCode, Outcome, Relation
from tests.policy.factory import check, make_evidence, make_rule

PASSED, FAILED = Outcome.PASSED, Outcome.FAILED
SKIPPED, INCONCLUSIVE = Outcome.SKIPPED, Outcome.INCONCLUSIVE

SAFE = {"kind": "safetensors-only"}
FAILING = {"kind": "coverage-at-least", "share": 1.0}
OPEN = {"kind": "not-related-to"}
RULES = (SAFE, FAILING, OPEN, {"kind": "claimed-base-supported"})

severities = st.sampled_from(["error", "warning"])
answers = st.sampled_from(["fail", "pass", "warn"])


def made(outcome: Outcome, severity: str = "error") -> Check:
    return Check.model_validate({"id": "c", "severity": severity, "outcome": outcome, "message": ""})


checks = st.lists(st.builds(made, st.sampled_from(Outcome), severities), max_size=6)


def collected(*rules: dict[str, Any], on_inconclusive: str = "warn") -> Collected:
    policy = Policy.model_validate(
        {"name": "p", "on_inconclusive": on_inconclusive, "checks": tuple(make_rule(rule) for rule in rules)}
    )
    return Collected(policy, "0" * 64, policy.checks, ())


def evidence() -> Evidence:
    """SAFE passes, FAILING fails, OPEN is inconclusive."""
    return make_evidence({"a": Relation.INCONCLUSIVE}, share=0.9)


def test_a_check_has_the_id_and_severity_of_its_rule() -> None:
    named = check({**SAFE, "id": "no-pickle", "severity": "warning"}, make_evidence())
    assert (named.id, named.kind, named.severity) == ("no-pickle", "safetensors-only", "warning")
    assert check(SAFE, make_evidence()).id == "safetensors-only"


class Breaking(SafetensorsOnly):
    """A check that breaks."""

    def evaluate(self, evidence: Evidence) -> Any:
        """Break."""
        raise ZeroDivisionError("by zero " + 1000 * "!")


def test_a_check_that_breaks_is_an_error_and_the_others_go_on() -> None:
    broken = Breaking(kind="safetensors-only", id="broken")
    both = collected(SAFE)
    done, _ = check_policy(Collected(both.policy, "", (broken, *both.rules), ()), evidence())
    assert [one.outcome for one in done] == [Outcome.ERROR, PASSED]
    assert done[0].message.startswith("the check itself failed: ZeroDivisionError: by zero")
    assert len(done[0].message) <= MAX_MESSAGE
    assert exit_code(done, "warn") is ExitCode.CHECK_FAILED


@pytest.mark.parametrize("on_inconclusive", ["fail", "pass", "warn"])
@pytest.mark.parametrize(
    ("checks", "expected"),
    [
        ([], ExitCode.NO_CHECKS),
        ([made(PASSED), made(SKIPPED)], ExitCode.OK),
        ([made(SKIPPED)], ExitCode.OK),
        ([made(PASSED), made(FAILED)], ExitCode.CHECK_FAILED),
        ([made(Outcome.ERROR)], ExitCode.CHECK_FAILED),
        ([made(FAILED, "warning"), made(PASSED)], ExitCode.OK),
    ],
)
def test_exit_code(checks: list[Check], expected: ExitCode, on_inconclusive: str) -> None:
    assert exit_code(checks, on_inconclusive) is expected


@pytest.mark.parametrize(("on_inconclusive", "code"), [("fail", 1), ("pass", 0), ("warn", 0)])
def test_exit_code_of_an_inconclusive_check(on_inconclusive: str, code: int) -> None:
    assert exit_code([made(INCONCLUSIVE), made(PASSED)], on_inconclusive) == code
    assert exit_code([made(INCONCLUSIVE, "warning")], on_inconclusive) == 0


@given(checks, answers, st.randoms())
def test_the_exit_code_follows_from_the_checks_whatever_their_order(
    done: list[Check], on_inconclusive: str, random: Any
) -> None:
    shuffled = random.sample(done, len(done))
    assert exit_code(done, on_inconclusive) is exit_code(shuffled, on_inconclusive)
    stopped = any(one.stops_build(on_inconclusive) for one in done)
    assert (exit_code(done, on_inconclusive) is ExitCode.CHECK_FAILED) == stopped


@given(st.sampled_from(Outcome), severities, answers)
def test_what_stops_a_build(outcome: Outcome, severity: str, on_inconclusive: str) -> None:
    stopping = [FAILED, Outcome.ERROR, *([INCONCLUSIVE] if on_inconclusive == "fail" else [])]
    assert made(outcome, severity).stops_build(on_inconclusive) == (severity == "error" and outcome in stopping)


@given(checks, answers, st.sampled_from([FAILED, Outcome.ERROR]))
def test_one_more_failed_check_always_fails(done: list[Check], on_inconclusive: str, outcome: Outcome) -> None:
    assert exit_code([*done, made(outcome)], on_inconclusive) is ExitCode.CHECK_FAILED


@given(checks, answers, st.sampled_from(Outcome))
def test_a_warning_never_changes_the_exit_code(done: list[Check], on_inconclusive: str, outcome: Outcome) -> None:
    before = exit_code(done, on_inconclusive) if done else ExitCode.OK
    assert exit_code([*done, made(outcome, "warning")], on_inconclusive) is before


@given(st.lists(st.sampled_from(Outcome)))
def test_the_summary_counts_every_check_once(outcomes: list[Outcome]) -> None:
    summary = summarise([made(outcome) for outcome in outcomes])
    assert summary.model_dump() == {outcome.value: outcomes.count(outcome) for outcome in Outcome}


@pytest.mark.parametrize(("required", "outcome"), [(False, INCONCLUSIVE), (True, FAILED)])
@pytest.mark.parametrize("kind", ["claimed-base-supported", "not-related-to"])
def test_what_cannot_be_judged_fails_where_an_answer_is_required(kind: str, required: bool, outcome: Outcome) -> None:
    nothing = {"references": ["zoo/gtp2-*"]} if kind == "not-related-to" else {}
    (done,), _ = check_policy(collected({"kind": kind, "required": required, **nothing}), evidence())
    assert done.outcome is outcome
    assert done.message.startswith("an answer is required, and there is none: ") == required


@given(st.permutations(RULES))
def test_the_order_of_checks_is_irrelevant_to_each(rules: list[dict[str, Any]]) -> None:
    done, facts = check_policy(collected(*rules), evidence())
    assert [one.kind for one in done] == [rule["kind"] for rule in rules]
    assert {one.id: one.outcome for one in done} == {
        "safetensors-only": PASSED,
        "coverage-at-least": FAILED,
        "not-related-to": INCONCLUSIVE,
        "claimed-base-supported": INCONCLUSIVE,
    }
    assert facts.not_run == ()


@pytest.mark.parametrize(
    ("rules", "on_inconclusive", "ran", "not_run"),
    [
        ((SAFE, FAILING, OPEN), "warn", 2, ("not-related-to",)),
        ((OPEN, SAFE, FAILING), "warn", 3, ()),
        ((OPEN, SAFE, FAILING), "fail", 1, ("safetensors-only", "coverage-at-least")),
        (({**FAILING, "severity": "warning"}, SAFE), "warn", 2, ()),
        ((SAFE,), "warn", 1, ()),
    ],
)
def test_stopping_at_the_first_failure(
    rules: tuple[dict[str, Any], ...], on_inconclusive: str, ran: int, not_run: tuple[str, ...]
) -> None:
    """What stops is what would make the exit code 1."""
    chosen = collected(*rules, on_inconclusive=on_inconclusive)
    done, facts = check_policy(chosen, evidence(), stop_at_first=True)
    assert (len(done), facts.not_run) == (ran, not_run)
    every, _ = check_policy(chosen, evidence())
    assert exit_code(done, on_inconclusive) is exit_code(every, on_inconclusive)


def test_the_facts_say_what_was_left_out() -> None:
    chosen = collect("default", "not coverage")
    _, facts = check_policy(chosen, evidence())
    assert (facts.name, facts.digest, facts.deselected) == ("default", chosen.digest, ("coverage-at-least",))
    assert facts.on_inconclusive == "warn"
