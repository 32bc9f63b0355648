"""provcheck: where do this language model's weights come from?

Data flows one way, and each arrow is one package:

    model id -> Target -> Measurement -> Comparison (one per reference) -> Verdict + Lineage -> Checks -> Report
         targets    measuring      comparison                     verdict   lineage   policy    rendering

`types` defines the objects, and `pipeline.audit` is the whole flow. `signals` holds the kinds of evidence, one folder
each; all other packages loop over them. `measurement` runs models, `store` and `cache` keep measurements, `bank` holds
the reference models, `building` makes banks, and `evaluation` assesses them offline. `verification` repeats a report,
`attestation` vouches for it, `cli` has one file per command, and `pytest_plugin` serves release test suites. Imports
only go downward; README.md next to this file says why.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from provcheck.version import __version__

if TYPE_CHECKING:
    from provcheck.bank import Bank, load_bank
    from provcheck.errors import ProvcheckError
    from provcheck.lineage.matrix import DistanceMatrix, distance_matrix
    from provcheck.measuring import ModelOptions, measure_model
    from provcheck.observer import Observer
    from provcheck.pairing import compare_models, distance, judge_pair
    from provcheck.pipeline import AuditKeywords, AuditOptions, audit
    from provcheck.plots import plot_map, plot_tree
    from provcheck.probes import load_probes
    from provcheck.report_file import read_report
    from provcheck.store import load_measurement, save_measurement
    from provcheck.types import (
        BankMap,
        Comparison,
        Interval,
        Lineage,
        Measurement,
        NotMeasured,
        PairReport,
        ProbeSet,
        Relation,
        Report,
        Sketch,
        Subject,
        Verdict,
    )

_HOME = {
    "audit": "pipeline",
    "AuditOptions": "pipeline",
    "AuditKeywords": "pipeline",
    "compare_models": "pairing",
    "distance": "pairing",
    "judge_pair": "pairing",
    "measure_model": "measuring",
    "ModelOptions": "measuring",
    "distance_matrix": "lineage.matrix",
    "DistanceMatrix": "lineage.matrix",
    "plot_tree": "plots",
    "plot_map": "plots",
    "load_bank": "bank",
    "Bank": "bank",
    "load_probes": "probes",
    "load_measurement": "store",
    "save_measurement": "store",
    "read_report": "report_file",
    "Observer": "observer",
    "ProvcheckError": "errors",
    **dict.fromkeys(
        (
            "Report",
            "PairReport",
            "Verdict",
            "Relation",
            "Comparison",
            "Measurement",
            "Sketch",
            "NotMeasured",
            "Subject",
            "ProbeSet",
            "Interval",
            "Lineage",
            "BankMap",
        ),
        "types",
    ),
}

__all__ = [
    "__version__",
    "audit",
    "AuditOptions",
    "AuditKeywords",
    "ModelOptions",
    "Observer",
    "Report",
    "Verdict",
    "Relation",
    "Comparison",
    "distance",
    "Interval",
    "distance_matrix",
    "DistanceMatrix",
    "compare_models",
    "judge_pair",
    "PairReport",
    "plot_tree",
    "Lineage",
    "plot_map",
    "BankMap",
    "measure_model",
    "Measurement",
    "Sketch",
    "NotMeasured",
    "Subject",
    "load_measurement",
    "save_measurement",
    "load_bank",
    "Bank",
    "load_probes",
    "ProbeSet",
    "read_report",
    "ProvcheckError",
]


def __getattr__(name: str) -> Any:
    """Import public names when they are first used, so that `provcheck --help` stays fast."""
    if name not in _HOME:
        raise AttributeError(f"module 'provcheck' has no attribute '{name}'")
    return getattr(import_module(f"provcheck.{_HOME[name]}"), name)
