"""The plugin, in test runs of its own: related, independent, not settled, unknown, and without a model."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from provcheck.cli import run
from provcheck.comparison import shortlist
from provcheck.signals.able.values import CONTRAST
from provcheck.store import save_measurement
from tests.evidence import subject
from tests.synthetic import array_of, blocks_at, make_bank, make_blocks, make_measurement, roots
from tests.test_ci import blocks
from tests.tiny import save_probes, tiny_probes

pytest_plugins = "pytester"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> Path:
    """A bank of five independent models, one of two, a relative of org/root-3; a measured bank of a tiny model.

    An audit of each kind is made here, because what an inner test run imports is forgotten after it, and numpy cannot
    be imported twice.
    """
    folder = tmp_path_factory.mktemp("files")
    make_bank(folder / "bank")
    make_bank(folder / "small", roots(2))
    save_measurement(subject(), folder / "me.safetensors")
    assert (
        run(["audit", str(folder / "me.safetensors"), "--bank", str(folder / "bank"), "--out", str(folder / "o")]) == 0
    )
    save_probes(folder / "tiny", tiny_probes(texts=40))
    (folder / "b.yaml").write_text(f"name: b\nmodels: [{{id: org/tiny, path: {tiny_folder}, family: tiny}}]", "utf-8")
    build = ["bank", "build", str(folder / "b.yaml"), "--out", str(folder / "measured")]
    assert run([*build, "--probes", str(folder / "tiny")]) == 0
    return folder


def release(pytester: pytest.Pytester, files: Path, *tests: str, **options: str) -> pytest.RunResult:
    """Run a release suite; each test is the body of a function that has the fixture."""
    functions = (f"def test_{place}(provenance):\n    {body}\n" for place, body in enumerate(tests))
    pytester.makepyfile("import pytest\n\n" + "\n".join(functions))
    given: Mapping[str, str] = {"model": str(files / "me.safetensors"), "bank": str(files / "bank"), **options}
    words = [f"--provcheck-{name}={value}" for name, value in given.items() if value]
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:xdist", "-rs", *words)


def test_a_release_suite_that_passes(pytester: pytest.Pytester, files: Path) -> None:
    result = release(
        pytester,
        files,
        'assert provenance.related_to("org/root-3")',
        'assert provenance.related_to("ORG/*")',
        'assert not provenance.related_to("org/root-[0124]")',
        'assert provenance.relation_to("org/root-1") == "unrelated"',
        'assert (provenance.verdict.relation, provenance.verdict.reference) == ("derived", "org/root-3")',
        'assert provenance.report.exit_code == 0 and provenance.report.subject.id == "me/mine"',
        'with pytest.raises(LookupError, match="the bank bank has no reference"):\n'
        '        provenance.relation_to("org/root-9")',
    )
    result.assert_outcomes(passed=7)
    result.stdout.fnmatch_lines(["provcheck model: '*me.safetensors'"])


def test_the_release_suite_of_the_guide_passes(pytester: pytest.Pytester, files: Path, tmp_path: Path) -> None:
    (example,) = blocks("python", "ci.md")
    models = {"your-org/base-1": make_blocks(3), **{f"other-org/{n}": make_blocks(20 + n) for n in range(4)}}
    make_bank(tmp_path / "bank", models)
    pytester.makepyfile(example)
    given = (f"--provcheck-model={files / 'me.safetensors'}", f"--provcheck-bank={tmp_path / 'bank'}")
    pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:xdist", *given).assert_outcomes(passed=1)


def test_a_failure_names_the_reference_and_its_numbers(pytester: pytest.Pytester, files: Path) -> None:
    result = release(
        pytester, files, 'assert not provenance.related_to("org/*")', 'assert provenance.related_to("org/root-1")'
    )
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "E *assert not <org/root-3: derived (ABLE contrast 0.300, KL bits/byte *)>",
            "E *assert <org/root-1: unrelated (ABLE contrast 0.9*, KL bits/byte *)>",
        ]
    )
    assert "pytest_plugin.py" not in result.stdout.str(), "no lines of the plugin in the traceback"


@pytest.mark.parametrize("negation", ["", "not "])
def test_inconclusive_fails_whichever_way_it_is_put(negation: str, pytester: pytest.Pytester, files: Path) -> None:
    """A bank of two models documents too few strangers to judge anything."""
    bank = str(files / "small")
    result = release(pytester, files, f'assert {negation}provenance.related_to("org/*")', bank=bank)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *NotSettled: the evidence does not settle it: <org/root-*: inconclusive (ABLE*"])


@pytest.mark.parametrize("negation", ["", "not "])
def test_what_the_bank_does_not_know_is_no_acquittal(negation: str, pytester: pytest.Pytester, files: Path) -> None:
    result = release(pytester, files, f'assert {negation}provenance.related_to("other/*")')
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["E *NotSettled: no reference of the bank bank matches 'other/[*]', so nothing is known*"]
    )


def test_references_beyond_the_shortlist_are_known_too(
    pytester: pytest.Pytester, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a large bank only a shortlist is compared in full."""
    monkeypatch.setattr(shortlist, "SHORTLIST", 10)
    make_bank(tmp_path / "large", roots(30))
    every = [f'assert not provenance.related_to("org/root-{n}")' for n in (0, 15, 29)]
    release(pytester, files, *every, bank=str(tmp_path / "large")).assert_outcomes(passed=3)


def test_without_a_model_the_tests_are_skipped(pytester: pytest.Pytester, files: Path) -> None:
    result = release(pytester, files, 'assert provenance.related_to("org/*")', model="", bank="")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED * no model to audit: give --provcheck-model MODEL"])


def test_an_error_is_a_sentence(pytester: pytest.Pytester, files: Path) -> None:
    result = release(pytester, files, "pass", "pass", bank="nowhere")
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["provcheck: There is no bank 'nowhere'.", "Banks that ship: *"])
    assert "Traceback" not in result.stdout.str()


def test_the_policy_is_applied(pytester: pytest.Pytester, files: Path, tmp_path: Path) -> None:
    policy = tmp_path / "mine.yaml"
    policy.write_text("name: mine\nchecks: [{kind: not-related-to}]\n", "utf-8")
    assertion = 'assert [c.outcome for c in provenance.report.checks] == ["failed"]'
    release(pytester, files, assertion, policy=str(policy)).assert_outcomes(passed=1)


def test_signals_are_chosen(pytester: pytest.Pytester, files: Path) -> None:
    assertion = "assert list(provenance.report.measurement.measured) == ['likelihood']"
    release(pytester, files, assertion, signals="likelihood").assert_outcomes(passed=1)
    result = release(pytester, files, "pass", signals="likelihood,smell")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["provcheck: there is no signal 'smell'", "the signals are able, likelihood*"])


def test_a_model_is_measured_once_for_all_tests(pytester: pytest.Pytester, files: Path, tiny_folder: Path) -> None:
    bodies = (
        'pytest.first = provenance\n    assert provenance.related_to("org/tiny")',
        'assert provenance is pytest.first and provenance.relation_to("org/tiny") == "identical"',
    )
    given = {"model": str(tiny_folder), "bank": str(files / "measured"), "probes": str(files / "tiny")}
    release(pytester, files, *bodies, **given).assert_outcomes(passed=2)


def test_many_matches_are_counted(pytester: pytest.Pytester, files: Path, tmp_path: Path) -> None:
    near = {f"org/near-{n}": blocks_at(array_of(subject(), CONTRAST), 0.1, seed=50 + n) for n in range(5)}
    make_bank(tmp_path / "near", {**near, **{f"far/{n}": make_blocks(100 + n) for n in range(4)}})
    save_measurement(make_measurement("me", array_of(subject(), CONTRAST)), tmp_path / "me.safetensors")
    result = release(
        pytester,
        files,
        'print(repr(provenance.related_to("*")))\n    assert False',
        bank=str(tmp_path / "near"),
        model=str(tmp_path / "me.safetensors"),
    )
    result.stdout.fnmatch_lines(["<* and * more>"])


def test_starting_pytest_imports_nothing_heavy() -> None:
    """The plugin is loaded in every run, also of projects that never ask for it."""
    code = (
        "import sys, pytest; pytest.main(['--version', '--version']);"
        "assert 'provcheck.pytest_plugin' in sys.modules;"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & set(sys.argv[1:])))"
    )
    heavy = ["torch", "transformers", "numpy", "pydantic", "yaml", "rich", "typer", "safetensors"]
    ran = subprocess.run([sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "[]"


def test_the_plugin_is_announced_to_pytest() -> None:
    """As an entry point of the installed package."""
    from importlib.metadata import entry_points

    (found,) = entry_points(group="pytest11", name="provcheck")
    assert found.value == "provcheck.pytest_plugin"


def test_a_reference_at_hand(pytester: pytest.Pytester, files: Path) -> None:
    """The bank has no relative of the model; the file beside it is one."""
    save_measurement(make_measurement("supplier/base", make_blocks(60)), files / "base.safetensors")
    tuned = make_measurement("me/tuned", blocks_at(make_blocks(60), 0.3))
    save_measurement(tuned, files / "tuned.safetensors")
    body = 'assert provenance.related_to("supplier/*") and not provenance.related_to("org/*")'
    options = {"model": str(files / "tuned.safetensors"), "reference": str(files / "base.safetensors")}
    release(pytester, files, body, **options).assert_outcomes(passed=1)
    result = release(pytester, files, body, model=options["model"])
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*no reference of the bank bank matches 'supplier/[*]'*"])


def test_the_ini_file_says_what_the_command_line_does_not(pytester: pytest.Pytester, files: Path) -> None:
    """The command line comes first; references are one a line."""
    pytester.makeini(
        f"[pytest]\nprovcheck_model = {files / 'me.safetensors'}\nprovcheck_bank = nowhere\n"
        f"provcheck_reference =\n    {files / 'me.safetensors'}\n"
    )
    result = release(pytester, files, 'assert provenance.related_to("me/mine*")', model="", bank=str(files / "bank"))
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["provcheck model: '*me.safetensors'"])
    result = release(pytester, files, "pass", model="", bank="")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["provcheck: There is no bank 'nowhere'."])
