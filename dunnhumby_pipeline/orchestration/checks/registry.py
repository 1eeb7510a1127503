"""Every check of the study, once. From here come dagster's checks (`steps`), the gates and docs/checks.md.

The severity policy is the introduction of that document. A new check is one entry here and its judgement in the
verdict module of its group.
"""

from functools import partial

from dunnhumby_pipeline.contracts import registry as contracts
from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.contracts.table import Table
from dunnhumby_pipeline.orchestration.checks import (
    causal,
    contract,
    doubts,
    experiments,
    features,
    journey,
    of_customers,
    of_lists,
    of_risk,
    plausibility,
    repeats,
    scrutiny,
    targeting,
)
from dunnhumby_pipeline.orchestration.checks.check import BLOCK, WARN, Check, Sight
from dunnhumby_pipeline.orchestration.checks.verdict import Verdict

LIST = "targeting_list"


def keeps_contract(table: Table) -> Check:
    """Whether a table is as its contract says. What reads one that is not must not run."""

    def look(sight: Sight) -> Verdict:
        return contract.schema_and_keys(table, sight.path(table.name))

    return Check(
        table.name,
        contract.schema_and_keys,
        BLOCK,
        red="the table lacks a column, has one too many or one of another type, a null where none may be, or a "
        "repeated key",
        advice="report it as a defect of the program that makes the table; do not use anything that rests on it",
        why="later steps read the table by these columns, and count every key once",
        look=look,
    )


def _is_as_declared(table: schema.Table) -> Check:
    return Check(
        table.name,
        journey.schema_and_keys,
        BLOCK,
        red="a canonical table has no rows, lacks a column, has another type, a null in a required column, or a "
        "repeated key",
        advice="look at `rejects`; materialise `load_journey` again",
        why="everything else is made from these eight tables",
        look=partial(journey.look_at_schema, table),
    )


def _refers(table: schema.Table, reference: schema.Reference) -> Check:
    """Whether what the rows of a table name exists: a campaign without dates would change who is treated when; a line
    without a product is still spend."""
    red, advice, why = (
        (
            "targets, coupons or redemptions of a campaign without dates: who is treated when is not known",
            "add the campaign's START_DAY and END_DAY to the campaign file",
            "who is compared with whom follows from the dates of campaigns",
        )
        if reference.firm
        else (
            "too many rows refer to something that no table has; they are kept, see [the data dictionary]"
            "(data_dictionary.md) for what becomes of them",
            "is the file that should name it complete, and of the same export?",
            "a row that points nowhere loses what it should have been joined with: spend without a department, a "
            "redemption without a coupon",
        )
    )
    return Check(
        table.name,
        journey.references_hold,
        BLOCK if reference.firm else WARN,
        red=red,
        advice=advice,
        why=why,
        reads=(reference.table,),
        thresholds=() if reference.firm else ("max_orphan_share",),
        look=partial(journey.look_at_reference, table, reference),
        named=journey.reference_name(reference),
        described=f"Every {', '.join(reference.columns)} is one of {reference.table}.",
    )


def _keeps_rows(table: schema.Table) -> Check:
    return Check(
        table.name,
        journey.row_count,
        WARN,
        red="the table has lost or gained many of its rows since the run before",
        advice="is the raw file complete, and the one you meant?",
        why="half an export looks like customers who have left",
        thresholds=("max_rows_lost", "max_rows_gained"),
        look=partial(journey.look_at_rows, table.name),
    )


_CANONICAL = {table.name for table in schema.TABLES}

CHECKS: tuple[Check, ...] = (
    *(_is_as_declared(table) for table in schema.TABLES),
    *(keeps_contract(t) for t in contracts.TABLES.values() if t.is_table and t.name not in _CANONICAL),
    *(_refers(table, reference) for table in schema.TABLES for reference in table.references),
    Check(
        "transactions",
        journey.weeks_agree,
        BLOCK,
        red="lines whose WEEK_NO is not the week of their DAY: windows of days and promotions by week would not meet",
        advice="correct the raw file; week = (DAY + 8) // 7",
        why="days of baskets and weeks of promotions meet through it; a wrong week moves purchases from before a "
        "campaign to after it",
        look=journey.look_at_weeks,
    ),
    *(_keeps_rows(table) for table in schema.TABLES),
    Check(
        "transactions",
        journey.freshness,
        WARN,
        red="the lines end before those of the run before; or are too old, when `day_one` gives the calendar date of "
        "day 1; or the promotions end much earlier",
        advice="load the newer export; without late promotions, exposure of the last weeks reads as none",
        why="the list is made for the households of the last day, and old lines describe households as they were",
        reads=("promotions",),
        thresholds=("day_one", "max_age_days", "max_promotion_lag_weeks"),
        look=journey.look_at_days,
    ),
    Check(
        "transactions",
        journey.weekly_volume,
        WARN,
        red="a complete week has many more or fewer lines than the median of up to four weeks on each side",
        advice="is part of these weeks missing, or present twice? If a holiday is the reason, state it",
        why="a missing week reads as customers who stayed away, a doubled one as customers who spent twice as much",
        thresholds=("max_week_deviation",),
        look=journey.look_at_volume,
    ),
    Check(
        "rejects",
        journey.rejected_share,
        WARN,
        red="many rows of a file were left out; beyond `journey.max_reject_share` the load refuses the file altogether",
        advice="the `rejects` table says why, with examples; correct the export",
        why="a row left out is spend that nobody sees; rows of one kind left out tilt every result",
        thresholds=("many_rejects",),
    ),
    Check(
        "household_copies",
        journey.households_distinct,
        WARN,
        red="households share 95 % of their lines with another: one household under several ids, which counts "
        "several times in every table",
        advice="join the ids in the raw files; effects keep copies together, segments and lifetime values do not",
        why="one customer who counts several times makes intervals too narrow, and can stand in both arms",
    ),
    Check(
        "customer_features",
        features.features_complete,
        BLOCK,
        red="a feature is missing or null where it may not be, or category shares do not sum to 1",
        advice="look at the households without lines or sales",
        why="segments and effects are fitted to these columns",
    ),
    Check(
        "feature_drift",
        features.features_steady,
        WARN,
        red="the distribution of a feature has moved since the run before, by its population stability index; the "
        "table `feature_drift` has every feature's",
        advice="other customers, another period, or another export (such as the sample against the full data)? "
        "Earlier segments and effects may not carry over",
        why="what was learned from customers who shopped in another way need not hold for these",
        thresholds=("max_psi",),
    ),
    *of_customers.CHECKS,
    *of_risk.CHECKS,
    Check(
        "first_campaign_cohort",
        causal.no_look_ahead,
        BLOCK,
        red="a covariate saw the index day or later, or is not what the look-back holds; or there are no trials",
        advice="a defect, unless no household is eligible; do not use the effects",
        why="a covariate that knows the future explains the outcome away, and every effect with it",
        reads=("transactions",),
        look=causal.look_ahead,
    ),
    Check(
        "first_campaign_cohort",
        causal.arms_large_enough,
        BLOCK,
        red="an arm has fewer trials than the overlap region must hold: nothing is fitted to them",
        advice="another campaign type, or more campaigns: a shorter `trial.min_history_days`, or "
        "`trial.keep_cut_campaigns`",
        why="an effect is a comparison of two groups, and a group of a few households is no comparison",
        thresholds=("min_trials_per_arm",),
    ),
    Check(
        "nuisances",
        causal.propensities_bounded,
        WARN,
        red="many propensities had to be kept from 0 or 1: effects over all trials (ATE by AIPW, TMLE, IPW) rest on "
        "the bound, and their intervals are too narrow",
        advice="quote the effect in overlap",
        why="households of which only one group exists have no counterpart to be compared with",
        thresholds=("max_share_bounded",),
        look=causal.propensities_bounded_of,
    ),
    Check(
        "nuisances",
        causal.positivity,
        BLOCK,
        red="too many propensities had to be kept from 0 or 1, of all trials or of the rarer arm's, even relative to "
        "how often the campaign treats, or an arm is worth too few trials under overlap weights: the arms hold other "
        "households, and effects would be extrapolated from one to the other",
        advice="pool other campaigns, or another campaign type; a longer list of covariates does not help",
        why="where one group has no households like those of the other, a model's guess takes the place of a "
        "comparison",
        thresholds=("max_share_without_support", "min_effective_trials"),
        look=causal.positivity_of,
    ),
    Check(
        "propensity",
        causal.arms_in_overlap,
        BLOCK,
        red="too few treated or control trials in the overlap region",
        advice="another campaign type, or a wider region",
        why="policies and their values are about this region, and an arm that is nearly empty there says nothing",
        thresholds=("min_trials_per_arm",),
    ),
    Check(
        "repeat_support",
        repeats.repeat_told,
        WARN,
        red="households contacted before are listed to be tested, as no trials say what a repeat does",
        advice="read the reason in the table; a test tells, or more campaigns of the type",
        why="the first campaign's effect does not say what a second one does",
        thresholds=("min_effective_trials", "max_weighted_smd"),
    ),
    Check(
        "overlap_diagnostics",
        causal.effective_arms,
        BLOCK,
        red="under overlap weights an arm is worth too few trials: every effect would rest on a handful",
        advice="pool more campaigns, or another campaign type",
        why="a few households with large weights would be the whole answer",
        thresholds=("min_effective_trials",),
    ),
    Check(
        "overlap_diagnostics",
        causal.overlap_share,
        WARN,
        red="effects are about a minority of the customers",
        advice="state it when you quote them",
        why="whoever reads the effect as one of all customers is misled",
        thresholds=("min_overlap_share",),
    ),
    Check(
        "overlap_diagnostics",
        causal.propensity_auc,
        WARN,
        red="targeting followed the covariates closely",
        advice="look at the overlap figure before you trust an average",
        why="the better the past decides who is contacted, the fewer comparable households there are",
        thresholds=("max_propensity_auc",),
    ),
    Check(
        "covariate_balance",
        causal.balance_after_weighting,
        BLOCK,
        red="the arms still differ after weighting, in standard deviations of a covariate, or a covariate tells them "
        "apart",
        advice="find the covariate in the love plot; another form of it, or narrower overlap",
        why="a difference that was there before the campaign would be taken for its effect",
        thresholds=("max_weighted_smd",),
    ),
    Check(
        "campaign_balance",
        causal.balance_in_every_campaign,
        BLOCK,
        red="within a campaign the arms still differ after weighting, by more than its size explains, however well all "
        "campaigns together balance",
        advice="find the covariate in the figure of balance by campaign; another form of it, or leave the campaign out",
        why="differences of one campaign can cancel those of another and still bias each of them",
        thresholds=("max_campaign_smd",),
    ),
    Check(
        "campaign_calibration",
        causal.calibrated_in_every_campaign,
        WARN,
        red="in a campaign the propensity is too extreme or too timid, by more than its size explains",
        advice="lower `nuisance.recalibration_min_arm` where the campaign was too small to be recalibrated",
        why="weights are made of propensities: what is wrong in these is wrong in the comparison",
        thresholds=("max_slope_deviation",),
    ),
    Check(
        "estimator_differences",
        causal.estimators_agree,
        WARN,
        red="two estimators of one estimand on the primary outcome differ by more than the error of their difference, "
        "or, where that has none, have intervals that lie apart: one of their models is wrong; the message says which",
        advice="believe neither until balance and overlap say why; estimates of different estimands may differ",
        why="right models give one answer to one question",
    ),
    Check(
        "negative_controls",
        doubts.placebo_outcome,
        WARN,
        red='the campaign\'s "effect" on spend before the look-back, which it cannot have touched, brought to the days '
        "of the outcome window, is not small enough or too uncertain to say (|placebo| + 1.645 SE not below the "
        "smallest effect that matters), or lies beyond its error in a campaign; or no campaign has data there",
        advice="where there is more history, longer look-backs (`trial.look_back_days`), though what then lies before "
        "them can no longer be tested; until then the effect is no more certain than this difference is small",
        why="an effect where there can be none shows how far the method is off on these very data",
        thresholds=("smallest_effect_that_matters",),
    ),
    Check(
        "negative_controls",
        doubts.placebo_campaign,
        WARN,
        red='the "effect" of a campaign dated before it came, brought to the days of the outcome window, is not small '
        "enough or too uncertain to say, or lies beyond its error in a campaign; or no campaign has data there",
        advice="targeting may have used these very days, which this test cannot adjust for; if it did not, the arms "
        "differ in something that is not adjusted for",
        why="an effect where there can be none shows how far the method is off on these very data",
        thresholds=("smallest_effect_that_matters",),
    ),
    Check(
        "influence",
        doubts.one_household,
        WARN,
        red="without one household the effect or a placebo is another: it moves by a large part of its error",
        advice="quote both; keep an account that is no household out by `trial.max_look_back_spend` before its outcome "
        "is seen, not after",
        why="a finding that hangs on one account says nothing about customers in general",
        thresholds=("max_household_influence",),
    ),
    Check(
        "sensitivity",
        causal.e_value,
        WARN,
        red="a cause this much more common among the targeted, that raises spend as much, would bring the effect's "
        "interval to zero; so does an interval that includes zero already",
        advice="read the effect as not proven; test before you roll out",
        why="campaigns were not sent by lot, so a cause that nobody measured may be behind the difference",
        thresholds=("min_e_value",),
    ),
    Check(
        "cate_validation",
        causal.heterogeneity,
        WARN,
        reads=("cate_scoreboard",),
        red="the stack of effect models does not beat one effect for all, or the effect does not surely rise with what "
        "the model says on households that came later (a test that is wrong in about 5 % of cases)",
        advice="do not read much into the order of the list",
        why="picking households by effects that do not differ is picking by noise",
    ),
    Check(
        "detectable_spread",
        scrutiny.tests_hold_their_size,
        WARN,
        red="a test finds effects that differ in more draws than it may where none were planted, beyond the error of "
        "so few draws",
        advice="do not read its finding as proof; a larger `cate.gain_in_se` makes the gate stricter",
        why="a test that often finds what is not there proves nothing when it finds something",
        thresholds=("max_test_size",),
    ),
    Check(
        "study_power",
        scrutiny.intervals_cover,
        WARN,
        red="the interval of the average effect covers it in fewer draws than its confidence says",
        advice="outliers or few treated households: read it as narrower than it should be; see `influence`",
        why="the decision counts on the interval to hold the truth as often as it says",
        thresholds=("max_undercoverage",),
    ),
    *experiments.CHECKS,
    Check(
        "certified_learners",
        scrutiny.certificate_agrees,
        WARN,
        reads=("cate_scoreboard",),
        red="with the learners that a study leaves to its certificate, effects that differ are used where the study "
        "uses one for all, or the other way round",
        advice="the verdict on differences hangs on which learners are asked: read it as open, and test",
        why="what a study does not look for must not go unseen because of what it leaves out to be quick",
    ),
    Check(
        "refutation",
        scrutiny.refutations_passed,
        WARN,
        red="done again where the answer is known, the analysis gives another one; of the unobserved cause: one as "
        "strong as the strongest group of covariates turns the effect's sign",
        advice="a placebo or dummy that is found is a defect or a leak: believe no effect until it is understood; the "
        "others: say how little it takes",
        why="a method that fails where the answer is known is not to be believed where it is not",
    ),
    Check(
        "plausibility",
        plausibility.effect_plausible,
        WARN,
        red="the effect is many times what could have come through coupons: each redeemer would have to have spent "
        "far more than redeemers bought on coupon lines; the message says whether that holds beyond the error",
        advice="look at the effect by products and weeks: an effect on other products or in weeks without the campaign "
        "is noise, bias, or a way of working that is not through coupons; the negative controls say how much bias",
        why="an effect that cannot have come through the campaign's coupons is likely something else",
        thresholds=("max_redeemer_multiple",),
    ),
    Check(
        "economics",
        targeting.terms_of_settings,
        WARN,
        red="a launchpad, or `dunnhumby run --cost`, set terms in place of the settings: list, dial, design and report "
        "follow them until the next run",
        advice="write what is to last into the settings; the next `dunnhumby run` without options returns to them",
        why="a list made at one run's cost looks like one made at the usual cost",
    ),
    Check(
        "policy_value",
        targeting.claim_holds,
        WARN,
        red="the model claims more for the chosen policy than outcomes show, beyond error",
        advice="go by the honest value; the model that chose is flattered by its choice",
        why="a plan made on the claim earns less than it promises",
    ),
    Check(
        "policy_value",
        targeting.value_proven,
        WARN,
        red="the chosen policy's value may be zero, or it selects nobody",
        advice="test before you roll out",
        why="a value that may be zero may as well be a loss",
    ),
    Check(
        LIST,
        targeting.list_backed,
        BLOCK,
        red="the list is empty, a household has no known decision or reason, or a target lies outside overlap",
        advice="a defect; do not use the list",
        why="every row of the list is acted on",
    ),
    *of_lists.CHECKS,
)
