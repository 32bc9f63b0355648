"""A new kind of check is one file and one line of the table; everything else follows."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

import provcheck
from provcheck.io import data
from provcheck.policy import KINDS
from provcheck.policy.checks import TABLE

NEW = '''"""Is it small enough?"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from provcheck.policy.evidence import Evidence
from provcheck.policy.rule import Finding, Rule, passed_if
from provcheck.types import Outcome


class ParametersAtMost(Rule):
    """The model has no more parameters than that."""

    kind: Literal["parameters-at-most"]
    parameters: int = Field(ge=0, description="how many it may have")

    def describe(self) -> str:
        """One sentence."""
        return f"The model has at most {self.parameters} parameters."

    def evaluate(self, evidence: Evidence) -> Finding:
        """Compare the number of the config."""
        if evidence.subject.parameters is None:
            return Finding(Outcome.INCONCLUSIVE, "the number of parameters is not known")
        return passed_if(evidence.subject.parameters <= self.parameters, f"{evidence.subject.parameters} parameters")
'''

LINE = '    "parameters-at-most": "parameters_at_most:ParametersAtMost",\n'
RUN = "import sys; from provcheck.cli import run; sys.exit(run(['policy', *sys.argv[1:]]))"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with one kind more."""
    root = tmp_path_factory.mktemp("checkout")
    package = Path(shutil.copytree(Path(provcheck.__file__).parent, root / "provcheck"))
    shutil.copytree(data.root() / "policies", root / "policies")
    checks = package / "policy" / "checks"
    (checks / "parameters_at_most.py").write_text(NEW, "utf-8")
    table = (checks / "__init__.py").read_text("utf-8")
    (checks / "__init__.py").write_text(table.replace("TABLE = {\n", "TABLE = {\n" + LINE), "utf-8")
    return root


def say(checkout: Path, *arguments: str) -> str:
    """What `provcheck policy` of that checkout prints, on one line."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, *arguments],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout), "COLUMNS": "300"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_a_new_kind_is_listed_and_in_the_schema(checkout: Path) -> None:
    assert "The model has no more parameters than that." in say(checkout, "list")
    new = json.loads(say(checkout, "schema"))["$defs"]["ParametersAtMost"]
    assert new["properties"]["kind"]["const"] == "parameters-at-most"
    assert new["required"] == ["kind", "parameters"]


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ("{kind: parameters-at-most, parameters: 7}", "The model has at most 7 parameters."),
        ("{kind: parameters-at-most, parameters: -7}", "checks[0].parameters: must be at least 0"),
        (
            "{kind: parameters-at-most, parameter: 7}",
            "did you mean 'parameters'? keys: id, severity, required, kind, parameters",
        ),
        ("{kind: parameters-at-mos, parameters: 7}", "did you mean 'parameters-at-most'? kinds: parameters-at-most, "),
    ],
)
def test_a_policy_with_a_new_kind_is_understood(check: str, said: str, checkout: Path) -> None:
    (checkout / "mine.yaml").write_text(f"name: mine\nchecks:\n  - {check}\n", "utf-8")
    assert said in say(checkout, "check", "mine.yaml")


def test_the_table_names_every_kind_and_every_file() -> None:
    folder = Path(provcheck.__file__).parent / "policy" / "checks"
    assert {place.partition(":")[0] for place in TABLE.values()} == {p.stem for p in folder.glob("*.py")} - {"__init__"}
    for name, kind in KINDS.items():
        assert get_args(kind.model_fields["kind"].annotation) == (name,)
        assert kind.__module__.endswith(name.replace("-", "_"))
