"""What the hostile tests share with those of the Hub."""

from tests.targets.test_hub import hub

__all__ = ["hub"]
