"""One file of one commit on the Hub, of which spans are fetched by HTTP range requests.

The Hub names size, ETag and the place of a file, most often at another host; that host never sees the user's token. All
answers must be of that size, and of one ETag as long as they come from one place. Failures that may pass are tried
again, after the time that the server asks for or twice as long each time, and only for the bytes that did not arrive.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from provcheck.errors import BrokenModel, OutputError, SubjectError, SubjectNotFound
from provcheck.io import retries
from provcheck.io.partial_file import PartialFile, Span
from provcheck.io.retries import KEPT, TIMEOUT_SECONDS, MayPass

if TYPE_CHECKING:
    from huggingface_hub import HfFileMetadata

CONNECTIONS, PIECE_BYTES = 8, 8 << 20
"""At once, and the most that one of them asks for: answers take 64 MiB of memory at most."""

PATIENCE = retries.Patience()
EXPIRED = frozenset({400, 401, 403, 404, 410})
"""What storage answers when the address that the Hub gave is too old."""

WHOLE = "Fetch the whole files with `hf download {}`; they are then read from the Hub cache."

ETAG = re.compile(r"[\x21-\x7e]{1,200}")


class RemoteFile:
    """A file that the Hub states to have `size` bytes and that `etag`: the sha256 of a file in LFS.

    Raises what huggingface_hub raises where there is no such file, or no access to it.
    """

    def __init__(self, repo_id: str, commit: str, name: str) -> None:
        from huggingface_hub import hf_hub_url
        from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

        self._repo_id, self._commit, self._name = repo_id, commit, name
        self._url = hf_hub_url(repo_id, name, revision=commit)
        self._headers = {**build_hf_headers(library_name="provcheck"), "Accept-Encoding": "identity"}
        self._lock, self._stop = threading.Lock(), threading.Event()
        found = self._ask()
        self.size, self.etag = int(found.size or 0), str(found.etag)
        self._location, self._answered_etag = found.location, ""

    def fetch(self, spans: Iterable[Span], into: PartialFile) -> None:
        """Fetch these spans. Raises SubjectError or OutputError."""
        self._stop.clear()
        pool = ThreadPoolExecutor(CONNECTIONS)
        try:
            list(pool.map(lambda piece: self._fetch_piece(piece, into), _pieces(spans)))
        finally:  # after a fault, or Ctrl-C, nobody waits for the others; what they have is kept
            self._stop.set()
            pool.shutdown(cancel_futures=True)

    def _fetch_piece(self, piece: Span, into: PartialFile) -> None:
        try:
            self._try_piece(piece, into)
        except BaseException:
            self._stop.set()
            raise

    def _try_piece(self, piece: Span, into: PartialFile) -> None:
        begin, end = piece
        failed = 0
        while not self._stop.is_set():
            received = bytearray()
            fault: Exception = MayPass("the connection was closed too early")
            try:
                self._receive((begin, end), received)
            except (SubjectError, OSError):
                raise
            except Exception as error:  # the many ways in which a connection breaks
                fault = error
            if received:
                _keep(into, begin, bytes(received))
                begin += len(received)
            if begin == end:
                return
            failed += 1
            if not self._pause(failed, fault):
                raise SubjectNotFound(f"{self._what} cannot be fetched from the Hub: {retries.words_of(fault)}", KEPT)

    def _receive(self, span: Span, received: bytearray) -> None:
        """Add what one request gives, also if it ends too early."""
        from huggingface_hub import get_session

        location, wanted = self._location, span[1] - span[0]
        headers = {**self._headers_for(location), "Range": f"bytes={span[0]}-{span[1] - 1}"}
        with get_session().stream("GET", location, headers=headers, timeout=TIMEOUT_SECONDS) as answer:
            self._check_status(answer, location)
            self._check_range(answer.headers, span)
            self._check_etag(answer.headers.get("etag", ""), location)
            for chunk in answer.iter_raw():  # as it comes: what was waited for would be lost with the connection
                if len(received) + len(chunk) > wanted:
                    raise self._wrong("more bytes than it was asked for")
                received += chunk
                if self._stop.is_set():
                    return

    def _check_status(self, answer: Any, location: str) -> None:
        status = answer.status_code
        if status == 200:
            raise SubjectNotFound(
                f"the server of {self._what} ignores ranges and would send the whole file", self._whole_hint
            )
        if status in EXPIRED and self._is_elsewhere(location):
            self._renew(location)
            raise MayPass(f"HTTP {status}", 0)
        retries.check_passing(status, answer.headers)
        if status == 416:
            raise self._changed()
        if status != 206:
            raise SubjectNotFound(f"the Hub answered HTTP {status} for {self._what}", "Check HF_TOKEN and HF_ENDPOINT.")

    def _check_range(self, headers: Mapping[str, str], span: Span) -> None:
        match = retries.RANGE.fullmatch(headers.get("content-range", ""))
        if match is None or headers.get("content-encoding", "identity") != "identity":
            raise self._wrong("a range without saying which, or compressed")
        first, last, size = map(int, match.groups())
        if size != self.size:
            raise self._changed()
        if first != span[0] or not first <= last < span[1]:
            raise self._wrong("another range than it was asked for")

    def _check_etag(self, etag: str, location: str) -> None:
        with self._lock:
            if location != self._location:  # renewed meanwhile
                return
            if self._answered_etag and etag != self._answered_etag:
                raise self._changed()
            self._answered_etag = etag

    def _renew(self, location: str) -> None:
        """Ask the Hub for a fresh address, unless another thread has."""
        with self._lock:
            if location != self._location:
                return
            found = self._ask()
            if (found.size, found.etag) != (self.size, self.etag):
                raise self._changed()
            self._location, self._answered_etag = found.location, ""

    def _ask(self) -> HfFileMetadata:
        from huggingface_hub import get_hf_file_metadata

        failed = 0
        while True:
            try:
                found = get_hf_file_metadata(self._url, timeout=TIMEOUT_SECONDS, library_name="provcheck")
                break
            except Exception as error:
                failed, fault = failed + 1, _passing(error)
                if fault is None or not self._pause(failed, fault):
                    raise
        if not found.size or not ETAG.fullmatch(found.etag or "") or found.commit_hash not in (None, self._commit):
            raise SubjectNotFound(f"the Hub states no size, ETag or commit for {self._what}", self._whole_hint)
        return found

    def _pause(self, failed: int, fault: Exception) -> bool:
        """Wait before the next try; False where there is none."""
        asked, seconds = retries.seconds_of(fault) or 0, PATIENCE.pause(failed, fault)
        if asked > PATIENCE.longest_seconds:
            raise SubjectNotFound(
                f"the Hub is busy and asks to wait {asked:,.0f} seconds before {self._what} is fetched", KEPT
            ) from fault
        if seconds is not None:
            self._sleep(seconds)
        return seconds is not None

    def _sleep(self, seconds: float) -> None:
        self._stop.wait(seconds)

    def _headers_for(self, location: str) -> dict[str, str]:
        """Without the token for any other host than the Hub's."""
        secret = "authorization" if self._is_elsewhere(location) else ""
        return {name: value for name, value in self._headers.items() if name.lower() != secret}

    def _is_elsewhere(self, location: str) -> bool:
        return urlsplit(location)[:2] != urlsplit(self._url)[:2]

    @property
    def _what(self) -> str:
        return f"{self._name} of {self._repo_id}"

    @property
    def _whole_hint(self) -> str:
        return WHOLE.format(f"{self._repo_id} --revision {self._commit}")

    def _wrong(self, answer: str) -> SubjectNotFound:
        return SubjectNotFound(f"the server of {self._what} sends {answer}", self._whole_hint)

    def _changed(self) -> BrokenModel:
        return BrokenModel(f"{self._what} changed on the Hub while it was read", "Measure again.")


def _pieces(spans: Iterable[Span]) -> Iterator[Span]:
    for begin, end in spans:
        for start in range(begin, end, PIECE_BYTES):
            yield start, min(start + PIECE_BYTES, end)


def _keep(into: PartialFile, begin: int, content: bytes) -> None:
    try:
        into.write(begin, content)
    except OSError as error:
        raise OutputError(
            f"what is fetched from the Hub cannot be written: {error.strerror or error}",
            "Free some space, or set PROVCHECK_CACHE to a folder on another disk.",
        ) from error


def _passing(error: Exception) -> Exception | None:
    """What huggingface_hub raised, if it may pass."""
    from huggingface_hub.errors import HfHubHTTPError

    if not isinstance(error, HfHubHTTPError):
        return None if isinstance(error, OSError | ValueError) else error
    status, headers = error.response.status_code, error.response.headers
    return MayPass(str(error), retries.seconds_asked(headers)) if status in retries.PASSING else None
