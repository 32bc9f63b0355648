"""Options that several commands share, defined once, and the one place where they become `ModelOptions`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from provcheck.cli.origins import configured
from provcheck.cli.settings import variable_of
from provcheck.rendering import ALL, FORMAT_NAMES, FORMATS

if TYPE_CHECKING:
    from provcheck import engines, measuring

    ModelOptions = measuring.ModelOptions
    EngineOptions = engines.EngineOptions
else:
    ModelOptions = EngineOptions = object  # typer evaluates annotations, and the real ones are slow to import


def common(*names: str, **rest: Any) -> Any:
    """An option that an environment variable and [tool.provcheck] can set too; both are named like its first name."""
    return typer.Option(*names, envvar=variable_of(names[0]), **rest)


Names = Literal["banks", "policies", "manifests", "formats", "probes", "signals"]


def complete(what: Names) -> Callable[[str], list[str]]:
    """Names that a shell offers: of what ships, or of what there is. Files and folders are the shell's own business.

    Signals come as NAME,NAME: those that were written already are kept, and not offered again.
    """

    def known(incomplete: str) -> list[str]:
        from provcheck.io import data
        from provcheck.probes import DEFAULT_PROBES, QUICK_PROBES
        from provcheck.signals import TABLE

        before, comma, last = incomplete.rpartition(",") if what == "signals" else ("", "", incomplete)
        sources: dict[Names, Callable[[], Iterable[str]]] = {
            "banks": data.banks,
            "policies": data.policies,
            "manifests": data.manifests,
            "formats": lambda: [*FORMATS, ALL],
            "probes": lambda: [DEFAULT_PROBES, QUICK_PROBES],
            "signals": lambda: TABLE.keys() - before.split(","),
        }
        return [before + comma + name for name in sorted(sources[what]()) if name.startswith(last)]

    return known


def parse_size(text: str) -> int:
    """A positive number of bytes: 8GiB, 500MB, 1.5 GB, or a plain number."""
    from pydantic import ByteSize, TypeAdapter, ValidationError

    try:
        size = int(TypeAdapter(ByteSize).validate_python(text))
    except ValidationError:
        size = 0
    if size < 1:
        raise typer.BadParameter(f"{text!a} is no size of memory; write 8GiB or 500MB")
    return size


MODEL_HELP = (
    "Hub id org/name[@revision], folder, PEFT adapter folder, measurement file, https://host/v1#model, or demo."
)

Model = Annotated[str, typer.Argument(metavar="MODEL", help=MODEL_HELP)]
OptionalModel = Annotated[str | None, typer.Argument(metavar="MODEL", help=MODEL_HELP)]
Bank = Annotated[
    str, common("--bank", metavar="NAME|DIR", help="Bank of reference models.", autocompletion=complete("banks"))
]
Policy = Annotated[
    str, common("--policy", metavar="NAME|FILE", help="Policy to check.", autocompletion=complete("policies"))
]
STDOUT = Path("-")
Out = Annotated[Path, common("--out", metavar="DIR", help="Folder for the report; - for standard output.")]
FORMAT_HELP = f"{FORMAT_NAMES}, or all of them; may be given several times."
Format = Annotated[list[str], typer.Option("--format", help=FORMAT_HELP, autocompletion=complete("formats"))]
AuditFormat = Annotated[list[str], common("--format", help=FORMAT_HELP, autocompletion=complete("formats"))]
PROBES_HELP = "provcheck-v1, quick, or a folder."
Probes = Annotated[str, common("--probes", metavar="NAME|DIR", help=PROBES_HELP, autocompletion=complete("probes"))]
Device = Annotated[str, common("--device", help="auto, cpu, cuda, cuda:1 ...")]
Dtype = Annotated[str, common("--dtype", help="auto, float32, bfloat16 or float16.")]
Memory = Annotated[
    int | None,
    common(
        "--memory",
        metavar="SIZE",
        parser=parse_size,
        help="Memory for batches, beside the weights, such as 8GiB; default: what is free, with a margin.",
    ),
]
Signals = Annotated[
    str | None,
    common(
        "--signals",
        metavar="NAME,NAME",
        help="Kinds of evidence to use, such as weights, which need no run, and of a Hub model only parts of the "
        "files; default: all.",
        autocompletion=complete("signals"),
    ),
]
References = Annotated[
    list[str],
    common(
        "--reference",
        metavar="MODEL",
        help="A further model to compare with, named like MODEL and measured too; may be given several times.",
    ),
]
Revision = Annotated[str | None, typer.Option("--revision", help="Branch, tag or commit on the Hub.")]
Offline = Annotated[bool, common("--offline/--no-offline", help="Never touch the network.")]
AllowPickle = Annotated[
    bool, typer.Option("--allow-pickle", help="Accept pickled weights. RISK: a pickle can run code; use a sandbox.")
]
TrustRemoteCode = Annotated[
    bool,
    typer.Option(
        "--trust-remote-code", help="Run code from the model's repository. RISK: it can do anything you can do."
    ),
]
Isolate = Annotated[
    bool,
    typer.Option(
        "--isolate/--no-isolate",
        help="Run the model in a process of its own, with limits and without a network, where the system can. "
        "RISK of --no-isolate: what crashes or exploits a library does so here.",
    ),
]
MaxRequests = Annotated[
    int,
    typer.Option(
        "--max-requests",
        metavar="N",
        min=1,
        help="Requests that an endpoint may be sent, those that fail among them; what is left is not asked for.",
    ),
]
NoCache = Annotated[
    bool, common("--no-cache/--cache", help="Measure anew: neither read nor keep measurements in the cache.")
]
Store = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="DIR|URL",
        help="Measurements shared between machines: a folder, s3://, gs://, hf:// or another fsspec URL. RISK: whoever "
        "can write there can forge them.",
    ),
]
EngineName = Annotated[
    str,
    typer.Option(
        "--engine",
        metavar="NAME",
        help="serial, processes (on this machine) or ray; default: processes where --jobs is more than 1.",
    ),
]
Jobs = Annotated[int, typer.Option("--jobs", metavar="N", min=1, help="Models at once on this machine.")]
Threads = Annotated[
    int,
    typer.Option(
        "--threads",
        metavar="N",
        min=1,
        help="Processor threads of a model too large to run several batches at once; its last bits depend on it.",
    ),
]
Retries = Annotated[
    int, typer.Option("--retries", metavar="N", min=0, help="How often a model is tried again whose process died.")
]
Address = Annotated[
    str | None, typer.Option("--address", metavar="HOST:PORT", help="Of a Ray cluster; default: one is started here.")
]
GpuMemory = Annotated[
    int,
    typer.Option(
        "--gpu-memory",
        metavar="SIZE",
        parser=parse_size,
        help="Of one GPU of the Ray cluster: a model gets as many as its weights need.",
    ),
]
ShardText = Annotated[
    str | None,
    typer.Option("--shard", metavar="I/N", help="Only every N-th model, from the I-th on: one of N independent runs."),
]
Quiet = Annotated[int, typer.Option("-q", "--quiet", count=True, help="Print less; -qq even less.")]
Verbose = Annotated[int, typer.Option("-v", "--verbose", count=True, help="Print more; -vv even more.")]
Keyword = Annotated[
    str, typer.Option("-k", metavar="EXPR", help="Only checks whose id or kind fits: 'license and not coverage'.")
]
StopAtFirst = Annotated[
    bool, typer.Option("-x", "--exitfirst", help="Leave out the checks after the first that fails.")
]
CollectOnly = Annotated[bool, typer.Option("--collect-only", help="List the checks that would run; measure nothing.")]
SummaryChars = Annotated[
    str,
    typer.Option(
        "-r",
        metavar="CHARS",
        help="Outcomes to sum up: f failed, E error, s skipped, i inconclusive, p passed, a all but passed, A all.",
    ),
]
Durations = Annotated[int | None, typer.Option("--durations", metavar="N", min=0, help="The N slowest parts; 0: all.")]


def with_model_options(*without: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A command whose parameter `options` stands for all options on how models are found and measured.

    `without`: names of those that make no sense for it. A parameter `engine` stands in the same way for those on how
    much runs at once, and where. Faulty settings are refused before the command starts. A
    command that has a parameter `context` gets typer's.
    """

    def extend(command: Callable[..., None]) -> Callable[..., None]:
        own = dict(inspect.signature(command, eval_str=True).parameters)
        shared = dict(inspect.signature(_model_options, eval_str=True).parameters)
        asks_engine = own.pop("engine", None) is not None
        engine = dict(inspect.signature(_engine_options, eval_str=True).parameters) if asks_engine else {}
        del own["options"]
        for name in without:
            del shared[name]
        asks = own.pop("context", None) is not None

        @functools.wraps(command)
        def run(context: typer.Context, **given: Any) -> None:
            with configured(context):
                options = _model_options(**{name: given.pop(name) for name in shared})
                if engine:
                    given["engine"] = _engine_options(**{name: given.pop(name) for name in engine})
                command(**given, options=options, **({"context": context} if asks else {}))

        context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
        every = [context, *own.values(), *engine.values(), *shared.values()]
        keywords = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in every]
        run.__signature__ = inspect.Signature(keywords)  # type: ignore[attr-defined]
        run.__annotations__ = {}
        del run.__wrapped__
        return run

    return extend


def _model_options(
    signals: Signals = None,
    probes: Probes = "provcheck-v1",
    device: Device = "auto",
    dtype: Dtype = "auto",
    memory: Memory = None,
    revision: Revision = None,
    offline: Offline = False,
    allow_pickle: AllowPickle = False,
    trust_remote_code: TrustRemoteCode = False,
    no_cache: NoCache = False,
    store: Store = None,
    max_requests: MaxRequests = 1_000,
    isolate: Isolate = True,
) -> ModelOptions:
    """The one place where these options become an object. Raises UsageError."""
    from provcheck.measuring import ModelOptions, read_signals

    return ModelOptions(
        revision=revision,
        offline=offline,
        allow_pickle=allow_pickle,
        trust_remote_code=trust_remote_code,
        device=device,
        dtype=dtype,
        probes=probes,
        cache=not no_cache,
        store=store,
        max_requests=max_requests,
        memory_bytes=memory,
        signals=read_signals(signals),
        isolate=isolate,
    )


def _engine_options(
    engine: EngineName = "auto",
    jobs: Jobs = 1,
    threads: Threads = 4,
    retries: Retries = 2,
    address: Address = None,
    gpu_memory: GpuMemory = "80GiB",  # type: ignore[assignment]  # typer parses it
) -> EngineOptions:
    """The one place where these options become an object. Raises UsageError."""
    from provcheck.engines import EngineOptions

    return EngineOptions(engine, jobs, threads, retries, address, gpu_memory)
