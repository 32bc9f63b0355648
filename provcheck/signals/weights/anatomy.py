from dataclasses import dataclass
from typing import Any
@dataclass(frozen=True)
class Neurons:
    read: Any
    gate: Any
    write: Any
@dataclass(frozen=True)
class Heads:
    query: Any
    key: Any
    value: Any
    output: Any
class Anatomy: ...
def dissect(t,c): ...
