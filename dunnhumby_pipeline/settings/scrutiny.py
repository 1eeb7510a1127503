"""Settings of what the study could have found, and of what refutes it."""

from __future__ import annotations

from pydantic import Field, model_validator

from dunnhumby_pipeline.settings.section import Section


class PowerSettings(Section):
    """What effects that differ between households could have been found: effects planted in the study's own data."""

    spreads: tuple[float, ...] = Field(
        (0.0, 2.0, 4.0, 6.0, 8.0, 12.0),
        min_length=3,
        description="standard deviations of effects that are planted, in standard errors of the average effect; 0 "
        "gives the size of the tests",
    )
    n_draws: int = Field(60, ge=20, description="draws of each spread in a study")
    n_null_draws: int = Field(200, ge=20, description="draws without any difference in a study")
    n_certified: int = Field(
        400, ge=20, description="draws of each spread in `dunnhumby certify`; five times as many without any difference"
    )
    n_whole: int = Field(
        20, ge=0, description="draws, with a difference and without, that `dunnhumby certify` searches by every learner"
    )
    n_jobs: int = Field(2, ge=1, description="processes that search by every learner; what is found is the same")

    @model_validator(mode="after")
    def _spreads_begin_with_none(self) -> PowerSettings:
        if self.spreads[0] != 0 or any(a >= b for a, b in zip(self.spreads, self.spreads[1:], strict=False)):
            raise ValueError(f"power.spreads must begin with 0 and increase, found {list(self.spreads)}")
        return self


class RefutationSettings(Section):
    """The analysis done again where the answer is known."""

    n_draws: int = Field(8, ge=5, description="draws of each refuter in a study")
    n_certified: int = Field(200, ge=20, description="draws of each refuter in `dunnhumby certify`")
    n_whole: int = Field(
        20, ge=0, description="placebo treatments that `dunnhumby certify` searches by every learner; 0: none"
    )
    n_jobs: int = Field(2, ge=1, description="processes that search by every learner; what is found is the same")
    subset_share: float = Field(0.8, ge=0.5, lt=1, description="share of households in the refutation by subsets")
