"""What can go wrong, as one tree.

ProvcheckError            has a message, a hint on what to do next, and an exit code
├── UsageError            a flag or argument that makes no sense
├── SubjectError          the model to audit cannot be used
│   ├── SubjectNotFound   no such folder, file, repository or revision; or no access to it
│   ├── UnsupportedModel  not a causal language model, no usable tokenizer
│   ├── UnsafeModel       would run code or unpickle; needs an explicit flag
│   ├── TooLarge          needs more memory than there is
│   └── BrokenModel       truncated, corrupt or mismatched weights; NaN in the outputs
├── ProbeError            a probe folder that does not follow the schema
├── MeasurementFileError  a measurement file that is broken or changed
├── BankError             a bank that is unknown, broken or changed
├── IncompatibleError     two measurements that must not be compared
├── StudyError            a bank that has too little for a study
├── PolicyError           a policy file that does not follow the schema
└── OutputError           a report that cannot be written

The tree is caught once, in `provcheck.cli.main`.
"""

from __future__ import annotations

from provcheck.types import ExitCode


class ProvcheckError(Exception):
    """An error that the user can act on: `message` says what is wrong and where, `hint` what to do next."""

    exit_code = ExitCode.USAGE_ERROR

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(ProvcheckError):
    """A flag or argument that makes no sense."""


class SubjectError(ProvcheckError):
    """The model to audit cannot be used."""


class SubjectNotFound(SubjectError):
    """No such folder, file, repository or revision, or no access to it."""


class UnsupportedModel(SubjectError):
    """Not a causal language model, or without a usable tokenizer."""


class UnsafeModel(SubjectError):
    """Loading it would run code or unpickle, which needs an explicit flag."""


class TooLarge(SubjectError):
    """Needs more memory than there is."""


class BrokenModel(SubjectError):
    """Truncated, corrupt or mismatched weights, or NaN in the outputs."""


class ProbeError(ProvcheckError):
    """A probe folder that does not follow the schema."""


class MeasurementFileError(ProvcheckError):
    """A measurement file that is broken or was changed."""


class BankError(ProvcheckError):
    """A bank that is unknown, broken or was changed."""


class IncompatibleError(ProvcheckError):
    """Two measurements that must not be compared: their probe sets or algorithms differ."""


class StudyError(ProvcheckError):
    """A bank, or the models named beside it, that has too little for a study."""


class PolicyError(ProvcheckError):
    """A policy file that does not follow the schema."""


class OutputError(ProvcheckError):
    """A file that cannot be written."""
