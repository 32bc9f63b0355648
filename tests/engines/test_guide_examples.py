"""The commands of the guide's page on many models run as they stand, with tiny models."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import provcheck
from tests.engines.banks import content, make_zoo

PAGE = (Path(provcheck.__file__).parent / "guide" / "many_models.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```sh\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_the_array_and_the_merge_build_what_one_run_builds(tmp_path: Path) -> None:
    zoo = make_zoo(tmp_path, 5)
    zoo.manifest.write_text(re.sub(r".*org/broken.*\n", "", zoo.manifest.read_text("utf-8")), "utf-8")
    program = tmp_path / "bin" / "provcheck"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nimport provcheck.cli\nprovcheck.cli.main()\n", "utf-8")
    program.chmod(0o755)
    environment = os.environ | {"PATH": f"{program.parent}:{os.environ['PATH']}", "PROVCHECK_PROBES": str(zoo.probes)}
    environment |= {"PROVCHECK_SIGNALS": "weights"}

    def run(script: str, **variables: str) -> None:
        subprocess.run(["bash", "-ec", script], cwd=tmp_path, env=environment | variables, check=True)

    machine, _store, array, merge, _ray = EXAMPLES
    run(machine.splitlines()[0])
    alone = content(tmp_path / "zoo")
    for number in "1234":
        run(array, SLURM_ARRAY_TASK_ID=number)
    run(merge)
    assert content(tmp_path / "zoo") == alone
