"""The catalogue of published models, and the manifests made from it.

`models.csv` holds facts of two papers. Of the ABLE paper: its 239 models (able-239) with model_type and size. Of the
KL-scale paper: the 87 models of its fine-tuning study with their base models (finetune-87), the 59 of its layer study
(layers-59) and the 14 of its pretraining study (pretraining-14), with the series it sorts them into. Empty: the
papers do not say. Downloads are the papers' counts.

`python -m reference_embeddings.catalog able-239 > reference_embeddings/catalog/able-239.yaml` writes a manifest again.
"""

from __future__ import annotations

import csv
from pathlib import Path

import yaml

Row = dict[str, str]


def read_catalogue() -> list[Row]:
    """The rows of models.csv."""
    with (Path(__file__).parent / "models.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def manifest(list_name: str) -> str:
    """YAML for `provcheck bank build`: the models of one list; `undocumented` where the papers name no lineage."""
    rows = [row for row in read_catalogue() if list_name in row["lists"].split()]
    models = [
        {
            "id": row["id"],
            "family": row["series"] or row["model_type"] or "others",
            "parents": [row["base_model"]] if row["base_model"] else [],
            "mechanism": _mechanism(row),
        }
        for row in rows
    ]
    return yaml.safe_dump({"name": list_name, "models": models}, sort_keys=False, allow_unicode=True)


def _mechanism(row: Row) -> str:
    """The pretraining study's models are trained from scratch; a base model makes a fine-tune; else not documented."""
    if row["base_model"]:
        return "fine-tune"
    return "from-scratch" if "pretraining-14" in row["lists"].split() else "undocumented"
