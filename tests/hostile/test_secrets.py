"""Nothing that provcheck writes tells whose machine it ran on: no token, no home, no user, no folder."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import huggingface_hub
import pytest

from provcheck.cli import run
from provcheck.errors import SubjectNotFound
from provcheck.targets.resolution import resolve
from tests.targets.builders import write
from tests.tiny import save_probes, save_tiny, tiny_probes

TOKEN = "hf_" + "Secret0123" * 4
USER = "alice-of-accounting"
MARKS = (TOKEN, "Secret0123", USER)


@dataclass(frozen=True)
class Home:
    """A user's home with models, and what was printed while commands ran in it."""

    folder: Path
    printed: str

    @property
    def written(self) -> list[Path]:
        """Every file that provcheck made."""
        made = ("bank", "out", "again", "cache", "mine.safetensors", "tree.svg", "map.svg")
        paths = [path for name in made for path in (self.folder / name).rglob("*")] + [
            self.folder / name for name in made
        ]
        return [path for path in paths if path.is_file()]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    folder = tmp_path_factory.mktemp("users") / USER
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "HOME": folder,
            "HF_TOKEN": TOKEN,
            "HUGGING_FACE_HUB_TOKEN": TOKEN,
            "USER": USER,
            "LOGNAME": USER,
            "PROVCHECK_CACHE": folder / "cache",
            "HF_HUB_OFFLINE": "1",
        }.items():
            patch.setenv(name, str(value))
        patch.chdir(folder)
        make_models(folder)
        return Home(folder, "\n".join(commands(folder)))


def make_models(folder: Path) -> None:
    """A model, an adapter of it by absolute path, and cards and configs that tell their paths."""
    save_probes(folder / "probes", tiny_probes(texts=40))
    for seed in range(4):
        model = save_tiny(folder / "models" / f"seed-{seed}", seed=seed)
        config = json.loads((model / "config.json").read_text("utf-8"))
        write(model, {"config.json": {**config, "_name_or_path": str(model), "token": TOKEN}})
        write(model, {"README.md": f"---\nlicense: mit\nbase_model: {folder}/models/seed-0\n---\nhi\n"})
    models = "".join(f"  - {{id: org/m{n}, path: models/seed-{n}, family: f{n}}}\n" for n in range(4))
    gone = f"  - {{id: org/gone, path: {folder}/models/gone, family: f}}\n"
    (folder / "bank.yaml").write_text(f"name: mine\nmodels:\n{models}{gone}", "utf-8")
    shutil.copytree(folder / "models" / "seed-1", folder / "models" / "copy")


def commands(folder: Path) -> list[str]:
    """What a user does, with whole paths; what each printed."""
    model, bank = str(folder / "models" / "copy"), str(folder / "bank")
    probes = ["--probes", str(folder / "probes")]
    audit = ["audit", model, "--bank", bank, *probes, "--out", str(folder / "out"), "--format", "all"]
    todo: list[tuple[list[str], int | tuple[int, ...]]] = [
        (["bank", "build", str(folder / "bank.yaml"), "--out", bank, *probes], 1),
        (audit, (0, 1)),
        (["measure", model, *probes, "-o", str(folder / "mine.safetensors"), "--raw"], 0),
        (["report", "render", str(folder / "out" / "report.json"), "--out", str(folder / "again")], (0, 1)),
        (["tree", "--bank", bank, "-o", str(folder / "tree.svg")], 0),
        (["map", "--bank", bank, "-o", str(folder / "map.svg")], 0),
    ]
    return [printed(arguments, codes) for arguments, codes in todo]


def printed(arguments: list[str], codes: int | tuple[int, ...]) -> str:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = run(arguments)
    assert code in (codes if isinstance(codes, tuple) else (codes,)), said.getvalue()
    return said.getvalue()


def test_the_commands_wrote_their_files(home: Home) -> None:
    names = {path.name for path in home.written}
    assert {
        "manifest.json",
        "able.safetensors",
        "likelihood.safetensors",
        "report.json",
        "report.html",
        "mine.safetensors",
        "tree.svg",
    } <= names
    assert any(path.is_relative_to(home.folder / "cache") for path in home.written)


def test_no_file_tells_whose_machine_it_was(home: Home) -> None:
    forbidden = (*MARKS, str(home.folder), str(home.folder.parent), tempfile.gettempdir() + "/")
    found = [
        (path.relative_to(home.folder), mark)
        for path in home.written
        for mark in forbidden
        if mark.encode() in path.read_bytes()
    ]
    assert found == []


def test_a_path_is_no_claim(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    """It would stand in the report."""
    assert run(["audit", "demo", "--claimed-base", str(home.folder / "models" / "copy")]) == 4
    assert "takes the id of a model" in capsys.readouterr().err


def test_no_password_of_an_address_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = f"http://{USER}:{TOKEN}@127.0.0.1:9/{TOKEN}"
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", endpoint)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    with pytest.raises(SubjectNotFound) as caught:
        resolve("org/model")
    assert not [mark for mark in MARKS if mark in caught.value.message + caught.value.hint]


def test_no_token_is_printed(home: Home) -> None:
    assert TOKEN not in home.printed


def test_printed_paths_are_those_that_were_typed(home: Home) -> None:
    """In the notes on what was skipped too."""
    typed = ("out", "again", "bank", "mine.safetensors", "tree.svg", "map.svg")
    rest = home.printed
    for name in typed:
        rest = rest.replace(str(home.folder / name), "")
    lines = [line for line in rest.splitlines() if USER in line]
    assert lines == []
