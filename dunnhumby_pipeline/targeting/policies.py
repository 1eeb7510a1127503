"""Policies: rules that say, from an estimated effect, which households to target."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dunnhumby_pipeline.contracts.names import FIRST_ELIGIBLE, NEVER_TARGETED, SEQUENTIAL
from dunnhumby_pipeline.contracts.outcomes import AMOUNTS
from dunnhumby_pipeline.settings import ABOVE_BREAKEVEN, TREAT_ALL, TREAT_NONE, TrialSettings, top_policy

Array = NDArray[np.float64]
Selection = NDArray[np.bool_]


class PolicyError(Exception):
    """No policy can be judged on this study. The message names the setting that stands in the way."""


def require_grounds(trial: TrialSettings) -> None:
    """Raise PolicyError unless a study with these settings can say what targeting is worth.

    It cannot when its controls were chosen by what they bought later, and when its outcome is not in $.
    """
    if trial.design == NEVER_TARGETED:
        raise PolicyError(
            f"trial.design is {NEVER_TARGETED!r}, which chooses controls by what they bought during the campaign and "
            "compares look-backs of unequal length: it is there for comparison, and no policy is judged on it; "
            "`dunnhumby report` shows the rest. Set "
            f"trial.design to {SEQUENTIAL!r} or {FIRST_ELIGIBLE!r}."
        )
    if trial.outcome not in AMOUNTS:
        raise PolicyError(
            f"trial.outcome is {trial.outcome!r}, and a policy's value needs an outcome in $. Set trial.outcome to "
            f"one of {', '.join(AMOUNTS)}."
        )


@dataclass(frozen=True)
class Policy:
    """`select(cate, rng)` marks the households to target; `rng` breaks ties among equal effects."""

    name: str
    select: Callable[[Array, np.random.Generator], Selection]


def top_share(share: float) -> Callable[[Array, np.random.Generator], Selection]:
    """Selects the `share` of households with the largest effects; equal effects are drawn at random."""

    def select(cate: Array, rng: np.random.Generator) -> Selection:
        n_targeted = round(share * len(cate))
        order = np.lexsort((rng.random(len(cate)), -cate))
        selected = np.zeros(len(cate), dtype=bool)
        selected[order[:n_targeted]] = True
        return selected

    return select


def policies(breakeven: float, top_shares: tuple[float, ...]) -> tuple[Policy, ...]:
    """Treat none, treat all, effect above `breakeven` ($), and the top shares."""
    return (
        Policy(TREAT_NONE, lambda cate, rng: np.zeros(len(cate), dtype=bool)),
        Policy(TREAT_ALL, lambda cate, rng: np.ones(len(cate), dtype=bool)),
        Policy(ABOVE_BREAKEVEN, lambda cate, rng: cate > breakeven),
        *(Policy(top_policy(share), top_share(share)) for share in top_shares),
    )


def policy_called(name: str, available: tuple[Policy, ...]) -> Policy:
    """The policy called `name`; ValueError naming the setting and the choices when there is none."""
    for policy in available:
        if policy.name == name:
            return policy
    choices = ", ".join(policy.name for policy in available)
    raise ValueError(f"policy.chosen is {name!r}; expected one of {choices}")
