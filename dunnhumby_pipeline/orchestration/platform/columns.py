"""The column dictionary: what every column of every table means and its unit, one word for one thing.

Columns of the canonical tables are declared in `journey.schema`, features in `features.catalogue`; here stand
those that steps add. A name means the same in every table, but for the few that are written with their table
(`clv_parameters.value`). The UI and docs/data_dictionary.md read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.contracts.features import CATALOGUE
from dunnhumby_pipeline.contracts.outcomes import ALWAYS_ESTIMATED


@dataclass(frozen=True)
class Meaning:
    """What a column holds, in words, and its unit; `""` for identifiers, names and flags."""

    text: str
    unit: str = ""

    def __str__(self) -> str:
        return f"{self.text} ({self.unit})" if self.unit else self.text


_MAX_FACTORS = 15
# Tables with rows about single campaigns and about all of them together.
_BY_CAMPAIGN = ("trial_flow", "overlap_diagnostics", "average_effects", "negative_controls", "campaign_economics")
_DERIVED: Mapping[str, Meaning] = {
    # rejects
    "table": Meaning("canonical table whose raw file was read"),
    "rule": Meaning("rule that rows or values break"),
    "column": Meaning("column that the rule is about"),
    "expected": Meaning("what the rule asks for, in words"),
    "action": Meaning("what was done: rejected, repaired, merged, or kept with a remark"),
    "n": Meaning("number of rows", "rows"),
    "share": Meaning("these rows as a share of the file's rows", "0-1"),
    "example_rows": Meaning("the first of these rows, with their place in the file"),
    "row": Meaning("the row's place in its raw file; the header of a CSV file is row 1, empty lines are not counted"),
    "raw_row": Meaning("the row the values of its file as text: JSON by the file's headers"),
    # features and their drift
    "feature": Meaning("feature, as in the catalogue"),
    "psi": Meaning("population stability index since the run before; above 0.2 is a change to look into"),
    "n_before": Meaning("households in the run before", "households"),
    "n_now": Meaning("households now", "households"),
    "median_before": Meaning("median in the run before", "unit of the feature"),
    "median_now": Meaning("median now", "unit of the feature"),
    "null_share_before": Meaning("share of nulls in the run before", "0-1"),
    "null_share_now": Meaning("share of nulls now", "0-1"),
    # segmentation
    **{f"factor_{k}": Meaning(f"score on factor {k}") for k in range(1, _MAX_FACTORS + 1)},
    "factor": Meaning("factor"),
    "loading": Meaning("loading of the feature on the factor; the largest of a factor is 1"),
    "n_factors": Meaning("number of factors of the solution", "factors"),
    "pooled_r2": Meaning("share of the sum of squares of the matrix that the factors explain", "0-1"),
    "centred_r2": Meaning("share of the variance around the column means that the factors explain", "0-1"),
    "reconstruction_error": Meaning("Frobenius norm of what the factors leave unexplained"),
    "segment": Meaning("segment, a stable slug"),
    "segment_name": Meaning("segment in words"),
    "stability": Meaning("share of bootstrap refits that give the household this segment", "0-1"),
    "start": Meaning("start of the refit: cold from scratch, warm from the reference solution"),
    "replicate": Meaning("number of the bootstrap refit"),
    "ari": Meaning("adjusted Rand index of the refit and the reference; 1 is the same partition"),
    # how segments were found
    "factor_name": Meaning("factor in words, from the loadings it does not share"),
    "sparsity": Meaning("mean Hoyer sparsity of the factors' loadings: 0 all features alike, 1 a single one", "0-1"),
    "factor_selection.stability": Meaning(
        "correlation of the worst factor with its match in refits on half of the households", "0-1"
    ),
    "cophenetic": Meaning("cophenetic correlation of who shares a leading factor over these refits", "0-1"),
    "n_iterations": Meaning("steps that the solver took", "steps"),
    "converged": Meaning("whether the solver stopped of itself"),
    "n_refits": Meaning("refits on half of the households", "refits"),
    "n_unconverged": Meaning("of these refits, those whose solver was broken off", "refits"),
    "factor_selection.reason": Meaning("why this number of factors was chosen; empty for the others"),
    "feature_choice.used": Meaning("whether the feature is factored"),
    "group": Meaning("group of the feature in the catalogue"),
    "dropped_for": Meaning("feature that says the same and was taken instead"),
    "correlation": Meaning("correlation of percentiles with the closest feature taken before it from its group"),
    "feature_choice.reason": Meaning("why the feature is factored or not"),
    "role": Meaning("chosen, the reference study's setting, or a candidate"),
    "method": Meaning("how segments are found: kmeans, mixture or consensus"),
    "n_features": Meaning("features that are factored", "features"),
    "n_segments": Meaning("segments", "segments"),
    "silhouette": Meaning("mean silhouette of factor scores; higher is more apart", "-1 to 1"),
    "calinski_harabasz": Meaning("spread between segments over spread within; higher is more apart"),
    "davies_bouldin": Meaning("mean likeness of each segment to its nearest other; lower is more apart"),
    "bic": Meaning("Bayesian information criterion of a mixture; lower is better"),
    "smallest_share": Meaning("share of households in the smallest segment", "0-1"),
    "cold_ari": Meaning("mean ARI of refits from scratch on resampled households"),
    "cold_ari_sd": Meaning("standard deviation of these ARI"),
    "n_cold": Meaning("refits from scratch", "refits"),
    "warm_ari": Meaning("mean ARI of refits that start from these segments"),
    "warm_ari_sd": Meaning("standard deviation of these ARI"),
    "n_warm": Meaning("refits that start from these segments", "refits"),
    "eligible": Meaning("whether the rule may choose it: enough segments, and none too small"),
    "segment_scoreboard.reason": Meaning("why it was chosen, or why it is there"),
    "mean_jaccard": Meaning(
        "mean overlap of the segment with its closest in cold refits; 1 is the same households", "0-1"
    ),
    "lowest_jaccard": Meaning("least overlap of the segment with its closest in a cold refit", "0-1"),
    "dissolved": Meaning("share of cold refits in which the segment is lost: overlap of at most 0.5", "0-1"),
    "recovered": Meaning("share of cold refits in which the segment comes back: overlap of at least 0.75", "0-1"),
    "previous_segment": Meaning("segment of the run before that matches best, one to one"),
    "jaccard": Meaning("overlap of the two segments' households; 1 is the same households", "0-1"),
    "centroid_distance": Meaning("distance of the two centroids in factor scores of the run before"),
    "kept": Meaning("whether it is the same segment and keeps its name"),
    "described_as": Meaning("name that today's profile alone would give"),
    "segment_identity.reason": Meaning("why the name is kept or new"),
    # what segments are like
    "revenue": Meaning("sales to the households over the whole history", "$"),
    "revenue_share": Meaning("share of all sales", "0-1"),
    "revenue_index": Meaning("share of revenue over share of households; 1 is average"),
    "spend_mean": Meaning("mean sales a household over the whole history", "$"),
    "spend_median": Meaning("median sales a household over the whole history", "$"),
    "value_tier": Meaning("value of the segment's mean household: high, mid or low"),
    "recency_median": Meaning("median days since the last purchase", "days"),
    "active_4w": Meaning("share of households that bought in the last four weeks", "0-1"),
    "active_12w": Meaning("share of households that bought in the last twelve weeks", "0-1"),
    "tenure_weeks_median": Meaning("median weeks since the first purchase seen", "weeks"),
    "lifecycle": Meaning("stage of the segment: active, new, lapsing or lapsed"),
    "leading_need": Meaning(
        "need in which the segment lies furthest above all households; none when by less than 0.2 standard deviations"
    ),
    "segment_profiles.share": Meaning("share of all households", "0-1"),
    "segment_features.n": Meaning("households with a value", "households"),
    "mean": Meaning("mean of the feature in the segment", "unit of the feature"),
    "z_score": Meaning("mean of the segment less that of all households", "standard deviations"),
    "overall_mean": Meaning("mean of the feature over all households", "unit of the feature"),
    "overall_sd": Meaning("standard deviation of the feature over all households", "unit of the feature"),
    "eta_squared": Meaning("share of the sum of squares that lies between segments", "0-1"),
    "f_statistic": Meaning("F of the analysis of variance between segments"),
    "f_p_value": Meaning("p-value of that F", "0-1"),
    "epsilon_squared": Meaning("share of the ranks' sum of squares that lies between segments", "0-1"),
    "kruskal_h": Meaning("H of the Kruskal-Wallis test between segments"),
    "kruskal_p_value": Meaning("p-value of that H", "0-1"),
    "segment_features.role": Meaning(
        "used: the feature made the segments; twin: it says the same as one that did; independent: evidence of its own"
    ),
    "closest_used": Meaning("feature that made the segments with the largest rank correlation, either sign"),
    "rank_correlation": Meaning("Spearman's correlation with that feature", "-1 to 1"),
    "attribute": Meaning("column of demographics that the row is about; 'known' for having a row there at all"),
    "answer": Meaning("what households answered"),
    "segment_demographics.n": Meaning("households of the segment that gave the answer", "households"),
    "segment_demographics.share": Meaning("share of the segment's households that answered", "0-1"),
    "lift": Meaning("share over the share among all; 1 is average"),
    "answered": Meaning("households of the segment that answered", "households"),
    "coverage": Meaning("share of households whose demographics are known", "0-1"),
    "answer_coverage": Meaning("share of the segment's households that answered this attribute", "0-1"),
    "demographic_tests.n": Meaning("households that answered", "households"),
    "chi_square": Meaning("chi-square of segments against answers"),
    "degrees_of_freedom": Meaning("degrees of freedom of the test"),
    "p_value": Meaning("p-value of the test", "0-1"),
    "cramers_v": Meaning(
        "Cramer's V: 0 segments and answers have nothing to do with each other, 1 they say the same", "0-1"
    ),
    "min_expected": Meaning("smallest expected count of a cell; below 5 the test is rough", "households"),
    "sales": Meaning("sales of the department to the segment", "$"),
    "segment_departments.share": Meaning("share of the segment's sales", "0-1"),
    "overall_share": Meaning("share of all sales", "0-1"),
    "enough_sales": Meaning("whether the department sells enough for its lift to be more than chance"),
    "lift_rank": Meaning("place of the department by lift in the segment, 1 the largest"),
    "leading_feature": Meaning("feature that the factor loads most"),
    "is_need": Meaning("whether that feature says what is bought, and the factor so is a need"),
    "need_share": Meaning("share of the factor's squared loadings that are features of what is bought", "0-1"),
    "need": Meaning("need in words; none for a household that scores on no need"),
    "factor_needs.source": Meaning("whose factors they are: the segments', or factored from needs alone"),
    "factor_needs.reason": Meaning("why these factors are used"),
    "need_score": Meaning("score on the leading need"),
    "need_margin": Meaning("score on the leading need less that on the next"),
    "priority": Meaning("call on budget and attention, 1 first", "1-5"),
    "strategy": Meaning("what to aim at with the segment"),
    "segment_playbook.action": Meaning("what to do with the segment"),
    "avoid": Meaning("what not to do with the segment"),
    "segment_playbook.rule": Meaning("rule of the playbook that holds; default when none does"),
    "because": Meaning("facts that the rule looked at"),
    "share_of_households": Meaning("share of households, the best first", "0-1"),
    "share_of_revenue": Meaning("share of sales that these households bring", "0-1"),
    "gini": Meaning("Gini coefficient of revenue over all households: 0 when all bring the same", "0-1"),
    # lifetime value
    "trips": Meaning("days on which the household bought", "days"),
    "repeats": Meaning("trips after the first", "days"),
    "last": Meaning("time from the first trip to the last", "weeks"),
    "age": Meaning("time from the first trip to the last day", "weeks"),
    "mean_spend": Meaning("mean sales a trip", "$"),
    "customer_lifetime_value.rule": Meaning("history that the forecast rests on: repeat, one trip, or no spend"),
    "probability_alive": Meaning("chance that the household has not left", "0-1"),
    "expected_trips_13w": Meaning("trips expected in the next 13 weeks", "days"),
    "expected_trips_26w": Meaning("trips expected in the next 26 weeks", "days"),
    "expected_trips_52w": Meaning("trips expected in the next 52 weeks", "days"),
    "expected_spend_13w": Meaning("sales expected in the next 13 weeks, by BG/NBD with Gamma-Gamma", "$"),
    "expected_spend_26w": Meaning("sales expected in the next 26 weeks, by BG/NBD with Gamma-Gamma", "$"),
    "expected_spend_52w": Meaning("sales expected in the next 52 weeks, by BG/NBD with Gamma-Gamma", "$"),
    "stacked_spend_13w": Meaning("sales expected in the next 13 weeks, by that model weighed with past spend", "$"),
    "stacked_spend_26w": Meaning("sales expected in the next 26 weeks, by that model weighed with past spend", "$"),
    "stacked_spend_52w": Meaning("sales expected in the next 52 weeks, by that model weighed with past spend", "$"),
    "clv": Meaning("lifetime value: sales expected in the next 52 weeks by the forecast in use, undiscounted", "$"),
    "clv_tier": Meaning("lifetime value tier of the household: high, mid or low"),
    "recency_score": Meaning("how lately it bought, 5 best", "1-5"),
    "frequency_score": Meaning("how often it bought, 5 best", "1-5"),
    "monetary_score": Meaning("for how much it bought, 5 best", "1-5"),
    "rfm_segment": Meaning("name of these three scores"),
    "stretch": Meaning("days that the models are fitted to: the first half, or the whole"),
    "clv_parameters.model": Meaning("model that the parameter belongs to"),
    "parameter": Meaning("name of the parameter, or of a figure of the fit"),
    "clv_parameters.value": Meaning("estimate of the parameter, in the unit its meaning names"),
    "in_range": Meaning(
        "whether a parameter lies off the bounds of the search and where its model says something; empty for figures "
        "of the fit"
    ),
    "meaning": Meaning("the parameter in words"),
    "target": Meaning("what is forecast: spend ($) or trips (days)"),
    "forecast": Meaning(
        "naive (as much as last period), model (BG/NBD with Gamma-Gamma), or stacked (weighed with past spend)"
    ),
    "mae": Meaning("mean absolute error", "unit of the target"),
    "rmse": Meaning("root of the mean squared error", "unit of the target"),
    "bias": Meaning("mean forecast less mean actual", "unit of the target"),
    "spearman": Meaning("rank correlation of forecast and actual", "-1 to 1"),
    "mae_against_naive": Meaning(
        "mean absolute error less that of the naive forecast; below 0 is better", "unit of the target"
    ),
    "verdict": Meaning("whether the interval of that difference leaves out 0"),
    "n_new": Meaning("households first seen after the forecast, which it cannot know", "households"),
    "new_spend_share": Meaning("their share of the spend that was to be forecast", "0-1"),
    "bin": Meaning("bin of households by forecast, the smallest first"),
    "mean_forecast": Meaning("mean forecast of the bin", "unit of the target"),
    "mean_actual": Meaning("mean of what came", "unit of the target"),
    "clv_mean": Meaning("mean lifetime value", "$"),
    "clv_median": Meaning("median lifetime value", "$"),
    "clv_share": Meaning("share of the lifetime value of all", "0-1"),
    "share_high": Meaning("share of the households in the high lifetime value tier", "0-1"),
    "share_mid": Meaning("share of the households in the mid lifetime value tier", "0-1"),
    "share_low": Meaning("share of the households in the low lifetime value tier", "0-1"),
    "measure": Meaning("what is compared: lifetime value, expected trips, or the chance of being there"),
    "lifetime_differences.n": Meaning("households", "households"),
    "n_groups": Meaning("segments", "segments"),
    "discounts": Meaning("retail and coupon discounts over the whole history", "$"),
    "value_need.share": Meaning("share of all households", "0-1"),
    "tier_share": Meaning("share of the households of the tier", "0-1"),
    "discount_rate_mean": Meaning("mean discount rate over the households", "0-1"),
    "offer": Meaning("offer that the playbook recommends for the cell"),
    "value_need.rule": Meaning("rule of the playbook that holds; default when none does"),
    # segments over time
    "from_period": Meaning("earlier period, numbered from 0"),
    "to_period": Meaning("later period"),
    "from_segment": Meaning("segment in the earlier period; (no purchase) without a line"),
    "to_segment": Meaning("segment in the later period; (no purchase) without a line"),
    "segment_migration.n": Meaning("households that went this way", "households"),
    "segment_migration.share": Meaning("share of those that were in the earlier segment", "0-1"),
    "from_day": Meaning("last day of the earlier period", "day"),
    "to_day": Meaning("last day of the later period", "day"),
    "shared_days": Meaning("days that both periods see; with many, few households can move", "days"),
    "migration_summary.n": Meaning("households that bought in both periods", "households"),
    "migration_summary.ari": Meaning("adjusted Rand index of the two periods' segments; 1 is the same partition"),
    "share_staying": Meaning("share of these households in the same segment", "0-1"),
    "share_staying_tier": Meaning("share of these households in a segment of the same value tier", "0-1"),
    "n_left": Meaning("households that bought in the earlier period alone", "households"),
    "n_joined": Meaning("households that bought in the later period alone", "households"),
    "kind": Meaning("what may have moved: a feature, the mix of segments, or one segment's part in that mix"),
    "name": Meaning("feature or segment, or 'segment' for the mix of all"),
    "segment_drift.psi": Meaning(
        "population stability index from one period to the other; above 0.2 is a change to look into"
    ),
    "to_tier": Meaning("value tier now: mid, low, or absent"),
    "spend_before": Meaning("sales in the earlier period", "$"),
    "spend_after": Meaning("sales in the period that is looked at last", "$"),
    "change": Meaning("spend_after less spend_before", "$"),
    "change_share": Meaning("change as a share of spend_before"),
    "after_period": Meaning("first later period that shares no day with the one in which households were listed"),
    "listed": Meaning("whether the early warning would have listed these households"),
    "spend_at": Meaning("sales in the period in which they were listed", "$"),
    # trials
    "treated": Meaning("whether this campaign lists the household", "0/1"),
    "index_day": Meaning("first day of the campaign", "day"),
    "lookback_start": Meaning("first day of the look-back", "day"),
    "outcome_end": Meaning("last day of the outcome window", "day"),
    "purchase_amount": Meaning("spend in the outcome window", "$"),
    "purchase_count": Meaning("baskets in the outcome window", "baskets"),
    "amount_without_fuel": Meaning("spend in the outcome window outside the department FUEL", "$"),
    "margin_weighted_amount": Meaning("spend in the outcome window, weighted by the departments' margins", "$"),
    "redeemed": Meaning("whether a coupon of the campaign was redeemed in the outcome window", "0/1"),
    "lookback_segment": Meaning("segment assigned from the look-back alone"),
    "received_before": Meaning(
        "whether a campaign of the type was received by the last day, or within the washout", "0/1"
    ),
    "used": Meaning("whether the row is in use: this cost by the policies, this campaign by the study"),
    "overlaps_with": Meaning("campaigns of the type that run at the same time"),
    "lookback_days": Meaning("days that the look-back holds", "days"),
    "trial_campaigns.reason": Meaning("why the campaign is left out"),
    "trial_flow.reason": Meaning("why this step leaves them out"),
    "step": Meaning("position of the step in the flow"),
    "stage": Meaning("who is left after this step"),
    "trial_flow.n": Meaning("households, or over all campaigns trials, left after this step"),
    "n_excluded": Meaning("households or trials that this step leaves out"),
    "component": Meaning("component of the protocol"),
    "specification": Meaning("what it is in this study"),
    "design": Meaning("design of the study"),
    "lookback_days_treated": Meaning("mean length of the look-back of treated trials", "days"),
    "lookback_days_control": Meaning("mean length of the look-back of control trials", "days"),
    "share_control_without_purchase": Meaning("share of controls that bought nothing in the outcome window", "0-1"),
    "max_smd": Meaning("largest absolute SMD of any covariate, unweighted", "standard deviations"),
    "max_smd_weighted": Meaning("largest absolute SMD of any covariate, overlap weighted", "standard deviations"),
    "naive": Meaning("difference in mean spend between the arms", "$"),
    "naive_se": Meaning("its standard error, clustered by household", "$"),
    "ate": Meaning("average effect on spend over all trials, by AIPW", "$"),
    "ate_se": Meaning("its standard error, clustered by household", "$"),
    "ato": Meaning("average effect on spend where both arms occur, overlap weighted", "$"),
    "ato_se": Meaning("its standard error, clustered by household", "$"),
    "ato_lower": Meaning("lower end of its interval", "$"),
    "ato_upper": Meaning("upper end of its interval", "$"),
    "note": Meaning("what the row says, in words"),
    "cause": Meaning("node at the tail of the arrow"),
    "effect": Meaning("node at the head of the arrow"),
    "observed": Meaning("whether the data hold both ends of the arrow"),
    "causal_graph.meaning": Meaning("why the arrow is there, or is assumed absent"),
    "item": Meaning("what is said of the graph"),
    "text": Meaning("in plain words"),
    # nuisances and overlap
    "repeat": Meaning("division into folds; -1 is the medians over all of them"),
    "nuisance_quality.quantity": Meaning("measure of quality, or the effect that the nuisances lead to"),
    "nuisance_quality.value": Meaning("its value, in the unit of the quantity"),
    "fold": Meaning("cross-fitting fold of the household; -1 is all of them"),
    "propensity": Meaning("probability of treatment given the covariates, out of fold", "0-1"),
    "propensity_bounded": Meaning("whether the propensity was kept away from 0 or 1"),
    **{f"mu0_{outcome}": Meaning(f"mean {outcome} expected untreated, out of fold") for outcome in ALWAYS_ESTIMATED},
    **{f"mu1_{outcome}": Meaning(f"mean {outcome} expected treated, out of fold") for outcome in ALWAYS_ESTIMATED},
    "in_overlap": Meaning("whether the propensity lies in the overlap region"),
    "w_overlap": Meaning("overlap weight"),
    "w_ipw": Meaning("inverse-probability weight"),
    "in_crump": Meaning("whether the propensity lies where the ATE is estimated best (Crump et al. 2009)"),
    "w_balance": Meaning("entropy-balancing weight towards the overlap population; 0 outside the region"),
    "w_treated": Meaning("entropy-balancing weight towards the treated"),
    "brier": Meaning("mean squared error of the propensity; lower is better", "0-1"),
    "calibration_intercept": Meaning("intercept of the treatment on the propensity's logit; 0 is calibrated"),
    "calibration_slope": Meaning("slope of the treatment on the propensity's logit; 1 is calibrated"),
    "share_below": Meaning("share of trials below the overlap region", "0-1"),
    "share_inside": Meaning("share of trials in the overlap region", "0-1"),
    "share_above": Meaning("share of trials above the overlap region", "0-1"),
    "crump_alpha": Meaning("distance from 0 and 1 at which trimming estimates the ATE best", "0-1"),
    "share_in_crump": Meaning("share of trials within that distance", "0-1"),
    "ess_ipw_treated": Meaning("effective number of treated trials, inverse-probability weighted", "trials"),
    "ess_ipw_control": Meaning("effective number of control trials, inverse-probability weighted", "trials"),
    "ess_balance_treated": Meaning("effective number of treated trials, entropy balanced", "trials"),
    "ess_balance_control": Meaning("effective number of control trials, entropy balanced", "trials"),
    "ess_control_as_treated": Meaning("effective number of control trials, balanced towards the treated", "trials"),
    "propensity_calibration.bin": Meaning("bin of trials by propensity, from the lowest"),
    "mean_propensity": Meaning("mean propensity", "0-1"),
    "share_treated": Meaning("share of trials that were treated", "0-1"),
    "outside_overlap.rule": Meaning("who, in terms of covariates"),
    "outside_overlap.verdict": Meaning("rarely targeted, in overlap, or nearly always targeted"),
    "share_of_trials": Meaning("share of all trials", "0-1"),
    **{f"{table}.campaign": Meaning("campaign, or 'all' for all campaigns together") for table in _BY_CAMPAIGN},
    "n_trials": Meaning("trials", "trials"),
    "n_treated": Meaning("treated trials", "trials"),
    "n_control": Meaning("control trials", "trials"),
    "auc": Meaning("area under the ROC curve of the propensity; 0.5 tells the arms not apart", "0-1"),
    "share_in_overlap": Meaning("share of trials in the overlap region", "0-1"),
    "ess_treated": Meaning("effective number of treated trials after overlap weighting", "trials"),
    "ess_control": Meaning("effective number of control trials after overlap weighting", "trials"),
    "covariate": Meaning("covariate; a level of a text covariate stands as covariate and level"),
    "weighting": Meaning("weights used, none, or trimming to the overlap region"),
    "smd": Meaning("standardised mean difference, treated minus control", "standard deviations"),
    # effects
    "outcome": Meaning("outcome that the row is about"),
    "estimator": Meaning("estimator of the effect"),
    "estimand": Meaning(
        "what is estimated: an association, or the effect over all (ATE), treated (ATT), overlap (ATO)"
    ),
    "population": Meaning("trials that the row is about: all, those in overlap, or those matched"),
    "primary": Meaning("whether the outcome is the one that the decision rests on"),
    "estimate": Meaning("estimated effect of the campaign", "unit of the outcome"),
    "se": Meaning("standard error, clustered by household", "unit of the outcome"),
    "ci_lower": Meaning("lower end of the interval of the row's estimate or value"),
    "ci_upper": Meaning("upper end of the interval of the row's estimate or value"),
    "n_households": Meaning("households", "households"),
    "pooled_effects.method": Meaning("how campaigns are pooled: fixed or random effects"),
    "n_campaigns": Meaning("campaigns", "campaigns"),
    "tau": Meaning("standard deviation of the effect between campaigns", "unit of the outcome"),
    "q": Meaning("Cochran's Q of the campaigns' effects"),
    "q_df": Meaning("its degrees of freedom"),
    "q_p_value": Meaning("its p-value", "0-1"),
    "i2": Meaning("share of the campaigns' spread that is not chance", "0-1"),
    "prediction_lower": Meaning("lower end of where the effect of another campaign would lie", "unit of the outcome"),
    "prediction_upper": Meaning("upper end of where the effect of another campaign would lie", "unit of the outcome"),
    "variation": Meaning("what is varied: trimming, winsorising, or the outcome"),
    "level": Meaning("distance from 0 and 1, or quantile"),
    "campaign_dose.quantity": Meaning("effect, or test, that the row is about"),
    "campaign_dose.estimate": Meaning("effect on the outcome or on campaigns received, or a p-value: see quantity"),
    "dose": Meaning("campaigns of other types that run on the index day"),
    # doubts
    "analysis": Meaning("analysis of sensitivity"),
    "sensitivity.quantity": Meaning("what of the analysis the row holds"),
    "unit": Meaning("unit of the estimate"),
    "sensitivity.meaning": Meaning("what the row says to someone who has to decide"),
    "confounder_benchmarks.group": Meaning("group of covariates"),
    "n_covariates": Meaning("columns of the group"),
    "gain_outcome": Meaning("share of the outcome's variance left over that the confounder explains", "0-1"),
    "gain_treatment": Meaning("share of the treatment's variance left over that the confounder explains", "0-1"),
    "confounder_benchmarks.bias": Meaning(
        "largest bias of the effect by a confounder of that strength", "unit of the outcome"
    ),
    "confounder_benchmarks.lower": Meaning("effect less that bias", "unit of the outcome"),
    "confounder_benchmarks.upper": Meaning("effect plus that bias", "unit of the outcome"),
    "limit": Meaning(
        "end of the effect's interval nearest to zero, or the effect where it includes zero, less that bias",
        "unit of the outcome",
    ),
    "gamma": Meaning("ratio by which the odds of treatment may differ within a pair"),
    "p_value_lower": Meaning("smallest p-value of no effect that such a bias allows", "0-1"),
    "p_value_upper": Meaning("largest p-value of no effect that such a bias allows", "0-1"),
    "hodges_lehmann_lower": Meaning("smallest Hodges-Lehmann estimate that such a bias allows", "unit of the outcome"),
    "hodges_lehmann_upper": Meaning("largest Hodges-Lehmann estimate that such a bias allows", "unit of the outcome"),
    "n_pairs": Meaning("matched pairs", "pairs"),
    "control": Meaning("negative control: placebo outcome or placebo campaign"),
    "n_days": Meaning("mean days that the placebo's outcome sees", "days"),
    "negative_controls.estimate": Meaning("“effect” on spend over n_days", "$"),
    "event_study.estimate": Meaning("effect on the spend of a week", "$"),
    "sensitivity.estimate": Meaning("value of the quantity, in the row's unit"),
    "week": Meaning("week from the index day; 0 is its first"),
    "phase": Meaning("before or after the index day"),
    "model": Meaning("model of the effect"),
    "r_loss": Meaning("mean out-of-fold R-loss; lower is better", "$ squared"),
    "gain_over_constant": Meaning("R-loss of one constant effect minus that of the model", "$ squared"),
    "gain_se": Meaning("standard error of the gain, clustered by household", "$ squared"),
    "chosen": Meaning("whether this row is the one that is used"),
    "cate": Meaning("effect on spend expected for the household", "$"),
    "cate_lower": Meaning("lower end of the interval of the effect", "$"),
    "cate_upper": Meaning("upper end of the interval of the effect", "$"),
    # targeting
    "source": Meaning("where the cost comes from: fixed in the settings, or estimated from the coupons"),
    "n_targeted": Meaning("households that the campaign targeted", "households"),
    "retailer_cost": Meaning("retailer-funded coupon discounts per targeted household", "$"),
    "manufacturer_cost": Meaning("manufacturer-funded coupon discounts per targeted household", "$"),
    "contact_cost": Meaning("cost of targeting one household", "$"),
    "margin": Meaning("profit per $ of sales", "0-1"),
    "breakeven": Meaning("effect on spend whose margin pays one contact", "$"),
    "policy": Meaning("rule that says whom to target"),
    "share_targeted": Meaning("share of households that are targeted", "0-1"),
    "value": Meaning("incremental profit per household, cross-fitted", "$"),
    "value_se": Meaning("standard error of the value, clustered by household", "$"),
    "claimed_value": Meaning("incremental profit per household by the model's own effects", "$"),
    "roi": Meaning("value per $ spent on contacts"),
    "decision": Meaning("target, leave, or test: learn first"),
    "expected_profit": Meaning("margin times the household's effect, minus the contact cost", "$"),
    "reason": Meaning("why the decision is what it is"),
}


def features() -> dict[str, Meaning]:
    """The meaning of every feature, in the order of the catalogue."""
    return {feature.name: Meaning(feature.formula, feature.unit) for feature in CATALOGUE}


def derived() -> Mapping[str, Meaning]:
    """The meaning of every other column that a step adds, in the order of the study."""
    return _DERIVED


def described(table: str, column: str) -> str | None:
    """What a column of a table holds, in words with its unit; None when nothing is written of it."""
    if table in {canonical.name for canonical in schema.TABLES}:
        return _declared(schema.table(table), column)
    known = {**features(), **derived()}
    for name in (f"{table}.{column}", column):
        if name in known:
            return str(known[name])
    # Keys and answers keep their names through the study.
    holders = (canonical for canonical in schema.TABLES if column in canonical.column_names)
    return next((_declared(holder, column) for holder in holders), None)


def _declared(table: schema.Table, name: str) -> str | None:
    if name not in table.column_names:
        return None
    column = table.column(name)
    return str(Meaning(column.meaning, column.unit))
