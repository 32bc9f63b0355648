"""The reference of the Python functions and types: mkdocstrings reads them off the public names of the package."""

from __future__ import annotations

import provcheck

INTRODUCTION = """# In Python, every name

The public names: `import provcheck` gives all of them, and loads what a name needs when it is first used.
"""


def api_page() -> str:
    """The page, in Markdown; mkdocstrings fills it."""
    names = [name for name in provcheck.__all__ if name != "__version__"]
    return "\n".join([INTRODUCTION, *(f"::: {getattr(provcheck, name).__module__}.{name}\n" for name in names)])
