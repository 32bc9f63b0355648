"""Tree and map as figures that matplotlib draws as they are, with the names in place."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from matplotlib.text import Text

from provcheck import AuditOptions, audit, plot_map, plot_tree, save_measurement
from provcheck.errors import UsageError
from provcheck.types import BankMap, Lineage, MapPoint
from tests.synthetic import blocks_at, make_bank, make_blocks, make_measurement, roots

MATHS = r"org/$\frac{a}{$"
TREE = Lineage(newick=f"((me:1,'{MATHS}':1)97:1,c:2);", subject="me", nearest_on_tree=MATHS)


def words(figure: object) -> set[str]:
    return {text.get_text() for text in figure.findobj(Text)} - {""}  # type: ignore[attr-defined]


def test_a_tree_with_names_that_matplotlib_would_read_as_formulas() -> None:
    figure = plot_tree(TREE)
    assert {"me (subject)", MATHS, "c", "97"} <= words(figure)
    file = io.BytesIO()
    figure.savefig(file, format="png")
    assert file.getvalue().startswith(b"\x89PNG")


def test_a_map() -> None:
    points = tuple(MapPoint(id=f"org/{n}", family="f", x=n / 4, y=(n % 2) / 2, subject=n == 0) for n in range(4))
    assert {"org/0", "f"} <= words(plot_map(BankMap(points=points)))


def test_of_a_report_and_of_a_bank(tmp_path: Path) -> None:
    bank = make_bank(tmp_path / "bank", roots(5))
    save_measurement(make_measurement("me", blocks_at(make_blocks(3), 0.3)), tmp_path / "me.safetensors")
    report = audit(tmp_path / "me.safetensors", AuditOptions(bank=str(bank.folder)))
    assert {"me (subject)", "org/root-3"} <= words(plot_tree(report))
    assert "me" in words(plot_map(report))
    for found in (bank, bank.folder, str(bank.folder)):
        assert words(plot_tree(found)) >= set(roots(5))
        assert words(plot_map(found))
    assert "100" in words(plot_tree(report)) and "100" not in words(plot_tree(bank))


def test_where_there_is_nothing_to_draw(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no tree: too few"):
        plot_tree(Lineage(newick=None, nearest_on_tree=None, reason="too few"))
    with pytest.raises(UsageError, match="there is no map: too few"):
        plot_map(BankMap(reason="too few"))
    with pytest.raises(UsageError, match="a tree needs at least three models"):
        plot_tree(make_bank(tmp_path / "two", roots(2)))
