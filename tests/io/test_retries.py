"""How long is waited between tries, and when there are no more."""

from __future__ import annotations

import pytest

from provcheck.io.retries import MayPass, Patience, check_passing, seconds_asked, words_of

PATIENCE = Patience(tries=4, first_seconds=1.0, longest_seconds=60.0)


def test_pauses_double_until_there_were_enough() -> None:
    assert [PATIENCE.pause(failures, OSError()) for failures in (1, 2, 3, 4)] == [1.0, 2.0, 4.0, None]


@pytest.mark.parametrize(("asked", "pause"), [(0.0, 0.0), (7.0, 7.0), (60.0, 60.0), (61.0, None), (1e8, None)])
def test_the_server_may_name_the_pause_within_bounds(asked: float, pause: float | None) -> None:
    assert PATIENCE.pause(3, MayPass("busy", asked)) == pause
    assert PATIENCE.pause(4, MayPass("busy", asked)) is None


@pytest.mark.parametrize("stated", ["", "soon", "-1", "1.5", "1e9", "9" * 10, "٣", "Fri, 27 Nov 2026 09:00:00 GMT"])
def test_nonsense_and_dates_count_as_no_pause_named(stated: str) -> None:
    assert seconds_asked({"retry-after": stated}) is None
    assert seconds_asked({"retry-after": " 30 "}) == 30.0


@pytest.mark.parametrize("status", [200, 206, 301, 400, 401, 403, 404, 410, 416, 501])
def test_what_will_not_change_is_not_tried_again(status: int) -> None:
    check_passing(status, {})


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_what_may_pass(status: int) -> None:
    with pytest.raises(MayPass, match=f"HTTP {status}") as caught:
        check_passing(status, {"retry-after": "9"})
    assert (caught.value.seconds, caught.value.status) == (9.0, status)


def test_a_fault_without_words_has_its_name() -> None:
    assert words_of(ConnectionResetError()) == "ConnectionResetError"
    assert "\n" not in words_of(OSError("one\ntwo"))
