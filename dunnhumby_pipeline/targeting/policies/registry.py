"""The policies that are compared. One more is one file beside this and one entry here."""

from __future__ import annotations

from dunnhumby_pipeline.settings import CURRENT_PRACTICE, PolicySettings, SettingsError
from dunnhumby_pipeline.settings.renamed import hint
from dunnhumby_pipeline.targeting.policies.above_break_even import AboveBreakEven
from dunnhumby_pipeline.targeting.policies.base import Policy
from dunnhumby_pipeline.targeting.policies.by_segment import ByNeed, BySegment
from dunnhumby_pipeline.targeting.policies.cautious import Conservative, RiskAdjusted
from dunnhumby_pipeline.targeting.policies.current_practice import CurrentPractice
from dunnhumby_pipeline.targeting.policies.everybody import Everybody
from dunnhumby_pipeline.targeting.policies.minimax_regret import MinimaxRegret
from dunnhumby_pipeline.targeting.policies.nobody import Nobody
from dunnhumby_pipeline.targeting.policies.top_share import TopShare
from dunnhumby_pipeline.targeting.policies.tree import PolicyTree
from dunnhumby_pipeline.targeting.policies.within_limits import WithinBudget, WithinCapacity

_SIMPLE: tuple[type[Policy], ...] = (Nobody, Everybody, AboveBreakEven, TopShare)
_BY_EFFECT: tuple[type[Policy], ...] = (WithinBudget, WithinCapacity, Conservative, RiskAdjusted)
_BY_OUTCOME: tuple[type[Policy], ...] = (CurrentPractice, MinimaxRegret, BySegment, ByNeed, PolicyTree)
KINDS: tuple[type[Policy], ...] = (*_SIMPLE, *_BY_EFFECT, *_BY_OUTCOME)


def policies(settings: PolicySettings) -> tuple[Policy, ...]:
    """Every policy that the settings ask for, in the order of the tables."""
    return tuple(policy for kind in KINDS for policy in kind.from_settings(settings))


def require_known(settings: PolicySettings, where: str) -> None:
    """Raise SettingsError, which says `where`, when policy.chosen names no policy that the list could follow."""
    try:
        chosen_policy(settings)
    except SettingsError as error:
        raise SettingsError(f"a setting cannot be used: {error} ({where})") from error


def chosen_policy(settings: PolicySettings) -> Policy:
    """The policy that the list follows; SettingsError naming the setting and the choices when there is none.

    What was done is not among them: it says nothing of whom to target next.
    """
    available = {policy.name: policy for policy in policies(settings) if policy.name != CURRENT_PRACTICE}
    if settings.chosen not in available:
        said = hint("policy.chosen", settings.chosen, [])
        expected = f"expected one of {', '.join(available)}"
        raise SettingsError("; ".join(filter(None, [f"policy.chosen is {settings.chosen!r}", said, expected])))
    return available[settings.chosen]
