"""Is the supplier's claim true? Audit a model, read the verdict, act on the checks, and keep the page."""

from pathlib import Path

import provcheck
from provcheck.rendering.outputs import write_files

OUT = Path("audit")

# Every option of `provcheck audit` is a keyword. The weights alone are read here, which takes seconds.
report = provcheck.audit("demo", claimed_base="zoo/llama-tech-s1", policy="release-gate", signals=["weights"])

verdict = report.verdict
print(f"{report.subject.id}: {verdict.relation} {verdict.reference}")
for reason in verdict.reasons[:2]:
    print("-", reason)

# What could not be checked is `inconclusive`, never passed; the exit code is the gate's.
for check in report.checks:
    print(f"{check.id}: {check.outcome}")
print("exit code", int(report.exit_code))

# The references are nearest first; each signal's values have their unit in their name.
nearest = report.comparisons[0]
match = nearest.signals["weights"]
print(f"nearest: {nearest.reference}, anchored match {getattr(match, 'anchored_match', None):.2f}")

# In a notebook, `report` shows itself, and this is a table of all references.
print(report.to_frame()[["relation", "weights.anchored_match"]].head(3).round(2).to_string())

for path in write_files(report, OUT, ["json", "html"]):
    print("wrote", path)
