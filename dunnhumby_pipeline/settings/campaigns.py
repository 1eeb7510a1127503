"""Settings of trials, nuisances, overlap, effects and of the decision made from them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from dunnhumby_pipeline.contracts.names import SPEND
from dunnhumby_pipeline.contracts.outcomes import MEASURED
from dunnhumby_pipeline.settings.section import Section


class TrialSettings(Section):
    """Who enters when, what is known about them, and the outcome."""

    design: Literal["sequential_trials", "first_eligible", "never_targeted"] = Field(
        "sequential_trials",
        description="'sequential_trials': a trial at every campaign a household is eligible at; 'first_eligible': at "
        "the first of them only; 'never_targeted': the reference study's, for comparison, from which no list is made",
    )
    look_back_days: int = Field(182, ge=28, description="days before the index day that covariates cover")
    min_history_days: int = Field(28, ge=1, description="fewest days of data before a campaign's first day")
    washout_days: int | None = Field(
        None,
        ge=1,
        description="days before the index day in which no campaign of the type sent to a household may have begun; "
        "without it, at no time before",
    )
    repeat_washout_days: int = Field(
        0,
        ge=0,
        description="days that must have passed since the end of the last campaign of the type that a household was "
        "sent, before it counts as a trial of a repeat",
    )
    follow_up_days: int = Field(28, ge=0, description="days after the campaign's end that outcomes cover")
    min_window_days: int = Field(
        28,
        ge=1,
        description="fewest days of an outcome window; a campaign that the type's next one cuts shorter is left out",
    )
    keep_cut_campaigns: bool = Field(
        False, description="also study campaigns whose outcome window the end of the data cuts short, for both arms"
    )
    max_look_back_spend: float | None = Field(
        None,
        gt=0,
        description="most $ that a household may have spent in the look-back; with more it is kept out of the trials "
        "and of the list, as an account that is no household. Set it before any outcome is seen: chosen afterwards, as "
        "on the sample, it is post hoc. Without it nobody is kept out",
    )
    outcome: Literal[MEASURED] = Field(SPEND, description="the outcome that the decision rests on")  # type: ignore[valid-type]
    winsorise: float | None = Field(
        None, gt=0.5, lt=1, description="quantile at which amounts are capped; without it no amount is capped"
    )
    margin_weights: dict[str, float] = Field(
        {}, description="margin of a department relative to the average margin, which departments not named have"
    )

    @model_validator(mode="after")
    def _weights_are_given_and_positive(self) -> TrialSettings:
        if self.outcome == "margin_weighted_amount" and not self.margin_weights:
            raise ValueError(
                "trial.outcome is 'margin_weighted_amount' and trial.margin_weights names no department; expected "
                "weights such as {GROCERY = 0.8, MEAT = 1.2}"
            )
        wrong = {name: weight for name, weight in self.margin_weights.items() if not weight >= 0}
        if wrong:
            raise ValueError(f"trial.margin_weights must be 0 or more, found {wrong}")
        return self


class NuisanceSettings(Section):
    """Cross-fitted propensity and outcome models."""

    n_folds: int = Field(5, ge=2, le=20, description="folds, grouped by household")
    n_repeats: int = Field(
        3, ge=1, le=25, description="most divisions into folds; each prediction is the median over them"
    )
    repeat_agreement: float = Field(
        0.25,
        ge=0,
        description="two or more divisions suffice when the effects they give lie within this many standard errors of "
        "each other; 0: all are made",
    )
    propensity_bound: float = Field(
        0.01, gt=0, lt=0.5, description="propensities are kept this far from 0 and 1; how many is reported"
    )
    recalibration_min_arm: int = Field(
        30,
        ge=10,
        description="fewest trials of each arm, outside a fold, by which the propensity of a campaign is recalibrated; "
        "in campaigns with fewer it stays as fitted",
    )
    max_trials: int = Field(
        50_000, ge=1000, description="most trials a model is fitted to; of more, households are drawn"
    )
    logged_propensities: Path | None = Field(
        None,
        description="CSV or parquet file with household_key, campaign and propensity, of campaigns that drew by lot: "
        "taken as known for their trials, in place of estimated ones; a relative path starts at the home",
    )
    n_jobs: int = Field(2, ge=1, description="threads that fit folds; the predictions are the same")


class OverlapSettings(Section):
    """The region of propensity in which both arms are found, relative to how often the campaign treats."""

    lower: float = Field(
        0.1, gt=0, lt=0.5, description="lowest relative propensity in overlap, as if one trial in two were treated"
    )
    upper: float = Field(
        0.9, gt=0.5, lt=1, description="highest relative propensity in overlap, as if one trial in two were treated"
    )
    n_bins: int = Field(10, ge=4, le=50, description="bins of trials in the calibration of the propensity")
    noise_confidence: float = Field(
        0.99,
        gt=0.5,
        lt=1,
        description="how sure it must be that a difference between the arms of one campaign, or a slope of its "
        "calibration, is not noise",
    )
    noise_draws: int = Field(
        5000, ge=200, description="draws of each campaign's arms that say what its balance is by chance"
    )
    rule_depth: int = Field(3, ge=1, le=5, description="depth of the tree that describes who lies outside")


class EffectSettings(Section):
    """Average effects beside the primary one."""

    caliper: float = Field(
        0.2, gt=0, description="largest distance of a matched pair, in standard deviations of the propensity's logit"
    )
    trimming: tuple[float, ...] = Field(
        (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25),
        min_length=1,
        description="distances of the propensity from 0 and 1 within which trials are left out, one after the other",
    )
    winsorising: tuple[float, ...] = Field(
        (0.95, 0.975, 0.99, 0.995), description="quantiles at which the outcome is capped, one after the other"
    )

    @model_validator(mode="after")
    def _levels_are_shares(self) -> EffectSettings:
        if not all(0 <= level < 0.5 for level in self.trimming):
            raise ValueError(f"effects.trimming must be from 0 to below 0.5, found {list(self.trimming)}")
        if not all(0.5 < level < 1 for level in self.winsorising):
            raise ValueError(f"effects.winsorising must lie between 0.5 and 1, found {list(self.winsorising)}")
        return self


class SensitivitySettings(Section):
    """How wrong the design may be."""

    max_gamma: float = Field(
        3.0, gt=1, le=10, description="largest ratio of odds of treatment within a pair in the Rosenbaum bounds"
    )
    placebo_days: int = Field(84, ge=14, description="most days before the look-back that the placebo outcome covers")
    min_placebo_days: int = Field(28, ge=7, description="fewest of them for a campaign to enter the placebo outcome")
    placebo_shift_days: int = Field(
        56, ge=14, description="days by which the placebo campaign comes before the real one"
    )
    bias_scale: float = Field(
        20.0,
        gt=0,
        description="spread of systematic error that is expected before negative controls are seen, $ of spend per "
        "household and outcome window: scale of its half-normal prior",
    )
    weeks_before: int = Field(12, ge=2, le=52, description="weeks before the index day in the event study")
    weeks_after: int = Field(12, ge=1, le=52, description="weeks from the index day on in the event study")
    weeks_later: int = Field(
        8, ge=1, le=52, description="weeks after the outcome window in which purchases pulled forward would be missing"
    )


class CateSettings(Section):
    """Models of the conditional effect."""

    n_trees: int = Field(60, ge=4, multiple_of=4, description="trees of each forest")
    n_tuned_trees: int = Field(2_000, ge=4, multiple_of=4, description="trees of the tuned forest, in `certify` only")
    min_leaf: int = Field(25, ge=5, description="fewest trials in a leaf of a forest")
    max_samples: float = Field(0.45, gt=0, le=0.5, description="share of trials each tree sees")
    n_jobs: int = Field(2, ge=1, description="threads that fit learners and grow forests; the effects are the same")
    gain_in_se: float = Field(
        1.645,
        ge=0,
        description="standard errors by which the stack must beat the constant effect out of fold to be chosen; where "
        "effects do not vary, 1.645 passes 1 in 20 at most",
    )
    n_stacked: int = Field(
        4, ge=1, le=50, description="most models of the effect that are stacked: the best of each fold"
    )
    max_trials: int = Field(
        20_000, ge=1000, description="most trials a model of the effect is fitted to; of more, households are drawn"
    )
    n_outcome_bootstraps: int = Field(
        30, ge=10, description="household bootstraps behind intervals of the T-learner, which cost more"
    )


class ValidationSettings(Section):
    """How the order of households by effect is tested and explained."""

    n_groups: int = Field(5, ge=3, le=20, description="equal groups by effect")
    top_shares: tuple[float, ...] = Field(
        (0.1, 0.2, 0.3, 0.5), description="shares with the largest effects whose own effect is told"
    )
    n_steps: int = Field(20, ge=5, le=100, description="points of the curves over the share contacted")
    n_half_samples: int = Field(200, ge=50, description="halves of the households behind the bands of the curves")
    n_splits: int = Field(10, ge=2, description="splits of the households in halves in a study")
    n_certified_splits: int = Field(50, ge=2, description="splits of the households in halves in `dunnhumby certify`")
    max_explained: int = Field(500, ge=50, description="most trials whose effects are divided among the covariates")
    tree_depth: int = Field(2, ge=1, le=3, description="depth of the tree whose leaves are subgroups")

    @model_validator(mode="after")
    def _shares_are_distinct_percentages(self) -> ValidationSettings:
        if not all(0 < share < 1 for share in self.top_shares):
            raise ValueError(f"validation.top_shares must lie between 0 and 1, found {list(self.top_shares)}")
        if len({f"{share:.0%}" for share in self.top_shares}) < len(self.top_shares):
            raise ValueError(f"validation.top_shares must differ by at least a percent, found {list(self.top_shares)}")
        return self
