"""Make the models of a plan in worker processes, each model in one thread, parents before children.

A finished model is a folder, so a run that was killed goes on where it was. A model that fails takes only its
descendants with it.
"""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .plan import RECIPE_FILE, Member, Recipe, load_recipe, root_of

if TYPE_CHECKING:
    from .corpus import Corpora

Observer = Callable[[str], None]


@dataclass(frozen=True)
class Order:
    """What a run was asked for; plain values, so that it travels to the workers."""

    corpora: Path
    out: Path
    scale: str = "tiny"
    recipe: Path = RECIPE_FILE


def run(members: list[Member], order: Order, jobs: int, observe: Observer) -> list[str]:
    """Make every model that is not there yet; returns the names of those that could not be made."""
    waiting = [m for m in members if not _finished(order, m.name)]
    observe(f"{len(members)} models, {len(members) - len(waiting)} of them finished, {len(waiting)} to make")
    _prepare_tokenizers(waiting, order)
    failed: list[str] = []
    running: dict[Future[str], Member] = {}
    with ProcessPoolExecutor(jobs, get_context("spawn"), initializer=one_thread) as pool:
        while waiting or running:
            for member in _ready(waiting, order)[: jobs - len(running)]:
                waiting.remove(member)
                running[pool.submit(make, member.name, order)] = member
            if not running:
                break
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                _settle(running.pop(future), future, failed, observe)
    return failed + [m.name for m in waiting]


def make(name: str, order: Order) -> str:
    """Make one model; returns a line for the log."""
    from .folder import Context, Model, load_model, write_model
    from .mechanisms import MECHANISMS

    began = time.monotonic()
    recipe, corpora = _recipe(order), _corpora(order)
    members, member, device = recipe.members(), recipe.members()[name], _device()
    context = Context(corpora.scale, corpora, order.out, member.seed, device, members.get(member.init or ""))
    parameters = dict(member.parameters)
    if "tokenizer" in parameters:
        parameters["tokenizer"] = _tokenizer(parameters["tokenizer"], order)
    parents = [load_model(order.out / parent, device) for parent in member.parents]
    made = MECHANISMS[member.mechanism](context, parents, **parameters)
    home = members[root_of(name, members)].parameters["corpus"]
    facts = _facts(made, corpora.validation_texts(home), corpora.scale.context)
    facts["seconds"] = round(time.monotonic() - began, 1)
    write_model(Model(made.network, made.tokenizer, facts), member, order.out, recipe.license)
    return f"{name}: {member.mechanism}, " + ", ".join(f"{key} {value}" for key, value in facts.items())


def _facts(made: Any, texts: list[str], context: int) -> dict[str, Any]:
    from .training import bits_per_byte

    size = sum(weight.numel() for weight in made.network.parameters())
    cost = bits_per_byte(made.network, made.tokenizer, texts, context)
    return {**made.facts, "validation_bits_per_byte": round(cost, 4), "weights": size}


def _tokenizer(name: str, order: Order) -> Any:
    from .vocabularies import cached_tokenizer, wrap

    recipe, corpora = _recipe(order), _corpora(order)
    path = order.out / ".tokenizers" / f"{name}.json"
    return wrap(cached_tokenizer(path, recipe.tokenizers[name], corpora, corpora.scale.vocabulary_factor))


@lru_cache(maxsize=1)
def _recipe(order: Order) -> Recipe:
    return load_recipe(order.recipe)


@lru_cache(maxsize=1)
def _corpora(order: Order) -> Corpora:
    """Kept, because it keeps the tokenized corpora."""
    from .corpus import Corpora

    recipe = _recipe(order)
    return Corpora(order.corpora, recipe.mixes, recipe.scales[order.scale])


def _prepare_tokenizers(members: list[Member], order: Order) -> None:
    """Before the workers start, so that no two of them train the same one."""
    for name in sorted({m.parameters["tokenizer"] for m in members if "tokenizer" in m.parameters}):
        _tokenizer(name, order)


def _ready(waiting: list[Member], order: Order) -> list[Member]:
    """Models whose parents are all there, in the order of the plan."""
    return [m for m in waiting if all(_finished(order, parent) for parent in m.parents)]


def _settle(member: Member, future: Future[str], failed: list[str], observe: Observer) -> None:
    try:
        observe(future.result())
    except Exception:
        failed.append(member.name)
        observe(f"{member.name}: FAILED\n{traceback.format_exc()}")


def _finished(order: Order, name: str) -> bool:
    return (order.out / name / "config.json").exists()


def one_thread() -> None:
    """Set this process to one thread, so that results do not depend on how many workers there are."""
    os.environ |= {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
    import torch

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True, warn_only=True)
    _quiet()


def _quiet() -> None:
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
