"""The version of provcheck; a module of its own, so that the lowest layers can import it."""

__version__ = "0.1.0"
