"""`python -m reference_embeddings.recipe`: train the zoo, list it, print the manifest for `provcheck bank build`."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
import yaml

from .manifest import manifest_of
from .plan import Member, Recipe, load_recipe, select
from .runner import Order, run

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)

Names = Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Models; all where none is named.")]
SetName = Annotated[str | None, typer.Option("--set", help="Only the models of this set, such as demo.")]
Without = Annotated[str | None, typer.Option("--without", help="But not the models of this set, such as subject.")]
Out = Annotated[Path, typer.Option("--out", help="The folder with one folder for each model.")]
Corpora = Annotated[Path, typer.Option("--corpora", help="The folder with NAME.txt or NAME.txt.xz.")]
ScaleName = Annotated[str, typer.Option("--scale", help="tiny (CPU) or small (GPU).")]
BankFolder = Annotated[Path, typer.Option("--bank", help="Bank folder that gets the numbers.")]
Jobs = Annotated[int, typer.Option("--jobs", min=1, help="Worker processes, each with one thread.")]


@app.command()
def train(
    corpora: Corpora, out: Out, names: Names = None, scale: ScaleName = "tiny", set_name: SetName = None, jobs: Jobs = 2
) -> None:
    """Train models, and the ancestors they need, that are not there yet."""
    recipe = load_recipe()
    if scale not in recipe.scales:
        raise typer.BadParameter(f"no such scale: {scale}; there are {', '.join(recipe.scales)}")
    members = _select(recipe, names, set_name)
    failed = run(members, Order(corpora.resolve(), out.resolve(), scale), jobs, _say)
    if failed:
        _say(f"not made: {', '.join(failed)}")
        raise typer.Exit(1)


@app.command(name="list")
def list_models(names: Names = None, set_name: SetName = None) -> None:
    """Print one line for each model, in the order of making."""
    for m in _select(load_recipe(), names, set_name):
        print(f"{m.name:40} {m.mechanism:21} {m.split:11} {' + '.join(m.parents) or m.family}")


@app.command()
def manifest(out: Out, set_name: SetName = None, without: Without = None) -> None:
    """Print the bank manifest of the models that are there."""
    print(yaml.safe_dump(manifest_of(load_recipe(), out.resolve(), set_name, without), sort_keys=False), end="")


@app.command()
def sample(out: Out, bank: BankFolder) -> None:
    """Sample continuations of every model of a bank, for the PhyloLM baseline, and put them into the bank."""
    from provcheck.bank import load_bank
    from provcheck.bank.saving import add_file
    from provcheck.evaluation.phylolm import FILE
    from provcheck.probes import load_probes

    from .sampling import genes, sample_kept

    loaded = load_bank(str(bank))
    prompts = genes([text.text for text in load_probes().texts])
    samples = {}
    for reference in loaded.references:
        samples[reference.id] = sample_kept(out / reference.id.removeprefix("zoo/"), prompts)
        _say(reference.id)
    add_file(loaded, FILE, json.dumps(samples, ensure_ascii=False, separators=(",", ":")).encode())


@app.command()
def answers(corpora: Corpora, out: Out, bank: BankFolder) -> None:
    """Let every model of a bank answer questions and read held-out text, and put the results into the bank."""
    from provcheck.bank import load_bank
    from provcheck.bank.saving import add_file
    from provcheck.probes import load_probes
    from provcheck.studies.tables import ANSWERS, SCORES

    from .answering import answer_table, answers_kept, score_table
    from .corpus import held_out_texts
    from .synthetic_tasks import synthetic_questions

    loaded, recipe = load_bank(str(bank)), load_recipe()
    names = sorted({corpus for mix in recipe.mixes.values() for corpus in mix})
    held_out = {corpus: held_out_texts(corpora, corpus) for corpus in names}
    probes = load_probes().questions
    questions = (*probes, *synthetic_questions())
    folders = {one.id: out / one.id.removeprefix("zoo/") for one in loaded.references}
    found = {}
    for id, folder in folders.items():
        if folder.exists():
            found[id] = answers_kept(folder, questions, held_out)
        _say(f"{id}{'' if folder.exists() else ': not trained, left out'}")
    add_file(loaded, ANSWERS, answer_table(found, probes))
    add_file(load_bank(str(bank)), SCORES, score_table(found, questions))


@app.command()
def rivals(out: Out, bank: BankFolder) -> None:
    """Compare all models of a bank by published methods on weights, and put the similarities into the bank."""
    from safetensors.numpy import save

    from provcheck.bank import load_bank
    from provcheck.bank.saving import add_file
    from provcheck.evaluation.weight_based import FILE
    from provcheck.probes import load_probes

    from .parts import read_parts
    from .rivals import similarity_matrices

    loaded = load_bank(str(bank))
    texts = [text.text for text in load_probes().texts]
    ids = [reference.id for reference in loaded.references]
    models = [read_parts(out / id.removeprefix("zoo/"), texts) for id in ids]
    _say(f"{len(models)} models read")
    add_file(loaded, FILE, save(similarity_matrices(models, lambda row: _say(ids[row]))))


@app.command()
def changes(out: Out, names: Names = None) -> None:
    """Print how often provcheck names rightly how a model was made, the kind of a merge, and who descends from whom."""
    from .changed import assess, finished, tables
    from .given_several import tables_of_several

    members = finished(_select(load_recipe(), names, None), out.resolve())
    print(tables(assess(members, out.resolve(), _note)))
    print(f"\n{tables_of_several(members, out.resolve(), _note)}")


@app.command()
def trajectories(corpora: Corpora, out: Out) -> None:
    """Train the runs of trajectories.yaml with checkpoints, and write bank.yaml for `provcheck bank build` there."""
    from .corpus import Corpora as Texts
    from .runner import one_thread
    from .trajectories import Trainer, entries, load_plan
    from .vocabularies import cached_tokenizer, wrap

    one_thread()
    recipe, plan = load_recipe(), load_plan()
    texts = Texts(corpora.resolve(), recipe.mixes, recipe.scales["tiny"])
    vocabulary = recipe.tokenizers[plan.tokenizer]
    tokenizer = wrap(cached_tokenizer(out / ".tokenizers" / f"{plan.tokenizer}.json", vocabulary, texts, 1))
    Trainer(plan, recipe, texts, tokenizer, out, _say).train_all()
    models = list(entries(plan, out.resolve(), recipe.license))
    (out / "bank.yaml").write_text(yaml.safe_dump({"name": plan.bank, "models": models}, sort_keys=False))


@app.command()
def distances(out: Out, bank: BankFolder) -> None:
    """Put the distances between the weights of all checkpoints into their bank, for `provcheck study trajectory`."""
    from safetensors.numpy import save

    from provcheck.bank import load_bank
    from provcheck.bank.saving import add_file
    from provcheck.studies.trajectory import SQUARED, WEIGHT_DISTANCES

    from .trajectories import weight_distances

    loaded = load_bank(str(bank))
    folders = [out / reference.id.rpartition("/")[2] for reference in loaded.references]
    add_file(loaded, WEIGHT_DISTANCES, save({SQUARED: weight_distances(folders)}))


def _select(recipe: Recipe, names: list[str] | None, set_name: str | None) -> list[Member]:
    try:
        return select(recipe.members(), names or (), set_name)
    except KeyError as error:
        raise typer.BadParameter(error.args[0]) from error


def _note(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


if __name__ == "__main__":
    app()
