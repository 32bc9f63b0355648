"""The only module that knows where banks, policies and templates are, in a checkout or in a wheel.

A wheel carries them in `provcheck/_data/`; in a checkout they are next to the package, under the same names.
"""

from __future__ import annotations

from pathlib import Path

from provcheck.errors import BankError, PolicyError, UsageError
from provcheck.io.spelling import did_you_mean
from provcheck.io.untrusted import is_file

DEFAULT_BANK = "zoo-v2"
DEMO_SUBJECT = "llama-tech-s1-sft-short"
_PACKAGE = Path(__file__).resolve().parent.parent


def root() -> Path:
    """The folder that holds `reference_embeddings/`, `policies/` and `reports/`."""
    return _PACKAGE / "_data" if is_packed() else _PACKAGE.parent


def is_packed() -> bool:
    """Whether the data come from an installed wheel, and not from a checkout that may be changed."""
    return (_PACKAGE / "_data").is_dir()


def banks() -> dict[str, Path]:
    """The banks that ship, by name: every folder with a manifest."""
    return {folder.name: folder for folder in banks_in(_embeddings())}


def banks_in(folder: Path) -> list[Path]:
    """The banks that lie side by side in a folder: all that have a manifest."""
    return [file.parent for file in sorted(folder.glob("*/manifest.json"))]


def bank_folder(name: str) -> Path:
    """The bank of that name, or the folder itself when `name` is the path of a bank."""
    folder = banks().get(name, Path(name))
    if not is_file(folder / "manifest.json"):
        raise BankError(_unknown("bank", name, banks()), _choices("Banks", banks()))
    return folder


def policies() -> dict[str, Path]:
    """The policies that ship, by name."""
    return {file.stem: file for file in sorted((root() / "policies").glob("*.yaml"))}


def policy_file(name: str) -> Path:
    """The policy of that name, or the file itself when `name` is the path of a policy."""
    file = policies().get(name, Path(name))
    if not is_file(file):
        raise PolicyError(_unknown("policy", name, policies()), _choices("Policies", policies()))
    return file


def manifests() -> dict[str, Path]:
    """The manifests of published models that ship, by name."""
    return {file.stem: file for file in sorted(_embeddings().glob("catalog/*.yaml"))}


def manifest_file(name: str) -> Path:
    """The shipped manifest of that name, or the file itself when `name` is the path of one."""
    file = manifests().get(name, Path(name))
    if not is_file(file):
        raise BankError(_unknown("manifest", name, manifests()), _choices("Manifests", manifests()))
    return file


def templates_folder() -> Path:
    """The folder of the report templates."""
    return root() / "reports" / "templates"


def published_file(name: str) -> Path:
    """A file of numbers from the papers."""
    return _embeddings() / name


def demo_subjects() -> dict[str, Path]:
    """The small models of the demo, by name."""
    return {file.parent.name: file.parent for file in sorted(_embeddings().glob("subjects/*/config.json"))}


def demo_folder() -> Path:
    """The model that `provcheck audit demo` audits. Raises UsageError when it is not installed."""
    try:
        return demo_subjects()[DEMO_SUBJECT]
    except KeyError:
        raise UsageError("this installation carries no demo model", "audit a model of your own") from None


def _embeddings() -> Path:
    return root() / "reference_embeddings"


def _unknown(what: str, name: str, known: dict[str, Path]) -> str:
    return f"There is no {what} {name!r}{did_you_mean(name, known) or '.'}"


def _choices(what: str, known: dict[str, Path]) -> str:
    return f"{what} that ship: {', '.join(known) or 'none'}. The path of one works too."
