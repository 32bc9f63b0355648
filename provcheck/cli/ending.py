"""How the program ends when nobody reads what it prints, when a disk is full, and on a signal."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
from typing import Any, NoReturn, TextIO

SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
INTERRUPTED = 2
"""`ExitCode.INTERRUPTED`, which cannot be imported while a signal is handled."""


def prepare() -> None:
    """Make this process end in an orderly way, whatever becomes of its output, and on signals. Called once."""
    _open_closed()
    sys.stdout = _lasting(sys.stdout, needed=True)
    sys.stderr = _lasting(sys.stderr, needed=False)
    _handle_signals(_stop)


class LastingFile(io.FileIO):
    """A standard stream. If its reader went away (`| head`), what follows is dropped, and nothing else changes.

    Any other failure, such as a full disk, raises OutputError once where the stream is `needed`.
    """

    def __init__(self, number: int, *, needed: bool) -> None:
        super().__init__(number, "w", closefd=False)
        self._needed = needed

    def write(self, content: Any) -> int:
        """Write bytes, or drop them."""
        try:
            return super().write(content)
        except OSError as error:
            _lead_nowhere(self.fileno())
            if self._needed and not isinstance(error, BrokenPipeError):
                raise _unwritable(error) from error
            return len(content)


def _lasting(stream: TextIO, *, needed: bool) -> TextIO:
    """The same stream over a LastingFile; a stream that is no file (a console of Windows, a test) stays as it is."""
    buffer = getattr(stream, "buffer", None)
    raw = getattr(buffer, "raw", buffer)
    if not isinstance(stream, io.TextIOWrapper) or not isinstance(raw, io.FileIO):
        return stream
    lasting = io.BufferedWriter(LastingFile(raw.fileno(), needed=needed))
    at_once = stream.line_buffering or stream.write_through
    return io.TextIOWrapper(lasting, stream.encoding, stream.errors, line_buffering=at_once)


def _open_closed() -> None:
    """A standard stream that was closed (`>&-`) leads nowhere; else a file opened next would take its number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free


def _lead_nowhere(number: int) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)


def _unwritable(error: OSError) -> Exception:
    from provcheck.errors import OutputError
    from provcheck.io.text import reason

    return OutputError(f"cannot write to standard output: {reason(error)}", "send it to another place")


def _handle_signals(handler: Any) -> None:
    """Signals that are ignored, as by nohup, stay so."""
    for name in SIGNALS:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def _stop(*_: object) -> NoReturn:
    """The first signal ends like Ctrl-C: what is being computed is waited for, and everything is tidied up."""
    _handle_signals(_stop_at_once)
    raise KeyboardInterrupt


def _stop_at_once(*_: object) -> NoReturn:
    """A second signal does not wait."""
    with contextlib.suppress(OSError):
        os.write(2, b"interrupted again: ended at once\n")
    os._exit(INTERRUPTED)
