"""What a bank says of itself that one of several shards built: which part it is, and of what."""

from __future__ import annotations

from provcheck.types import Record

PART_FILE = "part.json"
"""In the folder of a part, beside manifest.json, which lists its digest."""


class Part(Record):
    """A shard of a manifest.

    shard: such as `2/8`. models: the ids of the whole manifest, in its order. failures: the models of this shard that
    could not be measured, with the reason.
    """

    shard: str
    models: tuple[str, ...]
    failures: dict[str, str]
