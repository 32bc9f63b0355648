"""Kinds of checks, one file each, behind one table: a new kind is a file and a line.

The discriminated union, the JSON Schema, error messages and `provcheck policy list` are derived from the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from provcheck.policy.rule import Rule

TABLE = {
    "coverage-at-least": "coverage_at_least:CoverageAtLeast",
    "safetensors-only": "safetensors_only:SafetensorsOnly",
    "weights-hashed": "weights_hashed:WeightsHashed",
    "probe-set": "probe_set:ProbeSetIs",
    "claimed-base-supported": "claimed_base_supported:ClaimedBaseSupported",
    "not-related-to": "not_related_to:NotRelatedTo",
    "must-descend-from": "must_descend_from:MustDescendFrom",
    "identical-only-to-itself": "identical_only_to_itself:IdenticalOnlyToItself",
    "no-signs-of-disguise": "no_signs_of_disguise:NoSignsOfDisguise",
    "serves-reference": "serves_reference:ServesReference",
    "licenses-of-relatives": "licenses_of_relatives:LicensesOfRelatives",
}
"""Kind, as policies name it -> module of this folder and class."""


def _find(place: str) -> type[Rule]:
    module, _, name = place.partition(":")
    kind: type[Rule] = getattr(import_module(f"{__name__}.{module}"), name)
    return kind


KINDS: Mapping[str, type[Rule]] = {kind: _find(place) for kind, place in TABLE.items()}
"""Every kind of check; the docstring of its class says what it checks."""
