"""Requests to an endpoint: counted, bounded in number, bytes and time, and tried again where that may help.

The key goes to the host of the address alone: redirects are not followed. It never stands in an error, since whatever
the server says is searched for it.
"""

from __future__ import annotations

import json
import os
import time
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from provcheck.endpoints.address import LOCAL, Address
from provcheck.errors import SubjectNotFound, UsageError
from provcheck.io.retries import PASSING, MayPass, Patience, seconds_asked
from provcheck.io.text import clean
from provcheck.io.untrusted import parse_json

if TYPE_CHECKING:
    import httpx2

KEY_VARIABLE = "PROVCHECK_ENDPOINT_KEY"
MAX_KEY = 4_000

MAX_BYTES, MAX_VALUES = 10_000_000, 200_000
"""Of one answer; that of a text of a hundred tokens has about 10 kB."""

CONNECT_SECONDS, SILENT_SECONDS, MAX_SECONDS = 10.0, 60.0, 120.0
"""For a connection, without a byte, and for a whole answer."""

PATIENCE = Patience(tries=5, longest_seconds=60.0)

AGAIN = PASSING | {409, 529}
"""Status codes after which the same request may succeed."""

CLOSED = {401, 403}


class Unanswered(Exception):
    """A request without a usable answer; `reason` is fit for a report."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Refused(Unanswered):
    """The server understood, and said no: it will say so again."""


class Spent(Unanswered):
    """No further request is allowed."""


class Failing(Unanswered):
    """The server failed at this very request, again and again (HTTP 500): asked in another form it may do better."""


class Client:
    """Asks one server. `requests` and `tokens` count what was sent and what the server had to read or write."""

    def __init__(self, address: Address, max_requests: int) -> None:
        import httpx2

        self.address = address
        self.max_requests = max_requests
        self.requests, self.tokens = 0, 0
        self._key = _read_key()
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "provcheck"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        local = httpx2.URL(address.base).host in LOCAL
        timeout = httpx2.Timeout(SILENT_SECONDS, connect=CONNECT_SECONDS)
        self._http = httpx2.Client(headers=headers, timeout=timeout, follow_redirects=False, trust_env=not local)
        weakref.finalize(self, self._http.close)  # servers keep connections open

    @property
    def left(self) -> int:
        """How many requests are still allowed."""
        return max(0, self.max_requests - self.requests)

    def ask(self, url: str, body: Mapping[str, Any]) -> Any:
        """The JSON that the server answers. Raises Unanswered, and SubjectNotFound where it wants another key."""
        failed = 0
        while True:
            try:
                return self._ask_once(url, body)
            except MayPass as problem:
                failed += 1
                seconds = PATIENCE.pause(failed, problem)
                if seconds is None:
                    kind = Failing if problem.status == 500 else Unanswered
                    raise kind(f"{problem}, {failed} times") from None
                self._check_allowed()
                time.sleep(seconds)

    def _ask_once(self, url: str, body: Mapping[str, Any]) -> Any:
        import httpx2

        self._check_allowed()
        self.requests += 1
        try:
            with self._http.stream("POST", url, json=body) as answer:
                content = _read(answer)
        except httpx2.TimeoutException:
            raise MayPass("the server did not answer in time") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise MayPass(f"the server could not be reached ({type(error).__name__})") from None
        self._check_status(answer, content)
        return _json(content)

    def _check_allowed(self) -> None:
        if not self.left:
            raise Spent(f"not asked for: --max-requests {self.max_requests}")

    def _check_status(self, answer: httpx2.Response, content: bytes) -> None:
        status, said = answer.status_code, self._said(content)
        if status in CLOSED:
            raise SubjectNotFound(
                f"the endpoint {self.address.name} refuses access (HTTP {status}{said})",
                f"Put the key into the environment variable {KEY_VARIABLE}."
                if not self._key
                else f"Check the key in {KEY_VARIABLE}.",
            )
        if status in AGAIN:
            raise MayPass(f"the server answered HTTP {status}{said}", _pause(answer), status)
        if 300 <= status < 400:
            raise Refused("the server sends requests on to another address, which is not followed: give that one")
        if status != 200:
            raise Refused(f"the server answered HTTP {status}{said}")

    def _said(self, content: bytes) -> str:
        """What the server gives as reason, in a bounded text without the key."""
        try:
            found = parse_json(content[:MAX_BYTES], MAX_VALUES)
        except ValueError:
            return ""
        for key in ("error", "message", "detail", "msg"):
            if isinstance(found, dict) and key in found:
                found = found[key]
        text = found if isinstance(found, str) else json.dumps(found)
        said = clean(text.replace(self._key, "(key)") if self._key else text)
        return f": {said}" if said else ""


def _read_key() -> str:
    """The key from the environment; empty where there is none. Raises UsageError."""
    key = os.environ.get(KEY_VARIABLE, "").strip()
    if len(key) > MAX_KEY or not key.isascii() or not key.isprintable() or " " in key:
        raise UsageError(f"{KEY_VARIABLE} holds no key: it is too long, or has spaces or hidden characters in it")
    return key


def _read(answer: httpx2.Response) -> bytes:
    """The body, within its bounds. Raises MayPass or Refused."""
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise Refused("the server sends its answer compressed, though it was asked not to")
    begin, content = time.monotonic(), bytearray()
    for chunk in answer.iter_raw():
        content += chunk
        if len(content) > MAX_BYTES:
            raise Refused(f"the server sent more than {MAX_BYTES // 1_000_000} MB for one text")
        if time.monotonic() - begin > MAX_SECONDS:
            raise MayPass(f"the server took more than {MAX_SECONDS:.0f} seconds for an answer")
    return bytes(content)


def _json(content: bytes) -> Any:
    try:
        return parse_json(content, MAX_VALUES)
    except ValueError as error:
        raise Refused(f"the server's answer cannot be read: {clean(str(error))}") from None


def _pause(answer: httpx2.Response) -> float | None:
    """Seconds that the server asks to wait, up to the longest that it gets; none at all count as not named."""
    return min(PATIENCE.longest_seconds, seconds_asked(answer.headers) or 0.0) or None
