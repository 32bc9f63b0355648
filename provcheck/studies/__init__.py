"""The papers' experiments on a bank, as commands: `provcheck study NAME BANK`.

Each file is a study with one function, `run(bank, options) -> Study`. It is deterministic, states how sure its numbers
are, and chooses nothing by held-out material. A bank that has too little for it is a StudyError that says what is
missing. To add one: a file, and a line in `TABLE`.

material     what studies read: raw vectors, log-likelihoods, pairs
kl_settings  which pairs of a bank stand for the settings of the papers' KL scale
probe_subsets, projections, interpolation  what `robustness` varies: probes, the projection, weights and template
clustering   how well distances group models by a label
compressing  weights made coarser
variants     models made on the fly from others
runs, departures, path_figures  what `trajectory` measures on checkpoints, and draws
ridge, tables  regression for `scores` and `routing`, and the tables of a user's own
statistics   Mantel test, bootstrap and permutation intervals
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from importlib import import_module

from provcheck.bank import Bank
from provcheck.errors import UsageError
from provcheck.io.spelling import did_you_mean
from provcheck.studies.material import StudyOptions
from provcheck.types import BankFacts, Study, Tool
from provcheck.version import __version__

__all__ = ["OWN_BANK", "TABLE", "StudyOptions", "find_study", "run_study"]

TABLE = {
    "robustness": "Do distances stay the same under other probes, templates, seeds and dimensions?",
    "clusters": "Do families and mechanisms lie together?",
    "trajectory": "How do checkpoints of a training run move, and where does a fine-tune leave it?",
    "layers": "How far apart are the layers of a model, and those of two models?",
    "quantization": "How far do quantization and pruning move a model?",
    "routing": "Can frozen ABLE embeddings tell which model to ask?",
    "scores": "Can scores of a model be predicted from its coordinates?",
    "scale": "How large are the papers' ten kinds of change in this bank?",
}
"""Name of a study, which is that of its module, and what it asks."""

OWN_BANK = {"trajectory": "trajectories"}
"""The shipped bank of a study that needs another kind of bank: `provcheck study all` takes it."""

Run = Callable[[Bank, StudyOptions], Study]


def find_study(name: str) -> Run:
    """The study of that name. Raises UsageError."""
    if name not in TABLE:
        raise UsageError(
            f"there is no study {name!a}{did_you_mean(name, TABLE)}", f"the studies are {', '.join(TABLE)}"
        )
    run: Run = import_module(f"provcheck.studies.{name}").run
    return run


def run_study(name: str, bank: Bank, options: StudyOptions | None = None) -> Study:
    """Run a study on a bank. Raises StudyError where the bank has too little for it, and UsageError."""
    options = options or StudyOptions()
    found = find_study(name)(bank, options)
    manifest = bank.manifest
    command = f"provcheck study {name} {shlex.quote(options.bank_name or manifest.name)}"
    command += "".join(f" --models {shlex.quote(model)}" for model in options.models)
    command += f" --csv {shlex.quote(str(options.csv))}" if options.csv else ""
    facts = BankFacts(name=manifest.name, digest=manifest.digest, references=len(bank.references))
    return found.model_copy(update={"bank": facts, "tool": Tool(version=__version__, command=command)})
