"""From a folder, a Hub id, an adapter or a GGUF file to a subject and the files it is loaded from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from provcheck.errors import BrokenModel, SubjectError, SubjectNotFound, UnsupportedModel, UsageError
from provcheck.io.text import clean, shown
from provcheck.io.untrusted import existing_folder, is_file
from provcheck.targets import gguf, hub
from provcheck.targets.adapters import check_adapter
from provcheck.targets.cards import read_card
from provcheck.targets.companions import check_tokenizers, companions, tokenizer_kind
from provcheck.targets.configs import Config, read_config, read_gguf_config
from provcheck.targets.makeup import read_makeup
from provcheck.targets.model_files import Place, in_folder, read_json
from provcheck.targets.sizes import check_sizes
from provcheck.targets.target import FindOptions
from provcheck.targets.weight_files import ADAPTER, MODEL, combine, is_gguf, read_weights
from provcheck.types import ModelFiles, Subject

ADAPTER_CONFIG = "adapter_config.json"
CACHE_HINT = "The local cache may lack files: run once without --offline."


def resolve(model: str, options: FindOptions | None = None) -> ModelFiles:
    """Find a model, check its files and state what it is.

    `model` is a folder, a PEFT adapter folder, or a Hub id `org/name[@revision]`. Raises a SubjectError with a hint
    where it cannot be used, and never runs code or unpickles unless the options allow it.
    """
    options = options or FindOptions()
    return _resolved(locate(model, options.revision, offline=options.offline), options)


def resolve_on_hub(model: str, options: FindOptions) -> ModelFiles:
    """The same for a Hub id that a stranger wrote: no folder of that name takes its place."""
    return _resolved(on_hub(model, options.revision, offline=options.offline), options)


def locate(model: str, revision: str | None, *, offline: bool) -> Place:
    """The place that the user means: an existing folder wins over a Hub id of the same name."""
    if not model.strip():
        raise SubjectNotFound("the model's name is empty", "Give a folder or a Hub id such as org/name.")
    if folder := existing_folder(model):
        if revision is not None:
            raise UsageError("a folder has no revision", "Leave --revision out, or give a Hub id.")
        return in_folder(folder)
    name = clean(shown(Path(model)) if model.startswith("/") else model)
    if is_file(model):
        raise SubjectNotFound(
            f"{name} is a file, not a folder", "Give the folder that holds config.json, or the GGUF file alone."
        )
    if looks_like_path(model):
        raise SubjectNotFound(f"folder not found: {name}", "Check the path; a Hub id has the form org/name.")
    return on_hub(model, revision, offline=offline)


def on_hub(model: str, revision: str | None, *, offline: bool) -> Place:
    """The model `org/name[@revision]` of the Hub."""
    repo_id, _, inline = model.partition("@")
    if inline and revision and inline != revision:
        raise UsageError(f"two revisions given: {clean(inline)} and {clean(revision)}", "Give only one of them.")
    return hub.locate(repo_id, revision or inline or None, offline=offline)


def looks_like_path(model: str) -> bool:
    """Whether the name can only be a path, not a Hub id."""
    name = model.partition("@")[0]
    return name.startswith((".", "/", "~")) or name.count("/") > 1 or "\\" in name


def _resolved(place: Place, options: FindOptions) -> ModelFiles:
    with _cache_hint(place):
        if ADAPTER_CONFIG in place.names:
            return _adapter(place, options)
        return _full_model(place, options, in_part=options.weights_alone)


@contextmanager
def _cache_hint(place: Place) -> Iterator[None]:
    """Add a hint to errors: what looks like a broken model may be an unfinished download."""
    try:
        yield
    except SubjectError as error:
        if place.may_lack_files and CACHE_HINT not in error.hint:
            error.hint = f"{error.hint} {CACHE_HINT}".strip()
        raise


def _full_model(place: Place, options: FindOptions, *, in_part: bool = False) -> ModelFiles:
    """Cheap checks come first, so that an unusable model is refused before its weights are downloaded.

    `in_part`: see `read_weights`; packed numbers are read by loading the model, which takes whole files.
    """
    config, tokenizer = _config_and_tokenizer(place, options)
    card = read_card(place.folder / "README.md")
    weights = read_weights(place, MODEL, options, in_part=in_part)
    if weights.extent:
        check_sizes(place.id, read_json(place.folder / "config.json"), weights.extent)
    if weights.partial and config.quantized and not all(map(weights.partial.holds_floats, weights.partial)):
        weights = read_weights(place, MODEL, options)
    subject = Subject(
        id=place.id,
        source=place.source,
        revision=place.revision,
        weights=weights.files,
        weights_digest=weights.digest,
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
        declared_relation=card.relation,
        base=None,
        makeup=read_makeup(place, weights),
    )
    return ModelFiles(
        subject,
        str(place.folder),
        allow_pickle=options.allow_pickle,
        trust_remote_code=options.trust_remote_code,
        partial=weights.partial,
    )


def _config_and_tokenizer(place: Place, options: FindOptions) -> tuple[Config, str]:
    """What config.json says, or a GGUF file where the weights are in one; and the kind of the tokenizer."""
    name = gguf.choose_gguf(place) if is_gguf(place) else None
    if name is None:
        return read_config(place, trust_remote_code=options.trust_remote_code), tokenizer_kind(place)
    place.fetch([name])
    path = place.folder / name
    gguf.count_elements(path)  # a broken file is reported as such
    beside = "tokenizer.json" in place.names
    return read_gguf_config(place, name), tokenizer_kind(place) if beside else gguf.tokenizer_kind(path)


def _adapter(place: Place, options: FindOptions) -> ModelFiles:
    """An adapter and the model under it, which gives everything but weights, license and declared base."""
    if place.names & {"model.safetensors", "model.safetensors.index.json"}:
        raise UnsupportedModel(
            f"{place.id} holds both a full model and an adapter, so it is not clear which is meant",
            "Put adapter_config.json and the adapter's weights into a folder of their own.",
        )
    check_tokenizers(place)  # it takes the place of the base model's
    config = read_json(place.folder / ADAPTER_CONFIG)
    check_adapter(place.id, config)
    card = read_card(place.folder / "README.md")
    weights = read_weights(place, ADAPTER, options)
    base = _base(place, config, options)
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
            "declared_relation": card.relation,
            "base": base.subject,
            "makeup": None,
        }
    )
    return ModelFiles(subject, base.folder, str(place.folder), options.allow_pickle, options.trust_remote_code)


def _base(place: Place, config: dict[str, Any], options: FindOptions) -> ModelFiles:
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


def _locate_base(place: Place, name: str, revision: str | None, options: FindOptions) -> Place:
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
