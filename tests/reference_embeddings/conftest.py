"""A mini zoo for the tests: a corpus folder of made-up sentences and the real recipe at a scale of seconds."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import yaml

from reference_embeddings.recipe.corpus import Corpora
from reference_embeddings.recipe.folder import Context
from reference_embeddings.recipe.plan import RECIPE_FILE, Recipe, load_recipe
from reference_embeddings.recipe.runner import Order

CORPORA = ("eips", "rfcs", "rustbook", "speeches", "shakespeare", "moby", "austen")
SYLLABLES = ("ta", "mo", "ren", "wal", "is", "con", "tract", "sea", "ing", "the", "of", "qu", "est", "lo")
LAYERS = {"small": 4, "base": 4, "large": 4, "shallow": 3, "small-deep": 5}
MINI = {
    "sizes": {size: {"width": 32, "layers": layers, "heads": 4} for size, layers in LAYERS.items()},
    "steps_factor": 0.005,
    "root_steps": 600,
    "root_rate": 3.0e-3,
    "context": 64,
    "batch": {"rows": 2, "length": 16},
    "long_batch": {"rows": 1, "length": 32},
    "long_every": 2,
    "corpus_characters": 20000,
}


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """As the workers train; with more, very small models spend their time waiting."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def corpora_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven different small corpora."""
    folder = tmp_path_factory.mktemp("corpora")
    for name in CORPORA:
        (folder / f"{name}.txt").write_text(_text(random.Random(name)), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def recipe_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recipe with one scale more."""
    content = yaml.safe_load(RECIPE_FILE.read_text(encoding="utf-8"))
    content["scales"]["mini"] = MINI
    path = tmp_path_factory.mktemp("recipe") / "zoo.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def recipe(recipe_file: Path) -> Recipe:
    """The recipe as objects."""
    return load_recipe(recipe_file)


@pytest.fixture(scope="session")
def order(corpora_folder: Path, recipe_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Order:
    """A mini zoo that the tests of a session share."""
    return Order(corpora_folder, tmp_path_factory.mktemp("zoo"), "mini", recipe_file)


@pytest.fixture(scope="session")
def corpora(recipe: Recipe, corpora_folder: Path) -> Corpora:
    """The made-up corpora."""
    return Corpora(corpora_folder, recipe.mixes, recipe.scales["mini"])


@pytest.fixture
def context(recipe: Recipe, corpora: Corpora, order: Order) -> Context:
    """What a mechanism gets."""
    return Context(recipe.scales["mini"], corpora, order.out, seed=7)


def _text(chance: random.Random) -> str:
    words = ["".join(chance.choices(SYLLABLES, k=chance.randint(1, 4))) for _ in range(300)]
    return "\n".join(" ".join(chance.choices(words, k=12)) + chance.choice(".!?") for _ in range(400))
