"""Requests that are tried again: which failures may pass, how often they are, and how long to wait in between.

What a try is, and what users are told, stays with those who ask: of the Hub, of banks on the web, of endpoints.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from provcheck.io.text import clean

PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Status codes after which the same request may succeed."""

TIMEOUT_SECONDS = 30
KEPT = "Try again: what was fetched is kept, and only the rest is fetched."
RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")


class MayPass(Exception):
    """A failure worth another try, after `seconds` if the server names them; `status`: that of HTTP, if it sent one."""

    def __init__(self, message: str, seconds: float | None = None, status: int | None = None) -> None:
        super().__init__(message)
        self.seconds, self.status = seconds, status


@dataclass(frozen=True)
class Patience:
    """How many failures in a row end it, and how long is waited after the first; twice as long after each further one.

    A server that names a pause gets it instead, up to the longest.
    """

    tries: int = 6
    first_seconds: float = 1.0
    longest_seconds: float = 300.0

    def pause(self, failures: int, fault: Exception) -> float | None:
        """Seconds to wait after so many failures in a row; None where another try is not worth it."""
        asked = seconds_of(fault)
        if failures >= self.tries or (asked or 0) > self.longest_seconds:
            return None
        return self.first_seconds * 2 ** (failures - 1) if asked is None else asked


def seconds_asked(headers: Mapping[str, str]) -> float | None:
    """What `Retry-After` asks for; a date, or nonsense, counts as nothing."""
    stated = headers.get("retry-after", "").strip()
    return float(stated) if re.fullmatch(r"[0-9]{1,9}", stated) else None


def check_passing(status: int, headers: Mapping[str, str]) -> None:
    """Raise MayPass for a status code after which the same request may succeed."""
    if status in PASSING:
        raise MayPass(f"HTTP {status}", seconds_asked(headers), status)


def words_of(fault: Exception) -> str:
    """A fault in a line fit for an error."""
    return clean(str(fault)) or type(fault).__name__


def seconds_of(fault: Exception) -> float | None:
    """The pause that the server named, if it did."""
    return fault.seconds if isinstance(fault, MayPass) else None
