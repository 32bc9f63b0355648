"""What the hostile tests share with those of the Hub."""

from tests.subject.test_hub import hub

__all__ = ["hub"]
