"""Benchmarks, which print figures and test nothing: `python -m tests.benchmarks --help`."""
