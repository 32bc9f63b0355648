"""Which architectures are causal, found out without importing transformers."""

from __future__ import annotations

import importlib

import pytest

from provcheck.targets import configs

TASKS = ("CAUSAL_LM", "MASKED_LM", "SEQ_TO_SEQ_CAUSAL_LM")


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("written", [True, False])
def test_the_tables_are_those_of_transformers(task: str, written: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where its source has another form."""
    if not written:
        monkeypatch.setattr(configs, "_assigned", dict)
    name = f"MODEL_FOR_{task}_MAPPING_NAMES"
    assert (name in configs._assigned()) is written
    expected = getattr(importlib.import_module("transformers.models.auto.modeling_auto"), name)
    assert configs.class_names.__wrapped__(task) == dict(expected)
