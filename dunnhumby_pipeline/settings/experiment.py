"""Settings of the randomised experiment that settles what the study leaves open."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from dunnhumby_pipeline.settings.section import Section


class ExperimentSettings(Section):
    """How the households that are to be tested are randomised."""

    power: float = Field(0.8, ge=0.5, lt=1, description="chance of finding the smallest effect that matters")
    contact_share: float = Field(0.5, ge=0.05, le=0.95, description="share of the tested households that is contacted")
    size: Literal["all", "optimum"] = Field(
        "all", description="randomise all households to be tested, or as many as are worth most over their cost"
    )
    spend_quantiles: int = Field(4, ge=1, le=20, description="levels of spend that strata are made of, by segment")
    n_sizes: int = Field(40, ge=5, le=500, description="sizes for which power and value of information are given")
    n_looks: int = Field(3, ge=0, le=20, description="looks before the end that are planned, equally spaced")
    exploration: float = Field(
        0.0,
        ge=0,
        le=0.5,
        description="share of the households to leave that is contacted all the same, and of those to target that is "
        "held out, at random, so that the next campaign has both arms of all (epsilon-greedy); 0: none",
    )
    sample_ratio_p: float = Field(
        0.001, gt=0, lt=0.1, description="p-value of a sample-ratio mismatch below which a result is refused"
    )
