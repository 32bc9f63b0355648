"""provcheck: where do this language model's weights come from?

Data flows one way, and each arrow is one module:

    model id -> Subject -> Measurement -> Comparison (one per reference) -> Verdict + Lineage -> Checks -> Report
         subject     measurement     comparison                   verdict   lineage   policy    rendering

`types` holds the objects, `pipeline.audit` is the whole flow, `source` finds and measures a model, `cache` keeps what
was measured before, `bank` holds the reference models, `banking` makes banks, `store` reads and writes measurement
files, `data` knows where the shipped files lie, `cli` has one file per command. `verification` repeats a report,
`signing` signs it, `pytest_plugin` is for release suites. Imports go downward only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from provcheck.bank import load_bank
    from provcheck.errors import ProvcheckError
    from provcheck.pipeline import AuditOptions, audit, compare_models
    from provcheck.probes import load_probes
    from provcheck.source import measure_model
    from provcheck.store import load_measurement, save_measurement

_HOME = {
    "AuditOptions": "pipeline",
    "audit": "pipeline",
    "compare_models": "pipeline",
    "measure_model": "source",
    "load_bank": "bank",
    "load_probes": "probes",
    "load_measurement": "store",
    "save_measurement": "store",
    "ProvcheckError": "errors",
}

__version__ = "0.1.0"
__all__ = [
    "AuditOptions",
    "ProvcheckError",
    "audit",
    "compare_models",
    "load_bank",
    "load_measurement",
    "load_probes",
    "measure_model",
    "save_measurement",
]


def __getattr__(name: str) -> Any:
    """Import public names when they are first used, so that `provcheck --help` stays fast."""
    if name not in _HOME:
        raise AttributeError(f"module 'provcheck' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(f"provcheck.{_HOME[name]}"), name)
