"""A repository of the Hub as a place of releases: hf://org/name, or hf://datasets/org/name.

Everything is read from the commit that its branch named when it was first asked. A push is one commit on top of that
one, so that two pushes at once cannot mix. Token, endpoint and offline mode are huggingface_hub's own settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from provcheck.errors import OutputError, ProvcheckError, SubjectNotFound, UsageError
from provcheck.io.partial_file import PartialFile
from provcheck.io.text import clean, reason
from provcheck.sharing.downloads import download, read_url
from provcheck.sharing.releases import CURRENT_FILE, Release
from provcheck.sharing.remotes import HUB, Remote
from provcheck.targets.hub import COMMIT, TIMEOUT_SECONDS, check_names, explained
from provcheck.targets.hub_guard import protect

DATASETS = "datasets/"
MAIN = "main"
PUSH_AGAIN = "Push again: what the Hub has already is not sent again. `hf auth whoami` says who you are there."


class HubRemote(Remote):
    """One branch of a repository; without one, `main`."""

    def __init__(self, address: str) -> None:
        self.address = clean(address) or ""
        name, _, revision = address.removeprefix(HUB).rstrip("/").partition("@")
        self._kind = "dataset" if name.startswith(DATASETS) else "model"
        self._id, self._branch = name.removeprefix(DATASETS), revision or MAIN
        if self._id.count("/") != 1:
            raise UsageError(f"{self.address} names no repository", "Give hf://org/name or hf://datasets/org/name.")
        check_names(self._id, self._branch)

    def read(self, name: str, limit: int) -> bytes | None:
        """From the commit; None also where there is no such repository yet."""
        if self._commit is None:
            return None
        return read_url(self._url(name), self._headers, limit, self._what(name))

    def fetch(self, name: str, into: PartialFile) -> None:
        """By range requests; the storage behind the Hub never sees the token."""
        download(self._url(name), self._headers, into, self._what(name))

    def publish(self, release: Release, files: Mapping[str, Path | bytes], current: bytes) -> None:
        """One commit. Large files are stored first, and those that the Hub has already are not sent again."""
        from huggingface_hub import CommitOperationAdd, HfApi

        api = HfApi(library_name="provcheck")
        placed = {f"{release.place}/{name}": source for name, source in files.items()} | {CURRENT_FILE: current}
        operations = [CommitOperationAdd(path, source) for path, source in placed.items()]
        parent = self._commit
        try:
            if parent is None:
                api.create_repo(self._id, repo_type=self._kind, private=True, exist_ok=True)
            api.create_commit(
                self._id,
                operations,
                commit_message=f"Release {release.number} of bank {release.name}",
                repo_type=self._kind,
                revision=self._branch,
                parent_commit=parent,
            )
        except ProvcheckError:
            raise
        except Exception as error:  # the many ways in which a connection breaks, and all that the Hub may refuse
            raise OutputError(f"cannot push to {self.address}: {_cause(error)}", PUSH_AGAIN) from error

    @cached_property
    def _commit(self) -> str | None:
        """The commit of the branch; None where there is no repository that we can see."""
        from huggingface_hub import HfApi
        from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

        protect()
        with explained(self._id, self._branch):
            try:
                info = HfApi(library_name="provcheck").repo_info(
                    self._id, revision=self._branch, repo_type=self._kind, timeout=TIMEOUT_SECONDS
                )
            except GatedRepoError:
                raise
            except RepositoryNotFoundError:
                return None
        if not COMMIT.fullmatch(info.sha or ""):
            raise SubjectNotFound(f"the Hub names no commit for {self.address}", "Check HF_ENDPOINT, if it is set.")
        return str(info.sha)

    @property
    def _headers(self) -> Mapping[str, str]:
        from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

        return build_hf_headers(library_name="provcheck")

    def _url(self, name: str) -> str:
        from huggingface_hub import hf_hub_url

        return hf_hub_url(self._id, name, repo_type=self._kind, revision=self._commit)

    def _what(self, name: str) -> str:
        return f"{name} of {self.address}"


def _cause(error: Exception) -> str:
    """What went wrong at the bottom: huggingface_hub wraps what it raises."""
    return reason(error.__cause__ if isinstance(error.__cause__, Exception) else error)
