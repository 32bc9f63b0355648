"""Is anything about the model odd, as if somebody wanted to hide where its weights come from?"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from provcheck.policy.evidence import Evidence
from provcheck.policy.rule import Finding, Name, Rule, any_glob
from provcheck.types import Outcome
from provcheck.wording import listing, plural


class NoSignsOfDisguise(Rule):
    """Nothing about the model is odd as after an attempt to hide its origin; a sign is no proof of one."""

    kind: Literal["no-signs-of-disguise"]
    excluded: tuple[Name, ...] = Field(
        default=(), alias="except", description="globs over the names of signs that do not count, since they are known"
    )

    def describe(self) -> str:
        """One sentence."""
        but = f", other than {listing(self.excluded)}" if self.excluded else ""
        return f"The model shows no sign of disguise{but}."

    def evaluate(self, evidence: Evidence) -> Finding:
        """One sign fails the check; what was not looked at leaves it open."""
        signs = evidence.signs
        if signs is None:
            return Finding(Outcome.INCONCLUSIVE, "signs of disguise were not looked for")
        found = [one for one in signs.found if not any_glob(one.name, self.excluded)]
        if found:
            names = listing([one.name for one in found])
            beside = tuple(dict.fromkeys(one.reference for one in found if one.reference))
            return Finding(
                Outcome.FAILED, f"{plural(len(found), 'sign')} of disguise ({names}): {found[0].finding}", beside
            )
        if signs.not_looked_at:
            missing = [f"{name.replace('-', ' ')} ({why})" for name, why in signs.not_looked_at.items()]
            return Finding(Outcome.INCONCLUSIVE, f"no sign was found, but not looked at: {listing(missing)}")
        return Finding(Outcome.PASSED, f"no sign of disguise in {plural(len(signs.looked_at), 'look')}")
