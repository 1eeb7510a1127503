"""Settings of the policies that are compared, and their names."""

from __future__ import annotations

from pydantic import Field, model_validator

from dunnhumby_pipeline.settings.section import Section

TREAT_NONE, TREAT_ALL, ABOVE_BREAK_EVEN = "treat_none", "treat_all", "effect_above_break_even"
CURRENT_PRACTICE, MINIMAX_REGRET = "current_practice", "minimax_regret"
BUDGET, CAPACITY, CONSERVATIVE = "within_budget", "within_capacity", "lower_bound_above_break_even"
BY_SEGMENT, BY_NEED, POLICY_TREE = "by_segment", "by_need", "policy_tree"
_RISK_ADJUSTED = "risk_adjusted_"


def top_policy(share: float) -> str:
    """Name of the policy that targets the `share` with the largest effects: 'top_20%'."""
    return f"top_{share:.0%}"


def risk_adjusted_policy(aversion: float) -> str:
    """Name of the policy that weighs the lower bound by `aversion`: 'risk_adjusted_0.3'."""
    return f"{_RISK_ADJUSTED}{aversion:g}"


def ranks(policy: str) -> bool:
    """Whether a policy targets those that come first in a ranking by effect."""
    return policy.startswith("top_") or policy in (BUDGET, CAPACITY)


def needs_interval(policy: str) -> bool:
    """Whether a policy goes by the interval of a household's effect."""
    return policy == CONSERVATIVE or policy.startswith(_RISK_ADJUSTED)


def tells_apart(policy: str) -> bool:
    """Whether a policy goes by effects of single households, which one effect for all does not give."""
    return ranks(policy) or needs_interval(policy)


class PolicySettings(Section):
    """Which households a policy targets."""

    chosen: str = Field(ABOVE_BREAK_EVEN, description="the policy the targeting list follows")
    top_shares: tuple[float, ...] = Field(
        tuple(step / 20 for step in range(1, 20)), description="shares of households that the top-k policies target"
    )
    budget: float | None = Field(
        None, gt=0, description="$ that contacts of one campaign may cost; without it there is no such policy"
    )
    capacity: int | None = Field(
        None, ge=1, description="households that one campaign may reach; without it there is no such policy"
    )
    risk_aversion: tuple[float, ...] = Field(
        (0.3, 0.5, 0.7),
        description="weights, 0 to 1, of the lower bound of a household's effect against its estimate, one policy each",
    )
    n_groups: int = Field(
        10, ge=1, le=50, description="most groups of households by effect that a decision is taken for"
    )
    types_per_round: int = Field(
        1,
        ge=1,
        le=10,
        description="most campaign types that may contact a household in a round, where several are studied",
    )
    curve_steps: int = Field(20, ge=4, le=100, description="points of the ROI curve")
    n_refits: int = Field(
        200, ge=20, description="refits of the policy tree to bootstraps of households, which tell how stable it is"
    )

    @model_validator(mode="after")
    def _shares_are_distinct(self) -> PolicySettings:
        wrong = [share for share in self.top_shares if not 0 < share < 1]
        if wrong:
            raise ValueError(f"policy.top_shares must lie between 0 and 1, found {wrong}")
        if len({top_policy(share) for share in self.top_shares}) < len(self.top_shares):
            raise ValueError(f"policy.top_shares must differ by at least a percent, found {list(self.top_shares)}")
        return self

    @model_validator(mode="after")
    def _aversions_are_weights(self) -> PolicySettings:
        wrong = [aversion for aversion in self.risk_aversion if not 0 <= aversion <= 1]
        if wrong:
            raise ValueError(f"policy.risk_aversion must lie between 0 and 1, found {wrong}")
        if len({risk_adjusted_policy(aversion) for aversion in self.risk_aversion}) < len(self.risk_aversion):
            raise ValueError(f"policy.risk_aversion must name each weight once, found {list(self.risk_aversion)}")
        return self
