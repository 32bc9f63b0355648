"""What the server that HF_ENDPOINT names may answer. It may be anybody's: a mirror, a proxy, or an attacker.

huggingface_hub takes names of cache files from answers, and reads as much and as long as the server sends. So each
answer is checked when its headers arrive, before huggingface_hub sees it, and is watched while it is read.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from provcheck.errors import SubjectNotFound
from provcheck.io.untrusted import parse_json

TIMEOUT_SECONDS = 30
"""Without a byte, where huggingface_hub sets no limit."""

WINDOW_SECONDS, WINDOW_BYTES = 60.0, 60_000
"""An answer must bring that much in that time, or end: a modem of 1990 was faster."""

MAX_API_BYTES, MAX_API_VALUES, MAX_API_SECONDS = 20_000_000, 2_000_000, 120.0
"""Of one answer that is a list; a page of a thousand files has about half a megabyte."""

MAX_PAGES = 200
"""Of all lists of one address together; the Hub puts a thousand files on a page."""

MAX_BROKEN = 100
"""Answers of one address, one after another, that break off before they brought WINDOW_BYTES."""

TOKEN = re.compile(r"[A-Za-z0-9_=+-]{1,128}")
COMMIT = re.compile(r"[0-9a-f]{40}")
HINT = "Check the network, and HF_ENDPOINT if it is set: its server may be broken or hostile."


class Guarded:
    """Makes the clients of huggingface_hub as `inner` does, and lets them check every answer."""

    def __init__(self, inner: Callable[[], Any]) -> None:
        self._inner = inner
        self._pages: dict[str, int] = {}
        self._broken: dict[str, int] = {}

    def __call__(self) -> Any:
        """A client of httpx."""
        client = self._inner()
        if client.timeout.read is None:
            client.timeout = TIMEOUT_SECONDS
        client.event_hooks = {
            "request": [*client.event_hooks["request"], _ask_uncompressed],
            "response": [*client.event_hooks["response"], self._check],
        }
        return client

    def _check(self, answer: Any) -> None:
        _check_names(answer)
        is_list = _is_api(answer.request)
        answer.iter_raw = partial(_watched_list if is_list else self._watched, answer, answer.iter_raw)
        if is_list and answer.is_success and answer.request.method == "GET":
            self._count_page(answer)
            _check_entries(answer)

    def _watched(self, answer: Any, read: Callable[..., Iterator[bytes]], *args: Any) -> Iterator[bytes]:
        """As `_watched`; huggingface_hub tries again without end as long as each answer brings a byte."""
        path, total = answer.request.url.path, 0
        try:
            for chunk in _watched(answer, read, *args):
                total += len(chunk)
                yield chunk
        except SubjectNotFound:
            raise
        except Exception as error:
            self._broken[path] = self._broken.get(path, 0) + 1 if total < WINDOW_BYTES else 0
            if self._broken[path] > MAX_BROKEN:
                raise _refused(answer, f"broke off {self._broken[path]} answers, one after another") from error
            raise
        self._broken.pop(path, None)

    def _count_page(self, answer: Any) -> None:
        if "next" in answer.links:
            path = answer.request.url.path
            self._pages[path] = self._pages.get(path, 0) + 1
            if self._pages[path] > MAX_PAGES:
                raise _refused(answer, f"sends a list of more than {MAX_PAGES} pages")


def protect() -> None:
    """Check whatever huggingface_hub receives from now on; a client that the user has configured stays as it is."""
    from huggingface_hub import set_client_factory
    from huggingface_hub.utils import _http

    inner = getattr(_http, "_GLOBAL_CLIENT_FACTORY", _http.default_client_factory)  # nothing public gives it
    if not isinstance(inner, Guarded):
        set_client_factory(Guarded(inner))


def _ask_uncompressed(request: Any) -> None:
    if _is_api(request):
        request.headers["Accept-Encoding"] = "identity"


def _is_api(request: Any) -> bool:
    return "/api/" in request.url.path


def _check_names(answer: Any) -> None:
    """The commit and, of an answer to HEAD, the ETag become names of files in the cache."""
    commit = answer.headers.get("x-repo-commit")
    if commit is not None and not COMMIT.fullmatch(commit):
        raise _refused(answer, "names a commit that is none")
    etag = answer.headers.get("x-linked-etag") or answer.headers.get("etag")
    if answer.request.method == "HEAD" and etag is not None and not TOKEN.fullmatch(_bare(etag)):
        raise _refused(answer, "states an ETag that cannot be the name of a file")


def _bare(etag: str) -> str:
    return etag.removeprefix("W/").strip('"')


def _watched_list(answer: Any, read: Callable[..., Iterator[bytes]], *args: Any) -> Iterator[bytes]:
    """The bytes of a list as they come; SubjectNotFound where they are too many, or compressed against the request."""
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise _refused(answer, "sends a list compressed, though it was asked not to")
    begin, total = time.monotonic(), 0
    for chunk in _watched(answer, read, *args):
        total += len(chunk)
        if total > MAX_API_BYTES:
            raise _refused(answer, f"sends a list of more than {MAX_API_BYTES:,} bytes")
        if time.monotonic() - begin > MAX_API_SECONDS:
            raise _refused(answer, f"takes more than {MAX_API_SECONDS:.0f} seconds for a list")
        yield chunk


def _watched(answer: Any, read: Callable[..., Iterator[bytes]], *args: Any) -> Iterator[bytes]:
    """The bytes as they come; SubjectNotFound where they come too slowly."""
    since, recent = time.monotonic(), 0
    for chunk in read(*args):
        recent += len(chunk)
        seconds = time.monotonic() - since
        if seconds > WINDOW_SECONDS:
            if recent < WINDOW_BYTES:
                raise _refused(answer, f"sent only {recent:,} bytes in {seconds:.0f} seconds")
            since, recent = time.monotonic(), 0
        yield chunk


def _check_entries(answer: Any) -> None:
    """Of a list of files: the sha256 that it states become names of files as well."""
    try:
        entries = parse_json(answer.read(), MAX_API_VALUES)
    except ValueError as error:
        raise _refused(answer, f"sends a list that cannot be read ({error})") from error
    for entry in entries if isinstance(entries, list) else ():
        large = entry.get("lfs") if isinstance(entry, dict) else None
        if isinstance(large, dict) and not TOKEN.fullmatch(str(large.get("oid", "-"))):
            raise _refused(answer, "states a sha256 that is none")


def _refused(answer: Any, what: str) -> SubjectNotFound:
    return SubjectNotFound(f"the server {answer.request.url.host} {what}", HINT)
