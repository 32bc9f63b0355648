"""The tokenizers of the zoo: four kinds, all fast, all with character offsets, all able to encode any text."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from .corpus import Corpora
from .plan import Vocabulary

BYTES = [f"<0x{value:02X}>" for value in range(256)]
SENTENCEPIECE_SPECIALS = ["<unk>", "<s>", "</s>"]
WORDPIECE_SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
BYTE_LOG_PROBABILITY = -200.0  # never chosen for a text that spells one out
LETTERS = [chr(code) for code in range(32, 127)] + ["\n", "\t"]
SAMPLE_CHARACTERS = 400_000


def train_tokenizer(vocabulary: Vocabulary, corpora: Corpora, factor: int) -> Tokenizer:
    """Train one tokenizer on an equal share of every corpus of the folder."""
    entries = vocabulary.entries * factor
    return TRAINERS[vocabulary.kind](_sample(corpora, factor), entries, vocabulary.bos)


def wrap(tokenizer: Tokenizer) -> Any:
    """As a transformers tokenizer, with the special tokens it has."""
    from transformers import PreTrainedTokenizerFast

    roles = {"bos_token": ["<s>", "<|begin|>", "[CLS]"], "eos_token": ["</s>", "<|end|>", "[SEP]"]}
    roles |= {"unk_token": ["<unk>", "[UNK]"], "pad_token": ["</s>", "<|end|>", "[PAD]"]}
    known = tokenizer.get_vocab()
    special = {role: word for role, words in roles.items() for word in words if word in known}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special)


def cached_tokenizer(path: Path, vocabulary: Vocabulary, corpora: Corpora, factor: int) -> Tokenizer:
    """Read the tokenizer file, or train it and write the file whole."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_suffix(".tmp")
        train_tokenizer(vocabulary, corpora, factor).save(str(half))
        half.replace(path)
    return Tokenizer.from_file(str(path))


def _byte_bpe(texts: Iterator[str], entries: int, bos: bool) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    specials = ["<|end|>"] + (["<|begin|>"] if bos else [])
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=entries, special_tokens=specials, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return _start_with(tokenizer, "<|begin|>") if bos else tokenizer


def _sentencepiece_bpe(texts: Iterator[str], entries: int, bos: bool) -> Tokenizer:
    tokenizer = _sentencepiece(models.BPE(unk_token=SENTENCEPIECE_SPECIALS[0], byte_fallback=True))
    specials = [AddedToken(word, special=True, normalized=False) for word in SENTENCEPIECE_SPECIALS + BYTES]
    trainer = trainers.BpeTrainer(vocab_size=entries, special_tokens=specials, **_alphabet("▁"))
    tokenizer.train_from_iterator(texts, trainer)
    learned = _keep_added(tokenizer, SENTENCEPIECE_SPECIALS)
    return _start_with(learned, "<s>") if bos else learned


def _unigram(texts: Iterator[str], entries: int, bos: bool) -> Tokenizer:
    """Pieces of a BPE weighted by their use; the library's own Unigram trainer gives another result on every run."""
    lines = list(texts)
    pieces = _sentencepiece_bpe(iter(lines), entries, bos=False)
    uses = Counter(token for encoded in pieces.encode_batch(lines) for token in encoded.tokens)
    total = sum(uses.values())
    fixed = dict.fromkeys(SENTENCEPIECE_SPECIALS, 0.0) | dict.fromkeys(BYTES, BYTE_LOG_PROBABILITY)
    words = sorted(set(pieces.get_vocab()) - set(fixed))
    scores = [(word, round(math.log((uses[word] + 0.5) / total), 4)) for word in words]
    tokenizer = _sentencepiece(models.Unigram([*fixed.items(), *scores], unk_id=0, byte_fallback=True))
    tokenizer.add_special_tokens(SENTENCEPIECE_SPECIALS)
    return _start_with(tokenizer, "<s>") if bos else tokenizer


def _wordpiece(texts: Iterator[str], entries: int, bos: bool) -> Tokenizer:
    """Letters inside a word are listed first, else their numbers, and with them the merges, are left to chance."""
    inside = [AddedToken(f"##{letter}", special=True, normalized=False) for letter in LETTERS]
    tokenizer = Tokenizer(models.WordPiece(unk_token=WORDPIECE_SPECIALS[1]))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=entries, special_tokens=WORDPIECE_SPECIALS + inside, **_alphabet())
    tokenizer.train_from_iterator(texts, trainer)
    learned = _keep_added(tokenizer, WORDPIECE_SPECIALS)
    return _start_with(learned, "[CLS]") if bos else learned


TRAINERS = {
    "byte-bpe": _byte_bpe,
    "sentencepiece-bpe": _sentencepiece_bpe,
    "unigram": _unigram,
    "wordpiece": _wordpiece,
}


def _sentencepiece(model: models.Model) -> Tokenizer:
    """Characters beyond ASCII stand alone, so that every byte entry has the offsets of its own character."""
    tokenizer = Tokenizer(model)
    words = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first")
    alone = pre_tokenizers.Split(Regex(r"[^\x00-\x7F▁]"), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([words, alone])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return tokenizer


def _keep_added(tokenizer: Tokenizer, words: list[str]) -> Tokenizer:
    """Other entries belong to the model's vocabulary; as added tokens a text that spells one out would match it."""
    state = json.loads(tokenizer.to_str())
    state["added_tokens"] = [entry for entry in state["added_tokens"] if entry["content"] in words]
    return Tokenizer.from_str(json.dumps(state))


def _alphabet(more: str = "") -> dict[str, Any]:
    """A fixed alphabet: the trainers choose among rare characters by chance."""
    letters = [*LETTERS, *more]
    return {"initial_alphabet": letters, "limit_alphabet": len(letters), "show_progress": False}


def _start_with(tokenizer: Tokenizer, word: str) -> Tokenizer:
    identity = tokenizer.token_to_id(word)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{word} $A", pair=f"{word} $A $B", special_tokens=[(word, identity)]
    )
    return tokenizer


def _sample(corpora: Corpora, factor: int) -> Iterator[str]:
    names = sorted({corpus for mix in corpora.mixes.values() for corpus in mix})
    for name in names:
        text = corpora.training_text(name)[: SAMPLE_CHARACTERS * factor]
        yield from text.splitlines(keepends=True)
