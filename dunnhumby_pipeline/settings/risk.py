"""Settings of who is about to fall, and who fell."""

from __future__ import annotations

from pydantic import Field

from dunnhumby_pipeline.settings.section import Section


class RiskSettings(Section):
    """Households of value that may fall in the next quarter, and those that fell in the last."""

    quarter_days: int = Field(84, ge=28, le=182, description="days of a quarter, whose spend is compared with the next")
    step_days: int = Field(28, ge=7, description="days between the ends of the quarters that are learned from")
    history_days: int = Field(364, ge=28, description="most days before a quarter's end that a forecast looks back on")
    max_quarters: int = Field(13, ge=2, description="most quarters, a step apart, that are learned from")
    value_share: float = Field(
        0.5, gt=0, le=1, description="households of value: this share of those who bought, by spend in the quarter"
    )
    fall: float = Field(0.4, gt=0, le=1, description="fall of spend from one quarter to the next, as a share")
    list_share: float = Field(
        0.1, gt=0, le=1, description="share of the households of value that the list of those at risk holds"
    )
    holdout_share: float = Field(
        0.2, gt=0, lt=1, description="chance of a listed household to be left alone, so that a win-back can be measured"
    )
    effect_to_find: float = Field(
        0.25,
        gt=0,
        le=1,
        description="share of the loss that a win-back must save to be found: the size needed is for this",
    )
    min_falls: int = Field(
        20, ge=5, description="fewest households that fell, and that did not, from which a forecast is learned"
    )
    max_households: int = Field(
        20_000, ge=1000, description="most households learned from in each quarter; of more, every n-th one"
    )
    n_bins: int = Field(10, ge=2, le=50, description="bins of households in the calibration table")
    n_bootstraps: int = Field(200, ge=20, description="bootstrap draws of households behind intervals")
