"""What a shell offers after a tab."""

from __future__ import annotations

import pytest

from provcheck.cli import run
from provcheck.io import data
from provcheck.rendering import FORMATS


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("audit demo --policy re", {"release-gate"}),
        ("audit demo --format ", {*FORMATS, "all"}),
        ("audit demo --bank ", set(data.banks())),
        ("policy check ", set(data.policies())),
        ("bank show zoo", {name for name in data.banks() if name.startswith("zoo")}),
        ("bank build able", {"able-239"}),
        ("audit demo --probes ", {"provcheck-v1", "quick"}),
        ("audit demo --signals a", {"able"}),
        ("audit demo --signals able,", {"able,likelihood", "able,weights"}),
        ("audit --claimed-b", {"--claimed-base"}),
        ("bank ini", {"init"}),
    ],
)
def test_names_are_completed(
    line: str, expected: set[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = f"provcheck {line}"
    monkeypatch.setenv("_PROVCHECK_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - (not words.endswith(" "))))
    with pytest.raises(SystemExit):
        run([])
    assert set(capsys.readouterr().out.split()) == expected


def test_the_script_for_a_shell_is_shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("shellingham.detect_shell", lambda: ("bash", "/bin/bash"))
    with pytest.raises(SystemExit):
        run(["--show-completion"])
    assert "_PROVCHECK_COMPLETE=complete_bash" in capsys.readouterr().out
