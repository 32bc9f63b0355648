"""Attacks with the tool's own code in hand: gradient descent on the weights against what provcheck measures.

`evading` starts from a copy or a relative of the victim, and lowers what makes the two alike; `forging` starts from a
model that has nothing to do with the victim, and raises it. Both keep within a bound on the function.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from provcheck.probes import load_probes
from reference_embeddings.recipe.anatomy import ANATOMIES
from reference_embeddings.recipe.folder import Model, load_model

from . import able_surrogate, weights_surrogate
from .able_surrogate import AbleView
from .attack import SEED, Attack, DoesNotApply
from .descending import Function, batches, descend
from .on_weights import evasion, replace_weights
from .weights_surrogate import Views, WeightsView

STEPS = 150
QUESTIONS = 4
"""In each step."""

ENOUGH, FORGED = 0.05, 0.6
"""An evasion does not lower a likeness further, since strangers have as much; a forgery does not raise it further."""

Likeness = Callable[[], torch.Tensor]
"""How alike the attacked model and the victim are now, 0 to 1; differentiable."""
Aim = Callable[[Model, Model], Likeness]
"""From the attacked model and the victim."""


def evading(victim: Path, bound: float, steps: int = STEPS) -> tuple[Attack, ...]:
    """Attacks on a copy or a relative of the victim. `bound`: nats a token by which its predictions may move."""
    hide = evasion("permute-residual", "permute-neurons", "rotate-residual")

    def of(name: str, what: str, *aims: Aim, rewrites: tuple[Callable[[Path], None], ...] = ()) -> Attack:
        change = partial(_attack, victim=victim, aims=aims, forges=False, bound=bound, steps=steps, rewrites=rewrites)
        return Attack(f"evade-{name}", f"descent on {what}, at most {bound:g} nats a token", change, False)

    return (
        of("able", "the likeness in ABLE", able),
        of("anchored", "the anchored match", same_neurons(WeightsView.anchored)),
        of("intrinsic", "the intrinsic match", same_neurons(WeightsView.intrinsic)),
        of("all", "all three at once, then rotated and reordered", *EVERYTHING, rewrites=(hide,)),
    )


def forging(victim: Path, bound: float, steps: int = STEPS) -> tuple[Attack, ...]:
    """Attacks on a model independent of the victim, which shall look like its descendant. `bound` as in `evading`."""

    def of(name: str, what: str, *aims: Aim) -> Attack:
        change = partial(_attack, victim=victim, aims=aims, forges=True, bound=bound, steps=steps, rewrites=())
        return Attack(f"forge-{name}", f"ascent on {what}, at most {bound:g} nats a token", change, False, forges=True)

    return (
        of("able", "the likeness in ABLE", able),
        of("anchored", "the anchored match", paired_neurons(WeightsView.anchored)),
        of("intrinsic", "the intrinsic match", paired_neurons(WeightsView.intrinsic)),
        of("two", "the likeness in ABLE and the intrinsic match", able, paired_neurons(WeightsView.intrinsic)),
        of("all", "all three at once", able, *map(paired_neurons, (WeightsView.anchored, WeightsView.intrinsic))),
    )


def able(attacked: Model, victim: Model) -> Likeness:
    """The contrast view, on a few questions at a time."""
    questions = load_probes().questions
    view, target = AbleView(attacked, questions), AbleView(victim, questions).all_contrasts()
    chosen = batches([number for number in view.numbers if number in target], QUESTIONS, SEED)
    return lambda: able_surrogate.likeness(view.contrasts(next(chosen), differentiable=True), target)


def same_neurons(see: Callable[[WeightsView], Views]) -> Aim:
    """Neurons of the same number in both."""

    def aim(attacked: Model, victim: Model) -> Likeness:
        view, target = WeightsView(attacked), weights_surrogate.detached(see(WeightsView(victim)))
        own = see(view)
        if [one.shape for one in own.read] != [one.shape for one in target.read]:
            raise DoesNotApply("its blocks are not those of the victim")
        return lambda: weights_surrogate.likeness(see(view), target)

    return aim


def paired_neurons(see: Callable[[WeightsView], Views]) -> Aim:
    """Each neuron with the one of the victim's that it is most like at the start, block by block."""

    def aim(attacked: Model, victim: Model) -> Likeness:
        view, other = WeightsView(attacked), see(WeightsView(victim))
        places, target = weights_surrogate.paired(weights_surrogate.detached(see(view)), other)
        return lambda: weights_surrogate.closeness(see(view), target, places)

    return aim


EVERYTHING: tuple[Aim, ...] = (able, same_neurons(WeightsView.anchored), same_neurons(WeightsView.intrinsic))


def _attack(
    folder: Path,
    *,
    victim: Path,
    aims: tuple[Aim, ...],
    forges: bool,
    bound: float,
    steps: int,
    rewrites: tuple[Callable[[Path], None], ...],
) -> None:
    """Descend on the aims, or climb where it forges, and write the folder anew."""
    torch.manual_seed(SEED)
    attacked, other = opened(folder), opened(victim)
    likenesses = [aim(attacked, other) for aim in aims]

    def loss(_: int) -> torch.Tensor:
        found = torch.stack([one() for one in likenesses])
        return (FORGED - found if forges else found - ENOUGH).relu().mean()

    descend(attacked.network, loss, Function(attacked), bound, steps)
    replace_weights(folder, attacked.network)
    for one in rewrites:
        one(folder)


def opened(folder: Path) -> Model:
    """A model folder, with attention that can be differentiated twice."""
    model = load_model(folder)
    if model.network.config.model_type not in ANATOMIES:
        raise DoesNotApply(f"the parts of {model.network.config.model_type} are not known")
    model.network.set_attn_implementation("eager")
    model.network.requires_grad_(False)
    return model
