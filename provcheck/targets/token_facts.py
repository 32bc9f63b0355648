"""Looks at tokenizer.json: how many ids it gives, and which of its tokens no merge makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from provcheck.signals.weights.stored import Unfit

BYTE = 6
"""Characters of `<0x0A>`, the token of a byte."""


@dataclass(frozen=True)
class Tokens:
    """The model of a tokenizer, the id of each of its own tokens by text, and the added tokens."""

    model: Mapping[str, Any]
    vocabulary: Mapping[str, int]
    added: Mapping[str, int]


def read_tokens(content: Mapping[str, Any]) -> Tokens:
    """From tokenizer.json. Raises Unfit where it is not as tokenizers writes it."""
    model = content.get("model")
    if not isinstance(model, dict):
        raise Unfit("tokenizer.json has no model section")
    vocabulary, added = model.get("vocab"), content.get("added_tokens") or []
    if isinstance(vocabulary, list):
        pairs = ((piece[0], place) for place, piece in enumerate(vocabulary) if isinstance(piece, list) and piece)
        vocabulary = {text: place for text, place in pairs if isinstance(text, str)}
    if not isinstance(vocabulary, dict) or not isinstance(added, list):
        raise Unfit("tokenizer.json has no vocabulary")
    if not all(type(id) is int and 0 <= id < 2**31 for id in vocabulary.values()):
        raise Unfit("ids in tokenizer.json are not numbers")
    entries = [one for one in added if isinstance(one, dict) and isinstance(one.get("content"), str)]
    return Tokens(model, vocabulary, {one["content"]: one["id"] for one in entries if type(one.get("id")) is int})


def _ids(tokens: Tokens) -> dict[str, float]:
    """One more than the highest id."""
    highest = max((*tokens.vocabulary.values(), *tokens.added.values()), default=-1)
    return {"ids": min(max(highest, -1), 2**31) + 1}


def _merges(tokens: Tokens) -> dict[str, float]:
    """Tokens of several characters, and those of them that no merge makes; none of a tokenizer without merges."""
    merges, end = tokens.model.get("merges"), tokens.model.get("end_of_word_suffix") or ""
    if not isinstance(merges, list) or tokens.model.get("ignore_merges") is True:
        return {"tokens": 0, "unreachable": 0}
    if tokens.model.get("continuing_subword_prefix") or not isinstance(end, str):
        raise Unfit("its merges are written in a way that is not known")
    made = {text for text in map(_made, merges) if text is not None}
    several = [text for text in tokens.vocabulary if len(text.removesuffix(end)) > 1 and not _is_byte(text)]
    own = [text for text in several if text not in tokens.added]
    return {"tokens": len(own), "unreachable": sum(text not in made for text in own)}


def _made(merge: object) -> str | None:
    """The token that a merge makes, written `a b` or as a list of two."""
    parts = merge.split(" ", 1) if isinstance(merge, str) else merge
    if isinstance(parts, list) and len(parts) == 2 and all(isinstance(part, str) for part in parts):
        return "".join(parts)
    return None


def _is_byte(text: str) -> bool:
    return len(text) == BYTE and text.startswith("<0x") and text.endswith(">")


TOKENIZER_LOOKS: dict[str, Callable[[Tokens], dict[str, float]]] = {"token-ids": _ids, "merges": _merges}
"""By name; each raises Unfit with the reason where it cannot be taken."""
