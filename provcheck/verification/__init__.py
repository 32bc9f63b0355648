"""Does a report repeat? Its inputs are checked against what it states, and the model is measured and judged again.

steps        one line per check: passed, failed, or skipped with the reason; the file's own check, and the conclusion
inputs       what the report was made with: program, bank, probe set, judge, policy, published numbers, the model
beside       the references at hand of a report, measured again
differences  where two reports differ, and how far numbers may lie apart
repetition   the old report compared with the new one
restating    what must follow from the report's own numbers, where these have moved
content      parts of a report in a form that can be compared; command: the command in it
flow         all of it, in order

Nothing is taken from the cache, and nothing in a report is ever used as a path on this machine.
"""

from provcheck.verification.flow import VerifyOptions, verify
from provcheck.verification.steps import conclusion, exit_code

__all__ = ["VerifyOptions", "verify", "conclusion", "exit_code"]
