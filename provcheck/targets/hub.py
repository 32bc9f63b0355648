"""One commit of a Hub repository, from the network or from the local cache.

A branch can move while we look at it, so it is resolved to a commit first and everything is read from that commit.
HF_ENDPOINT, HF_TOKEN, HF_HUB_CACHE and HF_HUB_OFFLINE work as everywhere, because huggingface_hub reads them.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from provcheck.errors import ProvcheckError, SubjectNotFound
from provcheck.io.text import clean
from provcheck.targets import companions
from provcheck.targets.hub_guard import protect
from provcheck.targets.model_files import Place, list_files
from provcheck.targets.ranged_files import RangedFile, open_ranged

COMMIT = re.compile(r"[0-9a-f]{40}")
REVISION = re.compile(r"(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9._/+-]{0,199}")
TIMEOUT_SECONDS = 30


def locate(repo_id: str, revision: str | None, *, offline: bool) -> Place:
    """The repository at that revision, `main` if none is given."""
    from huggingface_hub import constants  # slow to import, and folders do not need it

    check_names(repo_id, revision)
    if offline or constants.HF_HUB_OFFLINE:
        return _in_cache(repo_id, revision or "main")
    return _on_network(repo_id, revision or "main")


def _on_network(repo_id: str, revision: str) -> Place:
    from huggingface_hub import HfApi

    protect()
    with explained(repo_id, revision):
        info = HfApi(library_name="provcheck").model_info(repo_id, revision=revision, timeout=TIMEOUT_SECONDS)
    if not COMMIT.fullmatch(info.sha or ""):
        raise SubjectNotFound(f"the Hub names no commit for {repo_id}", "Check HF_ENDPOINT, if it is set.")
    commit = str(info.sha)
    names = frozenset(sibling.rfilename for sibling in info.siblings or ())
    folder = _download(repo_id, commit, companions.NAMES & names)  # weights follow once these files pass
    _remember(folder, revision, commit)
    return Place(
        repo_id,
        "hub",
        folder,
        names,
        commit,
        partial(_download, repo_id, commit),
        partial(_open_ranged, repo_id, commit, folder),
    )


def _download(repo_id: str, commit: str, names: Iterable[str]) -> Path:
    """Fetch files that are not in the cache yet; the folder of the commit."""
    from huggingface_hub import HfApi

    api = HfApi(library_name="provcheck")
    patterns = [glob.escape(name) for name in sorted(names)]
    with explained(repo_id, commit):
        return Path(api.snapshot_download(repo_id, revision=commit, allow_patterns=patterns))


def _open_ranged(repo_id: str, commit: str, folder: Path, name: str, keep: bool) -> RangedFile | None:
    with explained(repo_id, commit):
        return open_ranged(repo_id, commit, folder, name, keep=keep)


def _in_cache(repo_id: str, revision: str) -> Place:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    configs = ["config.json", "adapter_config.json"]
    try:
        path = snapshot_download(repo_id, revision=revision, local_files_only=True, allow_patterns=configs)
    except LocalEntryNotFoundError as error:
        raise SubjectNotFound(
            f"{repo_id} at {revision} is not in the local Hub cache", "Run once without --offline to download it."
        ) from error
    folder = Path(path)
    return Place(repo_id, "hub", folder, list_files(folder), folder.name, may_lack_files=True)


def _remember(folder: Path, revision: str, commit: str) -> None:
    """Record in the cache which commit a branch names, as downloads by branch do, so that --offline finds it."""
    if revision == commit:
        return
    ref = folder.parent.parent / "refs" / revision
    with suppress(OSError):  # a cache may be read-only
        ref.parent.mkdir(parents=True, exist_ok=True)
        part = ref.with_name(f"{ref.name}.{commit}.part")
        part.write_text(commit)
        part.replace(ref)


def check_names(repo_id: str, revision: str | None) -> None:
    """Both become parts of paths in the cache, and an adapter's config may have named them."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    try:
        validate_repo_id(repo_id)
    except HFValidationError as error:
        raise SubjectNotFound(
            f"{clean(repo_id)} is neither a folder nor a Hub id", "A Hub id has the form org/name or org/name@revision."
        ) from error
    if revision is not None and not REVISION.fullmatch(revision):
        raise SubjectNotFound(f"{clean(revision)} cannot be a revision", "Give a branch, a tag or a commit.")


@contextmanager
def explained(repo_id: str, revision: str) -> Iterator[None]:
    """Turn whatever the network or huggingface_hub raises into one sentence with a hint."""
    try:
        yield
    except ProvcheckError:
        raise
    except Exception as error:
        raise SubjectNotFound(*_explain(error, repo_id, revision)) from error


def _explain(error: Exception, repo_id: str, revision: str) -> tuple[str, str]:
    from huggingface_hub import constants, errors

    match error:
        case errors.GatedRepoError():
            hint = f"Ask for access at {clean(constants.ENDPOINT)}/{repo_id}, then log in with `hf auth login`."
            return f"{repo_id} is gated, and you have no access to it", hint
        case errors.RevisionNotFoundError():
            return f"{repo_id} has no revision {revision}", "Give a branch, a tag or a full commit."
        case errors.RepositoryNotFoundError():
            hint = "Check the spelling. For a private repository log in with `hf auth login` or set HF_TOKEN."
            return f"no folder and no Hub repository {repo_id} that you can see", hint
        case errors.HfHubHTTPError():
            status = error.response.status_code
            return f"the Hub answered HTTP {status} for {repo_id}", "Try again later; check HF_TOKEN and HF_ENDPOINT."
        case _:
            hint = "Check the network and HF_ENDPOINT; --offline uses what is in the local cache."
            return f"{repo_id} cannot be fetched from the Hub: {clean(str(error)) or type(error).__name__}", hint
