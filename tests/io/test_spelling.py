"""A typing error is found, and another model is not taken for one."""

from __future__ import annotations

import pytest

from provcheck.io.spelling import did_you_mean, misspelt

KNOWN = ["zoo/llama-tech-s1", "gpt2", "org/model-7b", "org/base", "org/model-a"]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("zoo/lama-tech-s1", "zoo/llama-tech-s1"),
        ("zoo/llama-tehc-s1", "zoo/llama-tech-s1"),
        ("zoo/llama-texh-s1", "zoo/llama-tech-s1"),
        ("zoo/llama_tech_s1", "zoo/llama-tech-s1"),
        ("Zoo/Llama-Tech-S1", "zoo/llama-tech-s1"),
        ("gtp2", "gpt2"),
        ("org/bse", "org/base"),
        ("org/base ", "org/base"),
    ],
)
def test_slips(typed: str, meant: str) -> None:
    assert misspelt(typed, KNOWN) == meant


@pytest.mark.parametrize(
    "other",
    [
        "zoo/llama-tech-s1",
        "zoo/llama-tech-s2",
        "zoo/llama-tech-s11",
        "gpt3",
        "org/model-8b",
        "org/model-13b",
        "org/model-b",
        "org/model",
        "org/base-chat",
        "other/base",
        "",
    ],
)
def test_other_models(other: str) -> None:
    assert misspelt(other, KNOWN) is None


def test_did_you_mean() -> None:
    assert did_you_mean("defalt", ["default", "release-gate"]) == "; did you mean 'default'?"
    assert did_you_mean("xyz", ["default", "release-gate"]) == ""
    assert did_you_mean("x" * 1_000_000, ["default"]) == ""
