"""Texts -> token ids, with neither torch nor transformers where there is a tokenizer.json."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from provcheck.errors import UnsupportedModel
from provcheck.measurement.encoding import check_number, in_groups
from provcheck.measurement.failures import failures_said
from provcheck.measurement.sources import FAST, tokenizer_source
from provcheck.types import ModelFiles


def token_ids(files: ModelFiles, texts: Sequence[str]) -> list[list[int]]:
    """The ids of each text, without special tokens. Raises UnsupportedModel."""
    encode, found = _encoder(files), []
    for group in in_groups(list(texts)):
        with failures_said("the tokenizer fails on a text"):
            encoded = encode(group)
        for text, ids in zip(group, encoded, strict=True):
            check_number(text, len(ids))
            found.append(list(ids))
    return found


def refuse_dropout(model: object, what: str) -> None:
    """Raise UnsupportedModel for a tokenizer's model that gives other tokens each time."""
    if getattr(model, "dropout", None):
        raise UnsupportedModel(
            f"{what} drops merges at random (BPE dropout), so no measurement would repeat",
            f"set model.dropout to null in {FAST}",
        )


def _encoder(files: ModelFiles) -> Callable[[list[str]], Sequence[Sequence[int]]]:
    path = Path(tokenizer_source(files)["pretrained_model_name_or_path"]) / FAST
    if not path.exists():
        from provcheck.measurement.loader import load_tokenizer

        slow = load_tokenizer(files)
        return lambda group: slow(group, add_special_tokens=False, padding=False, truncation=False)["input_ids"]
    from tokenizers import Tokenizer

    what = f"the tokenizer of '{files.subject.id}'"
    with failures_said(f"{what} cannot be loaded"):
        fast = Tokenizer.from_file(str(path))
        fast.no_truncation()
        fast.no_padding()
    refuse_dropout(fast.model, what)
    return lambda group: [one.ids for one in fast.encode_batch(group, add_special_tokens=False)]
