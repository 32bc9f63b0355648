"""A model as a folder in the Hugging Face layout, written whole or not at all."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import yaml

from .corpus import Corpora
from .plan import Member, Scale


@dataclass(frozen=True)
class Model:
    """A network, its tokenizer, and what is worth writing down about how it was made."""

    network: Any
    tokenizer: Any
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Context:
    """What a mechanism may use besides the parents: the scale, the corpora, where models lie, and its own seed.

    `init` is the root whose random weights a root starts from, where it has none of its own.
    """

    scale: Scale
    corpora: Corpora
    out: Path
    seed: int
    device: str = "cpu"
    init: Member | None = None

    def steps(self, steps: int) -> int:
        """A number of steps of the yaml at this scale."""
        return max(1, round(steps * self.scale.steps_factor))

    def parent(self, name: str) -> Model:
        """A model that was made before."""
        return load_model(self.out / name, self.device)


def load_model(folder: Path, device: str = "cpu") -> Model:
    """Read a model folder, in float32."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    network = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return Model(network.to(device).eval(), AutoTokenizer.from_pretrained(folder))


def write_model(model: Model, member: Member, out: Path, license_name: str) -> Path:
    """Write the folder beside its place and move it there in one step."""
    half, whole = out / f".{member.name}.tmp", out / member.name
    shutil.rmtree(half, ignore_errors=True)
    network = model.network.half()
    broken = [name for name, value in network.state_dict().items() if not torch.isfinite(value).all()]
    if broken:
        raise FloatingPointError(f"{member.name}: not finite in float16: {', '.join(broken[:3])}")
    network.save_pretrained(half)
    model.tokenizer.save_pretrained(half)
    (half / "README.md").write_text(model_card(member, license_name), encoding="utf-8")
    (half / "training.json").write_text(json.dumps(model.facts, indent=1) + "\n", encoding="utf-8")
    half.replace(whole)
    return whole


def model_card(member: Member, license_name: str) -> str:
    """A short model card: front matter as the Hub reads it, then what was done."""
    front: dict[str, Any] = {"license": license_name, "library_name": "transformers", "tags": ["provcheck-zoo"]}
    if member.parents:
        front["base_model"] = [f"zoo/{parent}" for parent in member.parents]
    said = member.parameters | ({"init": member.init} if member.init else {})
    details = yaml.safe_dump({member.mechanism: said}, sort_keys=False)
    head = yaml.safe_dump(front, sort_keys=False)
    return f"---\n{head}---\n# {member.name}\n\nA model of the provcheck zoo.\n\n```yaml\n{details}```\n"
