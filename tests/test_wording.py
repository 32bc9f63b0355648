from __future__ import annotations

import pytest

from provcheck.wording import plural


@pytest.mark.parametrize(
    ("count", "noun", "said"),
    [(1, "family", "1 family"), (17, "family", "17 families"), (2, "day", "2 days"), (1_200, "pair", "1,200 pairs")],
)
def test_nouns_in_the_plural(count: int, noun: str, said: str) -> None:
    assert plural(count, noun) == said
