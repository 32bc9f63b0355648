"""The base model that a subject is claimed to descend from: under the adapter, in a folder beside, or on the Hub.

The name comes from a model card, which is untrusted: it is never used as a path out of the subject's own folder, and
neither pickles nor code of a model that only a card names are accepted, whatever the user accepts of the subject.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from provcheck.errors import SubjectError, SubjectNotFound
from provcheck.io.untrusted import existing_folder
from provcheck.observer import Observer
from provcheck.targets.gguf import SUFFIX
from provcheck.targets.local import LocalTarget
from provcheck.targets.model_files import list_files
from provcheck.targets.resolution import ADAPTER_CONFIG, resolve, resolve_on_hub
from provcheck.targets.target import FindOptions, Target
from provcheck.types import Found, ModelFiles

NAME = re.compile(r"[A-Za-z0-9_][\w.-]*(/[A-Za-z0-9_][\w.-]*)?")


def find_base(target: Target, name: str, options: FindOptions, observe: Observer) -> tuple[Target, Found]:
    """The model of that name, and where it was found; the network is asked last. Raises SubjectError."""
    if not NAME.fullmatch(name):
        raise SubjectNotFound("the name is neither a Hub id nor that of a folder beside the model")
    if name.lower() == target.subject.id.lower():
        raise SubjectNotFound("it is the name of the model itself")
    files = target.files if isinstance(target, LocalTarget) else None
    careful = replace(options, revision=None, allow_pickle=False, trust_remote_code=False)
    if files and (under := _under_adapter(files, name)):
        return under, "adapter"
    if files and (folder := _beside(files, name)):
        return LocalTarget(resolve(str(folder), careful)), "beside"
    return _on_hub(name, careful, observe), "hub"


def _under_adapter(files: ModelFiles, name: str) -> Target | None:
    """The model that the adapter was loaded onto, if that is its name."""
    base = files.subject.base
    if base is None or base.id.lower() not in _names(name):
        return None
    return LocalTarget(replace(files, subject=base, adapter_folder=None))


def _beside(files: ModelFiles, name: str) -> Path | None:
    """A folder with a model in it, `name` or its last part, that lies beside the subject's; never the subject's own."""
    if files.subject.revision is not None or files.subject.source == "demo":
        return None
    own = Path(files.adapter_folder or files.folder).resolve()
    for part in dict.fromkeys((name, name.rpartition("/")[2])):
        folder = existing_folder(str(own.parent / part))
        if folder and folder.resolve() != own and holds_model(folder):
            return folder
    return None


def holds_model(folder: Path) -> bool:
    """Whether a model, an adapter or a GGUF file lies in the folder itself. Raises SubjectNotFound."""
    names = list_files(folder)
    return bool(names & {"config.json", ADAPTER_CONFIG}) or any(one.endswith(SUFFIX) for one in names)


def _on_hub(name: str, options: FindOptions, observe: Observer) -> Target:
    """From the local cache, else from the Hub. A name without organisation may be anyone's, or that of a folder."""
    if "/" not in name:
        raise SubjectNotFound("no folder of that name lies beside the model, and a Hub id has the form org/name")
    from huggingface_hub import constants  # slow to import, and folders do not need it

    try:
        return LocalTarget(resolve_on_hub(name, replace(options, offline=True)))
    except SubjectError:
        if options.offline or constants.HF_HUB_OFFLINE:
            raise
    observe.note(f"fetching what is missing of {name} from the Hub; --offline or --no-claimed-reference prevents it")
    return LocalTarget(resolve_on_hub(name, options))


def _names(name: str) -> tuple[str, str]:
    """The whole name and its last part, in lower case."""
    return name.lower(), name.lower().rpartition("/")[2]
