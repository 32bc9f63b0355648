"""The package as others see it."""

from __future__ import annotations

import subprocess
import sys

from provcheck import targets


def test_public_names() -> None:
    assert targets.__all__ == ["DEMO", "KINDS", "FindOptions", "OpenTarget", "RunsOn", "Target", "find_target"]


def test_import_stays_light() -> None:
    code = (
        "import sys, provcheck.targets, provcheck.targets.local, provcheck.targets.saved, provcheck.measuring;"
        "print([name for name in ('torch', 'transformers', 'huggingface_hub') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert result.stdout.strip() == "[]"
