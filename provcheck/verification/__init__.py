"""Does a report repeat? Every part of it is checked against what it names, measured again and judged again.

steps        one line per check: passed, failed, or skipped with the reason; the file itself, and what follows from all
inputs       what the report was made with: program, bank, probe set, judge, policy, published numbers, the model
differences  what is told apart in two reports, and how far numbers may lie apart
repetition   the old report beside the new one
flow         all of it, in order

Nothing is taken from the cache, and nothing that a report says is used as a path of this machine.
"""

from provcheck.verification.flow import VerifyOptions, verify
from provcheck.verification.steps import conclusion, exit_code

__all__ = ["VerifyOptions", "verify", "conclusion", "exit_code"]
