"""Thresholds of the asset checks."""

from __future__ import annotations

from datetime import date

from pydantic import Field

from dunnhumby_pipeline.settings.section import Section


class CheckSettings(Section):
    """Thresholds of the asset checks. The severity policy is in docs/checks.md."""

    # With segments of one size, 0.7 is about one household in eight that a refit moves to another segment.
    warm_ari_floor: float = Field(0.70, ge=0, le=1, description="lowest mean warm-started ARI (block)")
    # The reference study's five factors and seven segments have 0.63 on the sample.
    cold_ari_floor: float = Field(0.65, ge=0, le=1, description="lowest mean cold bootstrap ARI (warn)")
    # Half of what a candidate needs: a refit keeps its segments while customers move between them.
    min_segment_share: float = Field(0.02, ge=0, lt=0.5, description="smallest segment, share of households (warn)")
    # Below a half, segments miss more of what differs between households than they see.
    min_centred_r2: float = Field(0.50, ge=0, le=1, description="lowest column-centred R2 of the factors (warn)")
    # A fit that did not converge can differ from another for that alone.
    min_converged: float = Field(0.95, ge=0, le=1, description="lowest share of factor fits that converge (warn)")
    # On the sample it is 0.51, and three of four households stay; at 0.4 it is about two of three.
    migration_ari_floor: float = Field(0.40, ge=0, le=1, description="lowest mean ARI of neighbouring periods (warn)")
    # On the sample it is 0.92 (0.90 to 0.94): a segment that a fifth leave every quarter is no basis for a year's plan.
    min_true_staying: float = Field(
        0.80,
        ge=0,
        le=1,
        description="lowest share of households that keep their segment for a period, noise taken out (warn)",
    )
    # Half-years differ: what is learned on one holds for the next to a few points.
    max_interval_misses: float = Field(
        0.05,
        ge=0,
        lt=1,
        description="most that intervals of lifetime value may hold less often than they aim to (warn)",
    )
    max_risk_slope_deviation: float = Field(
        0.25,
        gt=0,
        lt=1,
        description="furthest from 1 that the calibration slope of chances of a fall may lie where it is more than "
        "noise (warn)",
    )
    max_risk_gap: float = Field(
        0.03,
        gt=0,
        lt=1,
        description="largest difference of the mean chance of a fall from the share that fell that is allowed where it "
        "is more than noise (warn)",
    )
    max_recovery_bias: float = Field(
        0.05,
        ge=0,
        lt=1,
        description="most by which the recovery expected of those who fell may be off where it is more than noise, as "
        "a share of what they lost (warn)",
    )
    # On the sample four needs have 0.91 and eight tags 0.81, cold; the department groups before them moved a third.
    need_ari_floor: float = Field(0.70, ge=0, le=1, description="lowest mean ARI of the label need over refits (warn)")
    tag_ari_floor: float = Field(0.50, ge=0, le=1, description="lowest mean ARI of the first tag over refits (warn)")
    # Kappa of 0.4 and more is "moderate" (Landis & Koch 1977); the sample has 0.52.
    need_kappa_floor: float = Field(
        0.30, ge=-1, le=1, description="lowest mean kappa of the label need between quarters (warn)"
    )
    min_need_lift: float = Field(
        1.2, gt=0, description="lowest lift of a need's own commodities in the next quarter (warn)"
    )
    max_without_need: float = Field(0.05, ge=0, le=1, description="largest share of households without a need (warn)")
    min_trials_per_arm: int = Field(50, ge=2, description="fewest trials of each arm in overlap (block)")
    # Rubin (2001): beyond a quarter of a standard deviation, regression no longer removes the difference.
    max_weighted_smd: float = Field(
        0.25, gt=0, description="largest standardised mean difference after overlap weighting (block)"
    )
    # A fifth of a standard deviation in one campaign moves the average of all by less.
    max_campaign_smd: float = Field(
        0.20,
        gt=0,
        description="largest standardised mean difference within a campaign after overlap weighting that is allowed "
        "where it is more than noise (block)",
    )
    max_slope_deviation: float = Field(
        0.10,
        gt=0,
        lt=1,
        description="furthest from 1 that a campaign's calibration slope may lie where it is more than noise (warn)",
    )
    min_effective_trials: float = Field(
        50, gt=1, description="lowest effective sample size of each arm under overlap weights (block)"
    )
    max_propensity_auc: float = Field(0.85, gt=0.5, le=1, description="highest propensity AUC (warn)")
    min_overlap_share: float = Field(
        0.50,
        ge=0,
        le=1,
        description="lowest share of trials in overlap, relative to how often the campaign treats (warn)",
    )
    max_share_bounded: float = Field(
        0.05,
        ge=0,
        le=1,
        description="largest share of propensities that had to be kept from 0 or 1 and have no counterparts (warn)",
    )
    max_share_without_support: float = Field(
        0.20,
        ge=0,
        le=1,
        description="largest share of propensities at 0 or 1, relative to how often the campaign treats (block)",
    )
    # Contact for $12.73 at a margin of .30 pays from about $42 on: half of that is not yet worth a decision.
    smallest_effect_that_matters: float = Field(
        20.0,
        gt=0,
        description="smallest effect on spend that matters, $ per household and outcome window: a placebo must be "
        "surely smaller (warn)",
    )
    max_household_influence: float = Field(
        0.25,
        gt=0,
        description="most that one household may move the effect or a placebo, in standard errors of it (warn)",
    )
    # Risk ratios of 1.5 with both targeting and spend are common among the covariates that are measured.
    min_e_value: float = Field(1.5, gt=1, description="lowest E-value of the effect's interval (warn)")
    # A coupon may bring a whole basket, not ten times what was bought with coupons.
    max_redeemer_multiple: float = Field(
        10.0,
        ge=1,
        description="most that each redeemer may have to have spent more for the effect to have come through coupons, "
        "as a multiple of what redeemers bought on coupon lines (warn)",
    )
    # Nominal 5 %: beyond 7 % a test that finds something is no longer the test it says it is.
    max_test_size: float = Field(
        0.07, gt=0, lt=1, description="largest size of a test of effects that differ, beyond its error (warn)"
    )
    max_undercoverage: float = Field(
        0.03, ge=0, lt=1, description="most by which an interval covers less than its confidence, beyond error (warn)"
    )
    max_rows_lost: float = Field(
        0.05, ge=0, le=1, description="largest share of a table's rows that may be gone since the run before (warn)"
    )
    max_rows_gained: float = Field(
        2.0, ge=1, description="most rows a table may have, as a multiple of those of the run before (warn)"
    )
    max_assignment_smd: float = Field(
        0.1,
        gt=0,
        description="largest difference of the arms of an assignment in spend or visits before the test, in standard "
        "deviations; or what chance explains, if that is more (warn)",
    )
    day_one: date | None = Field(
        None, description="calendar date of day 1, such as 2016-03-22; without it the age of the data is unknown"
    )
    max_age_days: int = Field(14, ge=0, description="most days since the last day of the lines, given day_one (warn)")
    max_promotion_lag_weeks: int = Field(
        2, ge=0, description="most weeks by which promotions may end before the lines (warn)"
    )
    max_week_deviation: float = Field(
        0.35, gt=0, description="largest difference of a week's lines from the weeks around it, as a share (warn)"
    )
    max_orphan_share: float = Field(
        0.01, ge=0, le=1, description="largest share of rows that refer to something no table has (warn)"
    )
    many_rejects: float = Field(
        0.0075, ge=0, le=1, description="share of a file's rows left out that deserves a look (warn)"
    )
    # A household in four with another decision from one list to the next is a list that nobody can explain.
    max_decision_churn: float = Field(
        0.25, ge=0, le=1, description="largest share of decisions that may differ from an earlier list (warn)"
    )
    max_refit_churn: float = Field(
        0.25,
        ge=0,
        le=1,
        description="largest share of decisions that may change when households are drawn again (warn)",
    )
    # One household in five without an offer is a list that the playbook decides, and not the effect.
    max_share_without_offer: float = Field(
        0.2, ge=0, le=1, description="largest share of households for which the playbook may have no offer (warn)"
    )
    max_unknown_opt_outs: float = Field(
        0.05, ge=0, le=1, description="largest share of opt-outs that may be of unknown households (warn)"
    )
    max_psi: float = Field(
        0.2, gt=0, description="largest population stability index of a feature since the run before (warn)"
    )
