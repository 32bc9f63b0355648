"""Is it a folder or a Hub id?"""

from __future__ import annotations

from pathlib import Path

from provcheck.errors import SubjectNotFound, UsageError
from provcheck.reading import clean, existing_folder, is_file, shown
from provcheck.subject import hub
from provcheck.subject.places import Place, in_folder


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
    """Whether it cannot be meant as a Hub id."""
    name = model.partition("@")[0]
    return name.startswith((".", "/", "~")) or name.count("/") > 1 or "\\" in name
