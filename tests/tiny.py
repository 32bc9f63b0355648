"""Tiny random models, tokenizers and probes that the tests share; everything is seeded, nothing is fetched.

save_tiny(folder)                                   a llama with byte-level BPE, as a Hugging Face folder
save_tiny(folder, "gpt2", "unigram", bos=False)     another architecture and tokenizer
save_probes(folder, tiny_probes(texts=40))          a folder for --probes
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

from provcheck.probes import probe_set
from provcheck.types import ProbeSet, Question, Text

if TYPE_CHECKING:
    from transformers import PreTrainedModel

TokenizerKind = Literal["byte-bpe", "unigram", "wordpiece"]

VOCABULARY = 512
UNKNOWN, UNKNOWN_WORD = "<unk>", "[UNK]"
CONTEXT = 1024
"""Tokens; the texts of the shipped probe sets fit."""

WEIGHT_FACTOR, MAMBA_FACTOR = 5.0, 2.0
"""Random weights are made larger by this, so that the outputs are not flat. More would make Mamba chaotic: its decay is
an exponential of its weights."""

_LLAMA: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 16,
    "intermediate_size": 64,
    "max_position_embeddings": CONTEXT,
}
_PHI = {**_LLAMA, "num_key_value_heads": 2}
del _PHI["head_dim"]

ARCHITECTURES: dict[str, dict[str, Any]] = {
    "llama": _LLAMA,
    "mistral": _LLAMA | {"sliding_window": 24},
    "mixtral": _LLAMA | {"num_local_experts": 4},
    "qwen2": _LLAMA,
    "qwen3": _LLAMA,
    "gemma": _LLAMA,
    "gemma2": _LLAMA | {"sliding_window": 24},
    "gemma3_text": _LLAMA | {"sliding_window": 24},
    "phi": _PHI,
    "phi3": _LLAMA,
    "stablelm": _LLAMA,
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": CONTEXT},
    "gpt_neo": {
        "hidden_size": 32,
        "num_layers": 2,
        "num_heads": 2,
        "attention_types": [[["global", "local"], 1]],
        "window_size": 16,
        "max_position_embeddings": CONTEXT,
    },
    "gpt_neox": {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": CONTEXT,
    },
    "gptj": {"n_embd": 32, "n_layer": 2, "n_head": 2, "rotary_dim": 8, "n_positions": CONTEXT},
    "opt": {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "ffn_dim": 64,
        "word_embed_proj_dim": 16,
        "max_position_embeddings": CONTEXT,
    },
    "bloom": {"hidden_size": 32, "n_layer": 2, "n_head": 2},
    "falcon": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2},
    "mpt": {"d_model": 32, "n_heads": 2, "n_layers": 2, "max_seq_len": CONTEXT},
    "mamba": {"hidden_size": 32, "num_hidden_layers": 2, "state_size": 8},
}
"""Sizes of a tiny model by `model_type` of transformers."""


def tiny_model(architecture: str = "llama", *, seed: int = 0, **sizes: Any) -> PreTrainedModel:
    """A random causal model of that `model_type`, in evaluation mode; `sizes` go into its config."""
    sizes = ARCHITECTURES[architecture] | {"vocab_size": VOCABULARY} | sizes
    config = AutoConfig.for_model(architecture, pad_token_id=0, bos_token_id=1, eos_token_id=2, **sizes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_config(config).float().eval().requires_grad_(False)
    for parameter in model.parameters():
        if parameter.dim() > 1:
            parameter.mul_(MAMBA_FACTOR if architecture == "mamba" else WEIGHT_FACTOR)
    return model


def tiny_tokenizer(kind: TokenizerKind = "byte-bpe", *, bos: bool = True) -> PreTrainedTokenizerFast:
    """A tokenizer of 512 entries or fewer, made from the tiny texts; the same in every process.

    byte-bpe: like GPT-2 and Llama 3. unigram: like SentencePiece, with word marks and byte fallback. wordpiece: like
    BERT, lower case; knows no characters but those of the tiny English texts. bos: `<s>` before every sequence, and for
    wordpiece `[SEP]` after it.
    """
    tokenizer = {"byte-bpe": _byte_bpe, "unigram": _unigram, "wordpiece": _wordpiece}[kind]()
    first, last = ("[CLS]", "[SEP]") if kind == "wordpiece" else ("<s>", "</s>")
    if bos:
        template = f"{first} $A {last}" if kind == "wordpiece" else f"{first} $A"
        added = [(token, tokenizer.token_to_id(token)) for token in (first, last)]
        markers = processors.TemplateProcessing(single=template, special_tokens=added)
        own = tokenizer.post_processor
        tokenizer.post_processor = processors.Sequence([own, markers]) if own else markers
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=first,
        eos_token=last,
        pad_token="[PAD]" if kind == "wordpiece" else "<pad>",
        unk_token=None if kind == "byte-bpe" else UNKNOWN_WORD if kind == "wordpiece" else UNKNOWN,
    )


def save_tiny(
    folder: Path,
    architecture: str = "llama",
    tokenizer_kind: TokenizerKind = "byte-bpe",
    *,
    bos: bool = True,
    seed: int = 0,
    **sizes: Any,
) -> Path:
    """Save a tiny model with its tokenizer as a Hugging Face folder (safetensors), and return the folder."""
    tiny_model(architecture, seed=seed, **sizes).save_pretrained(folder)
    tiny_tokenizer(tokenizer_kind, bos=bos).save_pretrained(folder)
    return folder


def tiny_probes(*, questions: int = 6, texts: int = 12) -> ProbeSet:
    """Questions and texts of mixed lengths, scripts and spacing; beyond 6 and 12 they are shuffled words."""
    stream = random.Random(0)  # the probes of a smaller set are the first ones of a larger set
    more_questions = (
        Question(
            id=f"more-q-{number}",
            category="shuffled",
            subject="words",
            question=_shuffled(stream, 12) + "?",
            options=(_shuffled(stream, 2), _shuffled(stream, 3)),
            answer=0,
        )
        for number in range(len(QUESTIONS), questions)
    )
    all_questions = (*QUESTIONS[:questions], *more_questions)
    stream = random.Random(1)
    more_texts = (
        Text(id=f"more-t-{number}", domain="shuffled", text=_shuffled(stream, stream.randrange(8, 30)) + ".")
        for number in range(len(TEXTS), texts)
    )
    return probe_set("tiny", all_questions, (*TEXTS[:texts], *more_texts))


def save_probes(folder: Path, probes: ProbeSet) -> Path:
    """Write probes in the schema of the shipped set, and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, items in (("questions", probes.questions), ("texts", probes.texts)):
        lines = "".join(f"{item.model_dump_json()}\n" for item in items)
        (folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    return folder


ENGLISH = (
    "The harbour pilot waited until the fog had lifted, then brought the freighter in slowly past the old light.",
    "Water boils at a lower temperature on a mountain, since the air above it presses less.",
    "def area(width, height):\n    return width * height  # in square metres\n",
    "No.",
    "She counted the spoons twice, and twice there was one too few; the third time she counted the guests. Nobody "
    "said anything. The soup went cold, the candles burned down, and at last the judge put his hand into his pocket.",
    "1, 1, 2, 3, 5, 8, 13, 21, 34, 55",
    "Rain fell on the market, on the carts and the awnings, and on the dog that slept under them.",
    "A contract is made when an offer is accepted, and not before.",
)
OTHER_SCRIPTS = (
    "Der Zug nach München fährt um halb acht, außer am Sonntag.",
    "春の夜の夢のごとし。",
    "Птицы улетели на юг 🐦 ещё в сентябре.",
    "naïve café, déjà vu — “quoted”…",
)
TEXTS = tuple(
    Text(id=f"{domain}-{number}", domain=domain, text=text)
    for domain, texts in (("english", ENGLISH), ("other", OTHER_SCRIPTS))
    for number, text in enumerate(texts)
)
QUESTIONS = (
    Question(
        id="sky",
        category="plain",
        subject="colour",
        question="What colour is the sky on a clear day?",
        options=("blue", "green", "brown", "grey"),
        answer=0,
    ),
    Question(
        id="spacing",
        category="hard",
        subject="space",
        question=" Two  spaces,\na new line\tand a tab:  which comes first? ",
        options=("the spaces", "the tab"),
        answer=0,
    ),
    Question(
        id="long",
        category="plain",
        subject="ships",
        question="The pilot waited until the fog had lifted and brought the freighter in past the old light. Nobody on "
        "the market saw her come, since rain fell on the carts and the awnings. What did the pilot wait for?",
        options=("the rain to fall on the market and the dog under the carts", "the fog to lift", "soup"),
        answer=1,
    ),
    Question(
        id="glued",
        category="hard",
        subject="code",
        question="f(x)=x**2;f(3)=",
        options=("9", "6", "8", "it's 27", "none of these"),
        answer=0,
    ),
    Question(
        id="accents",
        category="hard",
        subject="words",
        question="Which word means a small café in München: naïve or Stübchen?",
        options=("naïve", "Stübchen"),
        answer=1,
    ),
    Question(
        id="one-word",
        category="plain",
        subject="logic",
        question="Why?",
        options=("Because.", "No."),
        answer=0,
    ),
)


def _shuffled(stream: random.Random, words: int) -> str:
    return " ".join(stream.choice(" ".join(ENGLISH).split()) for _ in range(words))


def _corpus() -> list[str]:
    return [*ENGLISH, *(question.question for question in QUESTIONS if question.id != "accents")]


def _byte_bpe() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<pad>", "<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_corpus(), trainer)
    return tokenizer


def _unigram() -> Tokenizer:
    special = ["<pad>", "<s>", "</s>", UNKNOWN]
    words = ("▁" + word for text in _corpus() for word in text.split())
    bytes_ = [(f"<0x{byte:02X}>", -20.0) for byte in range(256)]
    pieces = [(piece, -2.0 - place / 20) for place, piece in enumerate(_frequent_pieces(words, 250))]
    vocabulary = [*((token, 0.0) for token in special), *bytes_, *pieces]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=special.index(UNKNOWN), byte_fallback=True))
    tokenizer.add_special_tokens(special)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return tokenizer


def _wordpiece() -> Tokenizer:
    special = ["[PAD]", "[CLS]", "[SEP]", UNKNOWN_WORD]
    words = (word for text in _corpus() for word in re.findall(r"\w+|[^\w\s]", text.lower()))
    pieces = _frequent_pieces(words, 240)
    vocabulary = [*special, *pieces, *(f"##{piece}" for piece in pieces)]
    numbered = {token: number for number, token in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordPiece(numbered, unk_token=UNKNOWN_WORD))
    tokenizer.add_special_tokens(special)
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def _frequent_pieces(words: Iterable[str], count: int) -> list[str]:
    """All characters, then the pieces that save most; the trainers of these two break ties at random."""
    counts = Counter(
        word[start:end] for word in words for start in range(len(word)) for end in range(start + 1, len(word) + 1)
    )
    characters = sorted(piece for piece in counts if len(piece) == 1)
    longer = sorted((p for p in counts if 1 < len(p) <= 6), key=lambda p: (-counts[p] * (len(p) - 1), p))
    return [*characters, *longer][:count]
