"""Whether a tokenizer.json adds so much to every text that its tokens would fill the memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from provcheck.errors import UnsupportedModel

MAX_INSERTED = 100
"""Characters that a normalizer may insert for one match; those of real models insert a few."""

MAX_ADDED = 1_000
"""Tokens that post-processors may add to a text; those of real models add a few."""


def check_growth(name: str, content: dict[str, Any]) -> None:
    """Raise UnsupportedModel if the tokenizer.json called `name` adds more than the limits, or repeats the text."""
    inserted = max(map(_inserted, _steps(content.get("normalizer"))), default=0)
    if inserted > MAX_INSERTED:
        raise _refused(f"a normalizer of {name} inserts {inserted:,} characters, more than {MAX_INSERTED:,}")
    templates = [_template(step) for step in _steps(content.get("post_processor"))]
    added = sum(tokens for tokens, _ in templates)
    if added > MAX_ADDED:
        raise _refused(f"the post_processor of {name} adds {added:,} tokens to a text, more than {MAX_ADDED:,}")
    if any(copies > 1 for _, copies in templates):
        raise _refused(f"the post_processor of {name} repeats the text")


def _refused(what: str) -> UnsupportedModel:
    return UnsupportedModel(what, "Take the tokenizer files of the base model.")


def _steps(part: object) -> Iterator[dict[str, Any]]:
    """The part itself and, if it is a Sequence, the parts in it."""
    waiting = [part]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            for key in ("normalizers", "processors"):
                waiting += one[key] if isinstance(one.get(key), list) else []


def _inserted(normalizer: dict[str, Any]) -> int:
    """Characters that a Replace or a Prepend inserts at once."""
    texts = (normalizer.get(key) for key in ("content", "prepend"))
    return max((len(text) for text in texts if isinstance(text, str)), default=0)


def _template(processor: dict[str, Any]) -> tuple[int, int]:
    """How many tokens a TemplateProcessing adds to one text, and how often it takes the text."""
    pieces, tokens = processor.get("single"), processor.get("special_tokens")
    pieces = [piece for piece in pieces if isinstance(piece, dict)] if isinstance(pieces, list) else []
    named = [piece["SpecialToken"].get("id") for piece in pieces if isinstance(piece.get("SpecialToken"), dict)]
    sizes = {key: len(ids) for key, ids in _ids(tokens)}
    added = sum(sizes.get(name, 0) for name in named if isinstance(name, str))
    return added, sum("Sequence" in piece for piece in pieces)


def _ids(tokens: object) -> Iterator[tuple[str, list[Any]]]:
    """Every special token of a template with the ids that it stands for."""
    for key, token in tokens.items() if isinstance(tokens, dict) else ():
        if isinstance(token, dict) and isinstance(token.get("ids"), list):
            yield key, token["ids"]
