"""Regular expressions of adapters: sane ones pass, and those that never end are found wherever they stand."""

from __future__ import annotations

import subprocess

import pytest

from provcheck.errors import UnsupportedModel
from provcheck.measurement import patterns
from provcheck.measurement.patterns import KEYS, check_patterns

EVIL = r"(([a-z_.0-9])*)*!"
PROJECTIONS = "(?:q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"
SANE = (
    rf"(?:.*?(?:language|text).*?(?:self_attn|attention|attn|mlp|feed_forward|ffn|dense).*?{PROJECTIONS}.*?)|"
    rf"(?:\bmodel\.layers\.[\d]{{1,}}\.(?:self_attn|attention|attn|mlp|feed_forward|ffn|dense)\.{PROJECTIONS})"
)
"""As a widespread library for fine-tuning writes it."""

MODULES = [f"model.language_model.layers.{layer}.self_attn.q_proj" for layer in range(500)]


@pytest.mark.parametrize("key", KEYS)
def test_one_that_never_ends_is_refused(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "SECONDS", 0.5)
    for value in (EVIL, ["fine", EVIL], {EVIL: 3}):
        with pytest.raises(UnsupportedModel) as caught:
            check_patterns({key: value}, MODULES)
        assert "list the names" in caught.value.hint


@pytest.mark.parametrize("pattern", [SANE, r".*\.(q|v)_proj$", "^model.layers.0.q_proj", "(", "(?P<idx>x)", "%s+"])
def test_others_pass(pattern: str) -> None:
    check_patterns({"target_modules": pattern, "rank_pattern": {pattern: 3}, "r": 8}, MODULES)


def test_names_need_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", None)
    check_patterns({"target_modules": {"q_proj", "model.layers.0.up-proj"}, "modules_to_save": None}, MODULES)
