"""One file by HTTP, of which only the bytes that are missing are fetched, again and again until all are here.

The server may be anybody's. What it sends is bounded by the size that is wanted, and is checked by the caller.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import sleep
from typing import Any
from urllib.parse import urlsplit

from provcheck.errors import BankError, OutputError, ProvcheckError
from provcheck.io.partial_file import CHUNK, PartialFile
from provcheck.io.retries import KEPT, RANGE, TIMEOUT_SECONDS, MayPass, Patience, check_passing, words_of
from provcheck.io.text import reason
from provcheck.targets.hub_guard import protect

PATIENCE = Patience()
PROGRESS_BYTES = 1 << 20
"""An attempt that brings less counts as failed: six of these in a row, and the download ends."""


def read_url(url: str, headers: Mapping[str, str], limit: int, what: str) -> bytes | None:
    """A small file, whole; None where there is none. Raises BankError."""
    failed = 0
    while True:
        try:
            return _read(url, headers, limit, what)
        except ProvcheckError:
            raise
        except Exception as error:  # the many ways in which a connection breaks
            failed += 1
            _pause(failed, error, what)


def download(url: str, headers: Mapping[str, str], into: PartialFile, what: str) -> None:
    """Fetch what is missing of a file. Raises BankError or OutputError; what arrived is kept."""
    failed = 0
    while missing := into.missing([(0, into.size)]):
        left = _length(missing)
        fault: Exception = MayPass("the connection was closed too early")
        try:
            _receive(url, headers, into, missing[0], what)
        except ProvcheckError:
            raise
        except Exception as error:
            fault = error
        now = _length(into.missing([(0, into.size)]))
        failed = failed + 1 if now and left - now < PROGRESS_BYTES else 0
        if failed:
            _pause(failed, fault, what)


def _read(url: str, headers: Mapping[str, str], limit: int, what: str) -> bytes | None:
    with _asked(url, headers, what) as answer:
        if answer.status_code in (404, 410):
            return None
        _check_status(answer, what)
        content = bytearray()
        for chunk in answer.iter_raw():
            content += chunk
            if len(content) > limit:
                raise BankError(f"{what} is larger than the {limit:,} bytes that it may have")
        return bytes(content)


def _receive(url: str, headers: Mapping[str, str], into: PartialFile, span: tuple[int, int], what: str) -> None:
    """Write what one request gives; a server that ignores ranges sends the file from its beginning."""
    begin, end = span
    with _asked(url, {**headers, "Range": f"bytes={begin}-{end - 1}"}, what) as answer:
        if answer.status_code in (404, 410, 416):
            raise BankError(f"{what} is not there, or is shorter than its release states")
        _check_status(answer, what)
        at = begin if answer.status_code == 206 else 0
        _check_extent(answer, at, into.size, what)
        _write(_after(answer.iter_raw(), begin - at), into, begin, end, what)


def _write(chunks: Iterator[bytes], into: PartialFile, begin: int, end: int, what: str) -> None:
    """Write the bytes from `begin` to before `end`, those that came before a fault too."""
    waiting = bytearray()
    try:
        for chunk in chunks:
            waiting += chunk
            if len(waiting) >= CHUNK or begin + len(waiting) >= end:
                begin = _flush(waiting, into, begin, end, what)
            if begin >= end:
                return
    finally:
        _flush(waiting, into, begin, end, what)


def _flush(waiting: bytearray, into: PartialFile, begin: int, end: int, what: str) -> int:
    content = bytes(waiting[: end - begin])
    waiting.clear()
    if not content:
        return begin
    try:
        into.write(begin, content)
    except OSError as error:
        raise OutputError(f"{what} cannot be written: {reason(error)}", "Free some space, and try again.") from None
    return begin + len(content)


def _after(chunks: Iterator[bytes], skipped: int) -> Iterator[bytes]:
    """The bytes behind the first `skipped`."""
    for chunk in chunks:
        yield chunk[skipped:]
        skipped = max(0, skipped - len(chunk))


@contextmanager
def _asked(url: str, headers: Mapping[str, str], what: str) -> Iterator[Any]:
    """The answer to a GET; redirects are followed, but never from https to http."""
    from huggingface_hub import get_session

    protect()
    plain = {**headers, "Accept-Encoding": "identity"}
    with get_session().stream("GET", url, headers=plain, timeout=TIMEOUT_SECONDS, follow_redirects=True) as answer:
        if urlsplit(url).scheme == "https" and answer.url.scheme != "https":
            raise BankError(f"the server of {what} sends on to an address without https")
        yield answer


def _check_status(answer: Any, what: str) -> None:
    status = answer.status_code
    check_passing(status, answer.headers)
    if status in (401, 403):
        raise BankError(f"{what} may not be read: HTTP {status}", "Check the address, and who may read there.")
    if status not in (200, 206):
        raise BankError(f"{what} cannot be fetched: HTTP {status}")
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise BankError(f"the server of {what} sends it compressed, though it was asked not to")


def _check_extent(answer: Any, begin: int, size: int, what: str) -> None:
    """What the answer says of itself must fit; whether it is true, the digest says."""
    if answer.status_code == 206:
        match = RANGE.fullmatch(answer.headers.get("content-range", ""))
        fits = match is not None and int(match[1]) == begin and int(match[3]) == size
    else:
        stated = answer.headers.get("content-length", str(size))
        fits = stated == str(size)
    if not fits:
        raise BankError(f"{what} has another size than its release states, or the server sends another part of it")


def _pause(failed: int, fault: Exception, what: str) -> None:
    """Wait before the next try. Raises BankError where there was the last, or where the server asks for too long."""
    seconds = PATIENCE.pause(failed, fault)
    if seconds is None:
        raise BankError(f"{what} cannot be fetched: {words_of(fault)}", KEPT) from fault
    sleep(seconds)


def _length(spans: list[tuple[int, int]]) -> int:
    return sum(end - begin for begin, end in spans)
