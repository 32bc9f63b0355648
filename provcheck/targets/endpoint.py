"""A model behind an endpoint, `https://host/v1#model`: it gives log-probabilities of prompts, and nothing else.

Nothing of it is kept in the cache: the weights behind an address can change.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import numpy as np

from provcheck.checkpoint import Checkpoint
from provcheck.endpoints.address import is_address, read_address
from provcheck.endpoints.client import Client, Refused, Unanswered
from provcheck.endpoints.greeting import Greeted, greet
from provcheck.endpoints.plausibility import check_all
from provcheck.endpoints.scored import log_likelihood
from provcheck.errors import UsageError
from provcheck.measurement import MeasureOptions
from provcheck.observer import Observer
from provcheck.targets.target import FindOptions, OpenTarget, RunsOn, Target
from provcheck.types import Capability, LogLikelihood, Served, Subject, TokenAttributions

REASONS = {
    Capability.WEIGHTS: "an endpoint does not show its weights",
    Capability.GRADIENTS: "an endpoint gives no gradients",
}
WHERE, FORMAT = "an endpoint", "as served"
MAX_FAILURES = 3
"""Texts without an answer, one after another, until the rest is not asked for."""


class EndpointTarget(Target):
    """Answers are asked for anew in every audit."""

    def __init__(self, client: Client, greeted: Greeted) -> None:
        self.subject = Subject(id=client.address.name, source="endpoint", weights_digest=None, weight_format=None)
        self._client, self._greeted = client, greeted

    def lacks(self, capability: Capability) -> str | None:
        """Everything but log-probabilities."""
        return REASONS.get(capability)

    def open(self, how: MeasureOptions, observe: Observer, checkpoint: Checkpoint) -> OpenTarget:
        """There is nothing to load, and nothing is kept."""
        return _OpenEndpoint(self._client, self._greeted, observe)

    def runs_on(self, how: MeasureOptions) -> str:
        """Elsewhere."""
        return f"{WHERE} ({self._greeted.form})"


class _OpenEndpoint:
    """An endpoint that is being measured."""

    def __init__(self, client: Client, greeted: Greeted, observe: Observer) -> None:
        self._client, self._greeted, self._observe = client, greeted, observe
        self._step = 0.0

    def log_likelihoods(self, texts: Sequence[str]) -> list[LogLikelihood | str]:
        """One request a text; as many as are allowed, evenly spaced over all texts."""
        client = self._client
        chosen = spread(len(texts), client.left)
        self._observe.note(f"the endpoint is asked for {len(chosen)} of {len(texts)} texts, a request each")
        found: list[LogLikelihood | str] = [f"not asked for: --max-requests {client.max_requests}"] * len(texts)
        self._observe.start("log-likelihood", len(chosen))
        failures, why = 0, ""
        for place in chosen:
            if failures < MAX_FAILURES:
                found[place], why = self._scored(texts[place])
                failures = failures + 1 if why else 0
            else:
                found[place] = f"not asked for: the server had failed {MAX_FAILURES} times in a row ({why})"
            self._observe.advance()
        self._observe.finish()
        found, self._step = check_all(found)
        return found

    def _scored(self, text: str) -> tuple[LogLikelihood | str, str]:
        """One text, or why not; and why the server failed, if it did, other than by refusing the text."""
        try:
            found = log_likelihood(text, self._greeted.ask(self._client, text))
        except Refused as problem:
            return problem.reason, ""
        except Unanswered as problem:
            return problem.reason, problem.reason
        self._client.tokens += len(found.tokens) + 1
        return found, ""

    def attributions(self, questions: Sequence[tuple[str, Sequence[str]]]) -> list[list[TokenAttributions] | str]:
        """No gradients."""
        return [REASONS[Capability.GRADIENTS] for _ in questions]

    def tensors(self) -> NoReturn:
        """No weights."""
        raise NotImplementedError(REASONS[Capability.WEIGHTS])

    def config(self) -> NoReturn:
        """No weights."""
        raise NotImplementedError(REASONS[Capability.WEIGHTS])

    def token_ids(self, texts: Sequence[str]) -> NoReturn:
        """No weights."""
        raise NotImplementedError(REASONS[Capability.WEIGHTS])

    def runs_on(self) -> RunsOn:
        """What was sent, and what the server's answers look like."""
        client, greeted = self._client, self._greeted
        served = Served(
            form=greeted.form,
            requests=client.requests,
            tokens=client.tokens,
            special_tokens=greeted.specials,
            repeats_nats=greeted.repeats,
            checked=greeted.checked,
            rounded_to_nats=self._step,
        )
        return RunsOn(WHERE, FORMAT, served=served)


def spread(total: int, most: int) -> list[int]:
    """At most that many places of `total`, evenly spaced."""
    count = min(total, most)
    return sorted({int(place) for place in np.linspace(0, total - 1, count)}) if count else []


def find(model: str, options: FindOptions) -> Target | None:
    """The model behind an endpoint, if that is what the name means. Raises UsageError and SubjectError."""
    if not is_address(model):
        return None
    address = read_address(model)
    if not options.max_requests:
        raise UsageError(f"{address.name} is an endpoint, which cannot stand here", "Name a model with its weights.")
    if options.offline:
        raise UsageError(f"{address.name} is an endpoint, and --offline forbids to ask it", "Leave --offline out.")
    if options.revision is not None:
        raise UsageError("an endpoint has no revision", "Leave --revision out.")
    client = Client(address, options.max_requests)
    return EndpointTarget(client, greet(client))
