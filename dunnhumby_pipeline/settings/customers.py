"""Settings of segments, profiles, lifetime value and migration."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from dunnhumby_pipeline.settings.section import Section


class SegmentationSettings(Section):
    """Features, factors and segments."""

    feature_groups: tuple[Literal["recency", "frequency", "monetary", "behaviour", "category", "time"], ...] = Field(
        ("recency", "frequency", "monetary", "behaviour", "category", "time"),
        min_length=1,
        description="groups of features that are factored",
    )
    twin_correlation: float = Field(
        0.9, gt=0, le=1, description="correlation within a group at which the later of two features is left out"
    )
    treatment: Literal["percentile", "log"] = Field(
        "percentile", description="how heavy tails are tamed: 'percentile' or 'log'"
    )
    n_factors: int | None = Field(
        None, ge=2, le=15, description="NMF factors; without it, chosen by stability first and then by the elbow"
    )
    n_segments: int | None = Field(
        None, ge=2, le=20, description="segments; without it, the most that come back on other households"
    )
    max_factors: int = Field(10, ge=2, le=15, description="largest number of factors in the factor scan")
    segment_range: tuple[int, int] = Field((3, 10), description="fewest and most segments among the candidates")
    n_bootstraps: int = Field(25, ge=2, description="bootstrap refits behind the stability metrics")
    n_factor_refits: int = Field(10, ge=0, description="refits on half of the households behind the factor scan")
    factor_stability_floor: float = Field(
        0.95, ge=0, le=1, description="correlation with its refits that the worst factor of a stable number reaches"
    )
    stability_target: float = Field(
        0.8, ge=0, le=1, description="cold ARI that three of four refits must reach for segments to be added"
    )
    min_segments: int = Field(4, ge=2, le=20, description="fewest segments that are worth a campaign of their own")
    min_share: float = Field(0.04, ge=0, lt=0.5, description="smallest useful segment, as a share of households")
    mixtures: bool = Field(True, description="also score Gaussian mixtures, as a second opinion")
    min_jaccard: float = Field(
        0.5, gt=0, le=1, description="overlap with its match of the run before under which a segment gets a new name"
    )
    max_households: int = Field(
        20_000, ge=100, description="most households fitted; of more, that many are drawn, and all are scored"
    )

    @field_validator("segment_range")
    @classmethod
    def _range_is_one(cls, found: tuple[int, int]) -> tuple[int, int]:
        if not 2 <= found[0] <= found[1] <= 20:
            raise ValueError(
                f"segmentation.segment_range must be two numbers from 2 to 20, the smaller first, found {list(found)}"
            )
        return found


class ProfileSettings(Section):
    """How segments are described."""

    tier_shares: tuple[float, float] = Field(
        (0.2, 0.3), description="shares of households in the high and the mid value tier; the rest are low"
    )
    min_department_share: float = Field(
        0.002, ge=0, lt=1, description="departments with a smaller share of all sales are not ranked by lift"
    )

    @field_validator("tier_shares")
    @classmethod
    def _tiers_leave_a_rest(cls, shares: tuple[float, float]) -> tuple[float, float]:
        if min(shares) <= 0 or sum(shares) >= 1:
            raise ValueError(
                f"profile.tier_shares must be above 0 and leave a low tier (sum below 1), found {list(shares)}"
            )
        return shares


class StatusSettings(Section):
    """Where each household stands: its stage as a customer, and its habit with discounts."""

    new_days: int = Field(
        84,
        ge=7,
        description="days since the first visit within which a household is new, after as long a time without it",
    )
    lapsing_days: int = Field(
        28, ge=7, description="days away from which a household may be lapsing; who comes more rarely is given longer"
    )
    lapsing_gaps: float = Field(
        2.0, ge=1, description="times its usual days between visits that a lapsing household has stayed away"
    )
    lapsed_days: int = Field(
        84, ge=14, description="days away from which a household is lapsed, however rarely it came"
    )
    habit_shares: tuple[float, float] = Field(
        (0.25, 0.25),
        description="shares of households called 'full price' and 'deals': those who buy the smallest, and the "
        "largest, share of lines at a discount",
    )

    @field_validator("habit_shares")
    @classmethod
    def _habits_leave_a_middle(cls, shares: tuple[float, float]) -> tuple[float, float]:
        if min(shares) <= 0 or sum(shares) >= 1:
            raise ValueError(
                f"status.habit_shares must be above 0 and leave a middle (sum below 1), found {list(shares)}"
            )
        return shares

    @model_validator(mode="after")
    def _lapsing_comes_before_lapsed(self) -> StatusSettings:
        if self.lapsing_days >= self.lapsed_days:
            raise ValueError(
                f"status.lapsing_days must be below status.lapsed_days, found {self.lapsing_days} and "
                f"{self.lapsed_days}"
            )
        return self


class ActionSettings(Section):
    """What to do with segments and households."""

    test_days: int = Field(56, ge=7, le=364, description="days over which the test that a brief proposes is read")


class LifetimeValueSettings(Section):
    """Customer lifetime value."""

    forecast: Literal["stacked", "stacked_absolute", "naive", "model", "nbd", "smoothed", "boosted"] = Field(
        "stacked",
        description="what lifetime value is by: 'naive' as before, 'model' BG/NBD and 'nbd' NBD with Gamma-Gamma, "
        "'smoothed' weekly spend, 'boosted' trees; 'stacked' weighs them together for the mean, 'stacked_absolute' for "
        "the smallest absolute error",
    )
    min_households: int = Field(30, ge=10, description="fewest households from which the models are estimated")
    max_households: int = Field(
        50_000, ge=1000, description="most households the models are estimated from; of more, every n-th one"
    )
    # CDNOW's customers leave after one trip in four; at one in 200 a weekly shopper stays for years.
    min_dropout: float = Field(
        0.005,
        ge=0,
        lt=1,
        description="mean chance of leaving after a trip under which nobody is known to leave: BG/NBD is then left out",
    )
    min_spend_shape: float = Field(
        1.05, ge=1, description="shape q of spend per trip under which its mean over households is next to infinite"
    )
    n_bins: int = Field(
        10, ge=2, le=50, description="bins of households by forecast: of the calibration table and of the intervals"
    )


class MigrationSettings(Section):
    """Segments over rolling look-backs."""

    step_days: int = Field(28, ge=7, description="days between the ends of two periods")
    look_back_days: int = Field(84, ge=28, description="days that each period covers")
    noise_pairs: int = Field(
        4, ge=1, description="most pairs of periods of a kind from which noise is measured; of more, evenly spread"
    )
    smoothing_weight: float | None = Field(
        None,
        gt=0,
        le=1,
        description="weight of the latest 28 days in a household's smoothed segment, 1 for no smoothing; without it, "
        "the weight that forecasts the next period best",
    )
    hysteresis: float = Field(
        0.5,
        ge=0,
        le=5,
        description="standard errors by which a household must lie beyond a border before its smoothed segment changes",
    )
    move_confidence: float = Field(
        0.95,
        gt=0,
        lt=1,
        description="share of households that, without any change, would differ less than one that counts as moved",
    )
