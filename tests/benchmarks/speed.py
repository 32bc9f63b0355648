"""provcheck against the literal loop, in one process and on one model."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch

from provcheck.measurement.batching import Run
from provcheck.measurement.encoding import encode_questions, encode_texts
from provcheck.measurement.loader import Loaded, load
from provcheck.signals.able.views import words_of
from provcheck.targets.resolution import resolve
from tests.benchmarks.models import every_nth, random_llama
from tests.measurement.literal import literal_words
from tests.measurement.running import asked, attribute_words, loglikelihoods, texts_of

if TYPE_CHECKING:
    from provcheck.types import ProbeSet

AIM = 6.0
CONTEXT = 1024


class Spent(NamedTuple):
    """What a side took."""

    seconds: float
    cpu_seconds: float


def against_the_loop(folder: Path | None, every: int, rounds: int, threads: int | None) -> Iterator[str]:
    """Lines with both times, their ratio, and the aim beside it; each side's fastest round counts."""
    loaded = load(resolve(str(folder)), "cpu", "float32") if folder else random_llama("1m")
    probes, threads = every_nth(every), threads or torch.get_num_threads()
    options = sum(len(question.options) for question in probes.questions)
    size = sum(parameter.numel() for parameter in loaded.model.parameters())
    yield f"{folder.name if folder else 'random llama'}, {size:,} parameters, float32, {threads} threads"
    yield f"every {every}th probe: {options} options, {len(probes.texts)} texts; fastest of {rounds} rounds"
    yield "loop: one sequence at a time, log-softmax of all positions, a float per token"
    yield "backward(): the same loop with S.backward(), which makes gradients of the weights too"
    for stage, loop, ours in (
        ("attributions", loop_attributions, provcheck_attributions),
        ("... backward()", loop_backward, provcheck_attributions),
        ("log-likelihood", loop_loglikelihoods, provcheck_loglikelihoods),
    ):
        slow, fast = [], []
        for _ in range(rounds):
            slow += [_spent(loop, loaded, probes, count) for count in sorted({1, threads})]
            fast += [_spent(ours, loaded, probes, threads)]
        yield f"{stage:<15} {_compared(slow, fast)}"


def _compared(slow: list[Spent], fast: list[Spent]) -> str:
    """Both sides by the clock, and what one second of a processor is worth, which other programs disturb less."""
    one, two = min(spent.seconds for spent in slow), min(spent.seconds for spent in fast)
    cpu = min(spent.cpu_seconds for spent in slow) / min(spent.cpu_seconds for spent in fast)
    ratio = one / two
    verdict = "reached" if ratio >= AIM else "not reached"
    return f"loop {one:6.2f}s  provcheck {two:6.2f}s  {ratio:4.1f}x ({cpu:.1f}x by CPU time)  aim {AIM:.0f}x: {verdict}"


def loop_attributions(loaded: Loaded, probes: ProbeSet) -> None:
    """One option at a time."""
    for question in probes.questions:
        literal_words(loaded.model, loaded.tokenizer, question)


def loop_backward(loaded: Loaded, probes: ProbeSet) -> None:
    """One option at a time, with a model as from_pretrained gives it: its weights want gradients."""
    options, _ = encode_questions(loaded.tokenizer, asked(probes), CONTEXT)
    loaded.model.requires_grad_(True)
    for option in options:
        ids = torch.from_numpy(option.ids)[None]
        embeddings = loaded.model.get_input_embeddings()(ids).detach().requires_grad_()
        logprobs = torch.log_softmax(loaded.model(inputs_embeds=embeddings).logits[0], dim=-1)
        places = torch.from_numpy(option.in_option.nonzero()[0])
        logprobs[places - 1, ids[0, places]].sum().backward()  # type: ignore[no-untyped-call]
        loaded.model.zero_grad()
        tokens = (embeddings.detach() * embeddings.grad).sum(dim=-1)[0].double().numpy()
        inside = option.in_question
        words_of(probes.questions[option.probe].question, [(option.spans[inside], tokens[inside])])
    loaded.model.requires_grad_(False)


def loop_loglikelihoods(loaded: Loaded, probes: ProbeSet) -> None:
    """One text at a time, with a cache of keys and values that nobody uses, and a float for every token."""
    for text in probes.texts:
        ids = torch.tensor([loaded.tokenizer(text.text)["input_ids"]])
        with torch.no_grad():
            logprobs = torch.log_softmax(loaded.model(ids, use_cache=True).logits, dim=-1)
        sum(float(logprobs[0, place - 1, ids[0, place]]) for place in range(1, ids.shape[1]))


def provcheck_attributions(loaded: Loaded, probes: ProbeSet) -> None:
    """What `provcheck measure` does, tokenizing included."""
    encoded, _ = encode_questions(loaded.tokenizer, asked(probes), CONTEXT)
    attribute_words(loaded, probes.questions, encoded, Run())


def provcheck_loglikelihoods(loaded: Loaded, probes: ProbeSet) -> None:
    """What `provcheck measure` does, tokenizing included."""
    encoded, _ = encode_texts(loaded.tokenizer, texts_of(probes), CONTEXT)
    loglikelihoods(loaded, encoded, len(probes.texts), Run())


def _spent(work: Callable[[Loaded, ProbeSet], None], loaded: Loaded, probes: ProbeSet, threads: int) -> Spent:
    """The loop of tiny operations is often faster on one thread than on several; it is timed on both."""
    with _threads(threads):
        clock, cpu = time.perf_counter(), time.process_time()
        work(loaded, probes)
        return Spent(time.perf_counter() - clock, time.process_time() - cpu)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
