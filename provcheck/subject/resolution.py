"""`resolve`: from what the user typed to a subject and the folder it is loaded from."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from provcheck.errors import BrokenModel, SubjectError, UnsupportedModel
from provcheck.reading import clean, existing_folder
from provcheck.subject import ggufs
from provcheck.subject.cards import read_card
from provcheck.subject.companions import companions
from provcheck.subject.configs import Config, read_config, read_gguf_config
from provcheck.subject.files import read_json
from provcheck.subject.location import locate, looks_like_path, on_hub
from provcheck.subject.places import Place, in_folder
from provcheck.subject.tokenization import tokenizer_kind
from provcheck.subject.weights import ADAPTER, MODEL, combine, is_gguf, read_weights
from provcheck.types import Loadable, Subject

if TYPE_CHECKING:
    from collections.abc import Iterator

ADAPTER_CONFIG = "adapter_config.json"
CACHE_HINT = "The local cache may lack files: run once without --offline."


@dataclass(frozen=True)
class Options:
    """What the user allows."""

    offline: bool = False
    allow_pickle: bool = False
    trust_remote_code: bool = False


def resolve(
    model: str,
    *,
    revision: str | None = None,
    offline: bool = False,
    allow_pickle: bool = False,
    trust_remote_code: bool = False,
) -> Loadable:
    """Find a model, check its files and state what it is.

    `model` is a folder, a PEFT adapter folder, or a Hub id `org/name[@revision]`. Raises a SubjectError with a hint
    where it cannot be used, and never runs code or unpickles unless the flags allow it.
    """
    options = Options(offline, allow_pickle, trust_remote_code)
    place = locate(model, revision, offline=options.offline)
    with _cache_hint(place):
        return _adapter(place, options) if ADAPTER_CONFIG in place.names else _full_model(place, options)


@contextmanager
def _cache_hint(place: Place) -> Iterator[None]:
    """What looks like a broken model may be a download that was never finished."""
    try:
        yield
    except SubjectError as error:
        if place.may_lack_files and CACHE_HINT not in error.hint:
            error.hint = f"{error.hint} {CACHE_HINT}".strip()
        raise


def _full_model(place: Place, options: Options) -> Loadable:
    """Cheap checks come first, so that an unusable model is refused before its weights are downloaded."""
    config, tokenizer = _config_and_tokenizer(place, options)
    card = read_card(place.folder / "README.md")
    weights = read_weights(place, MODEL, allow_pickle=options.allow_pickle)
    subject = Subject(
        id=place.id,
        source=place.source,
        revision=place.revision,
        weights=weights.files,
        weights_digest=combine(weights.files),
        files=companions(place, code=options.trust_remote_code),
        weight_format=weights.format,
        model_type=config.model_type,
        architecture=config.architecture,
        parameters=None if config.quantized else weights.parameters,
        context_length=config.context_length,
        tokenizer=tokenizer,
        vocabulary_size=config.vocabulary_size,
        license=card.license,
        declared_base=card.base_model,
        base=None,
    )
    return Loadable(
        subject,
        str(place.folder),
        allow_pickle=options.allow_pickle,
        trust_remote_code=options.trust_remote_code,
    )


def _config_and_tokenizer(place: Place, options: Options) -> tuple[Config, str]:
    """What config.json says, or a GGUF file where the weights are in one; and the kind of the tokenizer."""
    gguf = ggufs.choose_gguf(place) if is_gguf(place) else None
    if gguf is None:
        return read_config(place, trust_remote_code=options.trust_remote_code), tokenizer_kind(place)
    place.fetch([gguf])
    path = place.folder / gguf
    ggufs.count_elements(path)  # a broken file is told as such
    beside = "tokenizer.json" in place.names
    return read_gguf_config(place, gguf), tokenizer_kind(place) if beside else ggufs.tokenizer_kind(path)


def _adapter(place: Place, options: Options) -> Loadable:
    """An adapter and the model under it, which gives everything but weights, licence and declared base."""
    if place.names & {"model.safetensors", "model.safetensors.index.json"}:
        raise UnsupportedModel(
            f"{place.id} holds both a full model and an adapter, so it is not clear which is meant",
            "Put adapter_config.json and the adapter's weights into a folder of their own.",
        )
    card = read_card(place.folder / "README.md")
    weights = read_weights(place, ADAPTER, allow_pickle=options.allow_pickle)
    base = _base(place, read_json(place.folder / ADAPTER_CONFIG), options)
    subject = base.subject.model_copy(
        update={
            "id": place.id,
            "source": "adapter",
            "revision": place.revision,
            "weights": weights.files,
            "weights_digest": combine(weights.files, base.subject.weights_digest),
            "files": companions(place, code=options.trust_remote_code),
            "weight_format": weights.format,
            "parameters": weights.parameters,
            "license": card.license,
            "declared_base": card.base_model,
            "base": base.subject,
        }
    )
    return Loadable(subject, base.folder, str(place.folder), options.allow_pickle, options.trust_remote_code)


def _base(place: Place, config: dict[str, Any], options: Options) -> Loadable:
    """The model under an adapter, from `base_model_name_or_path` and `revision` of adapter_config.json."""
    name, revision = config.get("base_model_name_or_path"), config.get("revision")
    if not isinstance(name, str) or not name.strip():
        raise BrokenModel(f"{ADAPTER_CONFIG} of {place.id} names no base model", "Set base_model_name_or_path in it.")
    if config.get("task_type") not in (None, "CAUSAL_LM"):
        task = str(config["task_type"])[:40]
        raise UnsupportedModel(f"{place.id} is an adapter for {task!a}, not for a causal language model")
    try:
        base = _locate_base(place, name, revision if isinstance(revision, str) else None, options)
        if ADAPTER_CONFIG in base.names:
            raise UnsupportedModel(f"{base.id} is an adapter itself", "Merge the lower adapter into its base first.")
        with _cache_hint(base):
            return _full_model(base, options)
    except SubjectError as error:
        raise type(error)(f"base model of adapter {place.id}: {error.message}", error.hint) from error


def _locate_base(place: Place, name: str, revision: str | None, options: Options) -> Place:
    """A folder beside the adapter, a folder, or a Hub id; an adapter from the Hub never points into this machine."""
    if place.source == "hub":
        if looks_like_path(name):
            raise UnsupportedModel(
                f"{clean(name)} is a path on the machine of its author",
                "Download the adapter and set base_model_name_or_path in adapter_config.json.",
            )
        return on_hub(name, revision, offline=options.offline)
    folder = existing_folder(str(place.folder / name)) or existing_folder(name)
    return in_folder(folder) if folder else locate(name, revision, offline=options.offline)
