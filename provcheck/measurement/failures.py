"""A tokenizer from a stranger may fail in any way; here every failure becomes one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from provcheck.errors import UnsupportedModel

HINT = "check tokenizer.json, or take the tokenizer files of the base model"


@contextmanager
def failures_said(what: str) -> Iterator[None]:
    """Inside, a failure of the tokenizers library raises UnsupportedModel: `what`, and the reason."""
    try:
        yield
    except BaseException as error:
        if not isinstance(error, Exception) and not _is_panic(error):
            raise
        raise UnsupportedModel(f"{what}: {first_line(error)}", HINT) from None


def _is_panic(error: BaseException) -> bool:
    """Whether Rust code gave up; pyo3 derives this class from BaseException, and no module exports it."""
    return type(error).__name__ == "PanicException"


def first_line(error: BaseException) -> str:
    """First line of an error, without paths of this machine and cut to a readable length."""
    lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return " ".join(word for word in lines[0].split() if not word.strip("'\"(").startswith("/"))[:300]
