"""`provcheck tree`: Newick and SVG of a bank, with and without a subject."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from provcheck.cli import run
from provcheck.cli.tree import RESAMPLES
from provcheck.lineage import RESAMPLES as SAME_RESAMPLES
from provcheck.store import save_measurement
from tests.cli.conftest import World
from tests.lineage.reading import by_dendropy, by_skbio
from tests.rendering.hostile import HIDDEN, MARKUP
from tests.synthetic import blocks_at, make_bank, make_blocks, make_measurement, roots


def test_the_whole_bank_as_newick(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_bank(tmp_path / "bank", roots(8))
    assert run(["tree", "--bank", str(tmp_path / "bank")]) == 0
    said = capsys.readouterr()
    assert by_dendropy(said.out).tips == set(roots(8))
    assert len(by_skbio(said.out).splits) == 5 and None not in by_skbio(said.out).splits.values()
    assert said.err == "" and said.out.endswith(";\n") and said.out.count("\n") == 1


def test_a_model_is_measured_and_placed(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["tree", str(world.models["seed-2"]), "--bank", str(world.bank), "--probes", str(world.probes)]
    assert run(asked) == 0
    said = capsys.readouterr()
    assert by_skbio(said.out).tips == {"seed-2", *(f"org/{name}" for name in world.models)}
    last = said.err.splitlines()[-1]
    assert last == "nearest to the subject on the tree: org/seed-2, as on 100 % of 500 bootstrap trees"


def test_a_measurement_is_placed_without_its_model(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(tmp_path / "m.safetensors")
    run(["measure", str(world.models["seed-1"]), "-o", file, "--probes", str(world.probes)])
    capsys.readouterr()
    assert run(["tree", file, "--bank", str(world.bank), "--resamples", "0"]) == 0
    said = capsys.readouterr()
    assert said.err == "nearest to the subject on the tree: org/seed-1\n"
    assert set(by_skbio(said.out).splits.values()) == {None}


def test_the_two_methods_differ(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only average linkage puts every tip equally far from the root."""
    make_bank(tmp_path / "bank", {**roots(5), "near": blocks_at(make_blocks(0), 0.3)})
    spread = {}
    for method in ("nj", "hierarchical"):
        assert run(["tree", "--bank", str(tmp_path / "bank"), "--method", method]) == 0
        spread[method] = spread_of(capsys.readouterr().out)
    assert spread["hierarchical"] < 1e-4 < spread["nj"]


def spread_of(newick: str) -> float:
    import dendropy

    tree = dendropy.Tree.get(data=newick, schema="newick")
    depths = [leaf.distance_from_root() for leaf in tree.leaf_node_iter()]
    return float(max(depths) - min(depths))


@pytest.mark.parametrize(("name", "options"), [("t.svg", []), ("t.xml", ["--format", "svg"])])
def test_svg(name: str, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_bank(tmp_path / "bank", roots(5))
    assert run(["tree", "--bank", str(tmp_path / "bank"), "-o", str(tmp_path / name), *options]) == 0
    picture = etree.parse(str(tmp_path / name)).getroot()
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"
    words = "".join(picture.itertext())
    assert all(root in words for root in roots(5))
    assert capsys.readouterr().out == ""


def test_the_subject_is_marked_in_svg_and_a_reference_is_not(tmp_path: Path) -> None:
    """Whatever a reference is called."""
    make_bank(tmp_path / "bank", {**roots(4), "org/x (subject)": make_blocks(7), "me": make_blocks(8)})
    save_measurement(make_measurement("me", make_blocks(9)), tmp_path / "m.safetensors")
    asked = ["tree", str(tmp_path / "m.safetensors"), "--bank", str(tmp_path / "bank"), "--resamples", "0"]
    assert run([*asked, "-o", str(tmp_path / "t.svg")]) == 0
    words = etree.parse(str(tmp_path / "t.svg")).getroot().iter("{*}text")
    found = {one.text: one.get("font-weight", "normal") for one in words}
    assert (found["me (subject)"], found["org/x (subject)"], found["me"]) == ("700", "normal", "normal")


def test_newick_into_a_file_is_what_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_bank(tmp_path / "bank", roots(6))
    asked = ["tree", "--bank", str(tmp_path / "bank")]
    assert run([*asked, "-o", str(tmp_path / "t.nwk")]) == 0
    capsys.readouterr()
    run(asked)
    assert (tmp_path / "t.nwk").read_text("utf-8") == capsys.readouterr().out


def test_the_tree_of_an_audit_commands_no_terminal_either(tmp_path: Path) -> None:
    bank = make_bank(tmp_path / "bank", roots(5))
    save_measurement(make_measurement("\x1b[31mred", make_blocks(9)), tmp_path / "m.safetensors", raw=False)
    asked = ["audit", str(tmp_path / "m.safetensors"), "--bank", str(bank.folder), "--out", str(tmp_path / "out")]
    assert run(asked) in {0, 1}
    written = (tmp_path / "out" / "tree.nwk").read_text("utf-8")
    assert "\x1b" not in written
    assert by_skbio(written).tips == {"\\u001b[31mred", *roots(5)}


@pytest.mark.parametrize("form", ["newick", "svg"])
def test_hostile_names_command_no_terminal_and_make_no_markup(
    form: str, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    names = [*HIDDEN, *MARKUP, "a\x85b"]
    make_bank(tmp_path / "bank", {name: make_blocks(n) for n, name in enumerate(names)})
    assert run(["tree", "--bank", str(tmp_path / "bank"), "--format", form]) == 0
    printed = capsysbinary.readouterr().out.decode()
    assert not set(printed) & {"\x1b", "\x00", "\u202e", "\u2066", "\x85", "\r", "\x9b"}
    assert "<script>" not in printed if form == "svg" else len(by_skbio(printed).tips) == len(names)


def test_a_large_bank_is_cut_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provcheck.lineage.leaves.WHOLE", 45)
    make_bank(tmp_path / "bank", roots(46))
    assert run(["tree", "--bank", str(tmp_path / "bank"), "--resamples", "2"]) == 0
    said = capsys.readouterr()
    assert said.err == "46 references are too many for one picture: it shows one of each family, 40 at most\n"
    assert len(by_skbio(said.out).tips) == 40


def test_references_without_attributions_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_bank(tmp_path / "bank", {**roots(4), "mute": make_blocks(0) * 0})
    assert run(["tree", "--bank", str(tmp_path / "bank")]) == 0
    assert capsys.readouterr().err == "left out, for they have no ABLE distances: mute\n"


def test_too_few_references(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_bank(tmp_path / "bank", roots(2))
    assert run(["tree", "--bank", str(tmp_path / "bank"), "-o", str(tmp_path / "t.svg")]) == 4
    assert "there is no tree: a tree needs at least three models" in capsys.readouterr().err
    assert not (tmp_path / "t.svg").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["-o", "tree.gif"], "tree.gif does not end in .nwk, .newick, .tree, .svg, .png, .pdf"),
        (["-o", "."], "it is a folder"),
        (["--method", "upgma"], "upgma"),
        (["--format", "gif"], "gif"),
        (["--bank", "nowhere"], "nowhere"),
        (["nowhere/at-all", "--offline"], "nowhere/at-all"),
    ],
)
def test_bad_input(options: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tree", *options]) == 4
    said = capsys.readouterr()
    assert sentence in said.err and said.out == ""


def test_a_measurement_of_other_probes_is_refused(
    tmp_path: Path, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    save_measurement(make_measurement("me", make_blocks(1)), tmp_path / "m.safetensors", raw=False)
    assert run(["tree", str(tmp_path / "m.safetensors"), "--bank", str(world.bank)]) == 4
    assert "probe" in capsys.readouterr().err


def test_the_default_is_that_of_an_audit() -> None:
    """The command line does not import the stage only to say its default."""
    assert RESAMPLES == SAME_RESAMPLES
