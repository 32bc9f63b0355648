"""`provcheck doctor`: what this machine can run, and what is missing."""

from __future__ import annotations

import typer


def doctor_command() -> None:
    """Say what this machine can run, and what is missing."""
    from provcheck.doctor import examine

    findings = examine()
    for finding in findings:
        typer.echo(f"{'ok     ' if finding.ok else 'MISSING'}  {finding.what:<14} {finding.detail}")
    raise typer.Exit(0 if all(finding.ok or finding.optional for finding in findings) else 1)
