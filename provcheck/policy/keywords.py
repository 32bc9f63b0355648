"""The expressions of `-k`: words with `and`, `or`, `not` and parentheses, as in pytest.

A word holds when any of the names contains it, in upper or lower case. `not` binds tighter than `and`, `and` tighter
than `or`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from provcheck.errors import UsageError

Matcher = Callable[[Sequence[str]], bool]
"""Tells whether an expression holds for something with these names."""

TOKEN = re.compile(r"\s*(?P<token>[()]|[\w:+\-./\[\]*]+)")
OPERATORS = {"and", "or", "not", "(", ")", ""}
MAX_LENGTH, MAX_DEPTH = 1000, 50
HINT = "for example: -k 'license or not-related-to', -k 'not coverage'"


def parse_keywords(text: str) -> Matcher:
    """Parse an expression; a blank one holds for everything. Raises UsageError with the column of the fault."""
    if len(text) > MAX_LENGTH:
        raise UsageError(f"-k: longer than {MAX_LENGTH} characters", HINT)
    if not text.strip():
        return lambda names: True
    parser = _Parser(text)
    matcher = parser.either()
    if parser.token:
        raise parser.fault("`and` or `or`")
    return matcher


class _Parser:
    """Recursive descent.

    either -> both (or both)*    both -> negated (and negated)*    negated -> not negated | ( either ) | word
    """

    def __init__(self, text: str) -> None:
        self._text, self._end, self._depth = text, 0, 0
        self.token = ""
        self._next()

    def either(self) -> Matcher:
        """Alternatives."""
        parts = [self._both()]
        while self._took("or"):
            parts.append(self._both())
        return lambda names: any(part(names) for part in parts)

    def fault(self, expected: str) -> UsageError:
        """What the next token is, and what was expected."""
        found = f"`{self.token}`" if self.token else "its end"
        return UsageError(f"-k: column {self._start + 1}: expected {expected}, found {found}", HINT)

    def _both(self) -> Matcher:
        parts = [self._negated()]
        while self._took("and"):
            parts.append(self._negated())
        return lambda names: all(part(names) for part in parts)

    def _negated(self) -> Matcher:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise UsageError(f"-k: column {self._start + 1}: nested too deeply", HINT)
        matcher = self._operand()
        self._depth -= 1
        return matcher

    def _operand(self) -> Matcher:
        if self._took("not"):
            negated = self._negated()
            return lambda names: not negated(names)
        if self._took("("):
            inner = self.either()
            if not self._took(")"):
                raise self.fault("`)`")
            return inner
        if self.token in OPERATORS:
            raise self.fault("a word, `not` or `(`")
        word = self.token.lower()
        self._next()
        return lambda names: any(word in name.lower() for name in names)

    def _took(self, token: str) -> bool:
        """Whether this token comes next; if so, consume it."""
        taken = self.token == token
        if taken:
            self._next()
        return taken

    def _next(self) -> None:
        found = TOKEN.match(self._text, self._end)
        self._start = found.start("token") if found else len(self._text)
        rest = self._text[self._end :].lstrip()
        if not found and rest:
            self._start = len(self._text) - len(rest)
            raise UsageError(f"-k: column {self._start + 1}: unexpected character {rest[0]!r}", HINT)
        self.token = found["token"] if found else ""
        self._end = found.end() if found else len(self._text)
