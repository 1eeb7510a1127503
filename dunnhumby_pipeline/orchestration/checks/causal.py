"""Judgements of trials, overlap, balance and effects."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.cate.validation.proof import heterogeneity_proven
from dunnhumby_pipeline.causal.effects.differences import PAIRED
from dunnhumby_pipeline.causal.overlap.positivity import overlap_sizes, support
from dunnhumby_pipeline.contracts.names import (
    ALL_CAMPAIGNS,
    ALL_FOLDS,
    E_VALUE,
    E_VALUE_OF_INTERVAL,
    LEFT_TO_CERTIFY,
    STACK,
)
from dunnhumby_pipeline.engine.duck import connect, table_at
from dunnhumby_pipeline.engine.tables import TablePath
from dunnhumby_pipeline.orchestration.checks.check import Sight
from dunnhumby_pipeline.orchestration.checks.verdict import Verdict
from dunnhumby_pipeline.settings import CheckSettings, EngineSettings, OverlapSettings
from dunnhumby_pipeline.words import terms


def no_look_ahead(trials: pd.DataFrame, transactions: TablePath, engine: EngineSettings) -> Verdict:
    """What a trial knows is what its look-back holds, recomputed from the lines in plain SQL.

    For every trial the last purchase day, baskets and spend of `[lookback_start, index_day)` are computed
    again; the covariates must say the same, and the last feature day must lie before the index day.
    """
    columns = [
        "household_key",
        "campaign",
        "index_day",
        "lookback_start",
        "recency",
        "frequency",
        "monetary_sales",
    ]
    with connect(engine) as connection:
        connection.register("trials", trials[columns])
        recomputed = connection.execute(
            f"""SELECT r.household_key, r.campaign, max(l.day) AS last_day, count(DISTINCT l.basket_id) AS baskets,
                       sum(l.sales_value) AS sales
                FROM trials r JOIN {table_at(connection, transactions)} l
                  ON l.household_key = r.household_key AND l.day >= r.lookback_start AND l.day < r.index_day
                GROUP BY ALL"""
        ).fetchdf()
    merged = trials[columns].merge(recomputed, on=["household_key", "campaign"], how="left")
    last_feature_day = merged["index_day"] - 1 - merged["recency"]
    ahead = int((last_feature_day >= merged["index_day"]).sum())
    differs = (
        (last_feature_day != merged["last_day"])
        | (merged["frequency"] != merged["baskets"])
        | ~np.isclose(merged["monetary_sales"], merged["sales"].fillna(-1.0), atol=0.01)
    )
    metrics = {"n_trials": len(merged), "n_ahead": ahead, "n_differing": int(differs.sum())}
    if merged.empty:
        return Verdict(False, "there are no trials: no household that shopped in a look-back is eligible", metrics)
    if ahead or differs.any():
        found = f"{ahead} trials with a feature day on or after the index day, {int(differs.sum())} that differ"
        return Verdict(False, f"{found} from their look-back recomputed from the lines", metrics)
    margin = int((merged["index_day"] - last_feature_day).min())
    return Verdict(True, f"{len(merged):,} trials agree; last feature day at least {margin} day before", metrics)


def look_ahead(sight: Sight) -> Verdict:
    return no_look_ahead(sight.read("first_campaign_cohort"), sight.path("transactions"), sight.study.settings.engine)


def arms_large_enough(trials: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """Both arms have enough trials at all: the overlap region cannot hold more."""
    treated = int((trials["treated"] == 1).sum())
    control = len(trials) - treated
    least = settings.min_trials_per_arm
    passed = min(treated, control) >= least
    advice = "" if passed else f"; at least {least} of each are needed: pool more campaigns, or another campaign type"
    text = f"{treated:,} treated and {control:,} control trials"
    return Verdict(passed, f"{text}{advice}", {"n_treated": treated, "n_control": control})


def arms_in_overlap(propensity: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """Both arms have enough trials in the overlap region."""
    inside = propensity.loc[propensity["in_overlap"]]
    treated = int((inside["treated"] == 1).sum())
    control = len(inside) - treated
    least = settings.min_trials_per_arm
    passed = min(treated, control) >= least
    advice = "" if passed else f"; at least {least} of each are needed: pool more campaigns, or another campaign type"
    metrics = {"n_treated_in_overlap": treated, "n_control_in_overlap": control}
    return Verdict(passed, f"{treated:,} treated and {control:,} control trials in overlap{advice}", metrics)


def effective_arms(diagnostics: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """Both arms hold enough information under overlap weights (effective sample size)."""
    whole = _whole(diagnostics)
    treated, control = float(whole["ess_treated"]), float(whole["ess_control"])
    least = settings.min_effective_trials
    passed = min(treated, control) >= least
    advice = "" if passed else f"; at least {least:g} of each are needed: pool more campaigns, or another campaign type"
    text = f"effective sample size {treated:,.0f} treated and {control:,.0f} control trials"
    return Verdict(passed, f"{text}{advice}", {"ess_treated": treated, "ess_control": control})


def overlap_share(diagnostics: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """The share of trials in overlap is not too small for the effect to describe the customers."""
    share = float(_whole(diagnostics)["share_in_overlap"])
    passed = share >= settings.min_overlap_share
    advice = "" if passed else "; effects are about this part of the customers only"
    text = f"{share:.0%} of trials in overlap, at least {settings.min_overlap_share:.0%} expected{advice}"
    return Verdict(passed, text, {"share_in_overlap": share})


def propensity_auc(diagnostics: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """The covariates do not give the treatment away."""
    auc = float(_whole(diagnostics)["auc"])
    passed = auc <= settings.max_propensity_auc
    advice = "" if passed else "; targeting followed the covariates closely: weigh how little overlap is left"
    text = f"propensity AUC {auc:.3f}, at most {settings.max_propensity_auc:.2f} expected{advice}"
    return Verdict(passed, text, {"auc": auc})


def balance_after_weighting(balance: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """No covariate differs between the arms by more than the ceiling after overlap weighting."""
    weighted = balance.loc[balance["weighting"] == "overlap"]
    unknown = weighted.loc[weighted["smd"].isna(), "covariate"]
    if weighted.empty or len(unknown):
        return Verdict(False, f"no SMD after overlap weighting for {', '.join(unknown) or 'any covariate'}")
    worst = weighted.loc[weighted["smd"].abs().idxmax()]
    largest = abs(float(worst["smd"]))
    passed = largest <= settings.max_weighted_smd
    advice = (
        "" if passed else "; the propensity model misses it: look at it campaign by campaign, or add it in another form"
    )
    text = f"largest |SMD| after overlap weighting {largest:.3f} ({worst['covariate']}), "
    return Verdict(passed, f"{text}ceiling {settings.max_weighted_smd:.2f}{advice}", {"max_weighted_smd": largest})


def balance_in_every_campaign(balance: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """In no campaign does a covariate differ by more than the ceiling and more than noise after overlap weighting."""
    if balance.empty or balance["smd"].isna().any():
        missing = ", ".join(sorted(set(balance.loc[balance["smd"].isna(), "campaign"])))
        return Verdict(False, f"no SMD after overlap weighting in campaign {missing or '(none)'}")
    ceiling, size = settings.max_campaign_smd, balance["smd"].abs()
    worst = balance.loc[size.groupby(balance["campaign"]).idxmax()]
    told = "; ".join(
        f"campaign {row.campaign}: {abs(row.smd):.2f} ({row.covariate}, noise up to {row.noise_any:.2f})"
        for row in worst.itertuples()
    )
    metrics = {f"max_smd_{row.campaign}": abs(float(row.smd)) for row in worst.itertuples()}
    beyond = balance.loc[(size > ceiling) & ~(size <= balance["noise_any"]) & balance["noise_any"].notna()]
    text = f"largest |SMD| after overlap weighting by campaign, ceiling {ceiling:.2f} or noise: {told}"
    if beyond.empty:
        return Verdict(True, text, metrics)
    named = "; ".join(f"{row.covariate} in campaign {row.campaign} {abs(row.smd):.2f}" for row in beyond.itertuples())
    advice = "the propensity misses what decided there: another form of the covariate, or leave the campaign out"
    return Verdict(False, f"{text}; over both: {named}; {advice}", metrics)


def calibrated_in_every_campaign(calibration: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """The propensity's calibration slope is near 1 in every campaign, or not further off than noise."""
    most, slope = settings.max_slope_deviation, calibration["slope"]
    told = "; ".join(
        f"campaign {row.campaign}: {row.slope:.2f} (noise {row.noise_lower:.2f} to {row.noise_upper:.2f})"
        for row in calibration.itertuples()
    )
    metrics = {f"slope_{row.campaign}": float(row.slope) for row in calibration.itertuples() if row.slope == row.slope}
    noise = slope.between(calibration["noise_lower"], calibration["noise_upper"])
    # Where no finite line fits, trials are too few, or the arms apart: other checks say which.
    off = calibration.loc[slope.notna() & ~(((slope - 1).abs() <= most) | noise), "campaign"]
    text = f"calibration slope by campaign, 1 give or take {most:.2f} or noise: {told}"
    if off.empty:
        return Verdict(True, text, metrics)
    advice = "propensities there are too extreme (below 1) or too timid (above 1): read effects by campaign with care"
    return Verdict(False, f"{text}; off in campaign {', '.join(map(str, off))}: {advice}", metrics)


def estimators_agree(differences: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """The estimators of one estimand do not differ by more than the error of their difference."""
    main = differences.loc[differences["primary"].astype(bool)]
    paired = main["comparison"] == PAIRED
    unknown = int((main["difference"].isna() | (paired & main["se"].isna())).sum())
    if main.empty or unknown:
        found = f"{unknown} differences are not known" if len(main) else "no two estimates of one estimand to compare"
        return Verdict(False, f"{found}: see the arms in overlap", {"n_pairs": len(main)})
    apart = main.loc[main["apart"].astype(bool)]
    metrics = {"n_pairs": len(main), "n_apart": len(apart)}
    smallest = main["p_adjusted"].min()
    text = f"{len(main)} pairs of estimators of one estimand" + (
        f", smallest p {smallest:.2g} (Holm)" if pd.notna(smallest) else ""
    )
    if apart.empty:
        return Verdict(True, text, metrics)
    told = "; ".join(_pair_told(row) for _, row in apart.iterrows())
    return Verdict(False, f"{text}; beyond noise: {told}: see the balance and overlap figures before either", metrics)


def _pair_told(row: pd.Series) -> str:
    a, b = (terms.estimator_in(row[f"estimator_{end}"], row[f"population_{end}"]) for end in "ab")
    error = f"SE {row['se']:.1f}" if row["comparison"] == PAIRED else "intervals apart"
    return f"{row['estimand']}: {a} less {b} {row['difference']:.1f} ({error})"


def positivity(nuisances: pd.DataFrame, settings: CheckSettings, overlap: OverlapSettings | None = None) -> Verdict:
    """Enough trials could have been in either arm, given how rare the campaign is."""
    treated, propensity, bounded = _arms(nuisances)
    found = support(treated, propensity, bounded, overlap or OverlapSettings())
    sizes, most = overlap_sizes(treated, propensity), settings.max_share_without_support
    lacking, few = max(found.lacking, found.rarer_lacking), min(sizes) < settings.min_effective_trials
    passed = lacking <= most and not few
    whom = "trials" if found.lacking >= found.rarer_lacking else "the rarer arm's trials"
    where = "at a bound of the propensity or where the other arm has next to none"
    text = (
        f"{lacking:.1%} of {whom} {where}, at most {most:.0%} allowed; {found.in_overlap:.0%} of trials in overlap "
        f"relative to how often the campaign treats, worth {sizes[0]:,.0f} treated and {sizes[1]:,.0f} control trials"
    )
    if few:
        text += f", at least {settings.min_effective_trials:g} of each are needed"
    if not passed:
        text += (
            "; there are too few to compare with, so no average over all trials is identified: pool other campaigns, "
            "or another campaign type"
        )
    metrics = {
        "share_without_support": lacking,
        "share_in_relative_overlap": found.in_overlap,
        "effective_treated": sizes[0],
        "effective_control": sizes[1],
    }
    return Verdict(passed, text, metrics)


def positivity_of(sight: Sight) -> Verdict:
    settings = sight.study.settings
    return positivity(sight.read("nuisances"), settings.checks, settings.overlap)


def propensities_bounded_of(sight: Sight) -> Verdict:
    settings = sight.study.settings
    return propensities_bounded(sight.read("nuisances"), settings.checks, settings.overlap)


def propensities_bounded(
    nuisances: pd.DataFrame, settings: CheckSettings, overlap: OverlapSettings | None = None
) -> Verdict:
    """Few propensities lie at the bound that keeps them from 0 and 1, without counterparts there."""
    share = support(*_arms(nuisances), overlap or OverlapSettings()).bounded
    passed = share <= settings.max_share_bounded
    advice = (
        ""
        if passed
        else "; effects over all trials (ATE by AIPW, TMLE, IPW) rest on the bound and their intervals are too narrow: "
        "quote the effect in overlap"
    )
    most = f"at most {settings.max_share_bounded:.0%} expected{advice}"
    text = f"{share:.1%} of propensities bounded without counterparts, {most}"
    return Verdict(passed, text, {"share_bounded": share})


def _arms(
    nuisances: pd.DataFrame,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    return (
        nuisances["treated"].to_numpy(dtype=float),
        nuisances["propensity"].to_numpy(dtype=float),
        nuisances["propensity_bounded"].to_numpy(dtype=bool),
    )


def e_value(sensitivity: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """A weak unmeasured cause could not explain the effect away."""
    found = sensitivity.loc[(sensitivity["analysis"] == E_VALUE) & (sensitivity["quantity"] == E_VALUE_OF_INTERVAL)]
    value = float(found["estimate"].iloc[0]) if len(found) else float("nan")
    metrics = {"e_value": value}
    if np.isnan(value):
        return Verdict(False, "no E-value: the effect or its interval is missing; see average_effects", metrics)
    text = f"E-value of the interval {value:.2f}"
    if value >= settings.min_e_value:
        return Verdict(True, f"{text}, at least {settings.min_e_value:g} expected", metrics)
    advice = (
        "the interval includes zero, so there is nothing yet to explain away: read the effect as not proven"
        if value <= 1
        else "a weak unmeasured cause of both targeting and the outcome would explain the effect away: test before you "
        "roll out"
    )
    return Verdict(False, f"{text}, below {settings.min_e_value:g}; {advice}", metrics)


def heterogeneity(tests: pd.DataFrame, scoreboard: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """The stack of effect models beats the constant, and its order holds on later households."""
    proof = heterogeneity_proven(scoreboard, tests)
    whole = scoreboard.loc[scoreboard["fold"] == ALL_FOLDS].set_index("model")
    # What is left to a certificate is no fault of the data.
    unfitted = whole["reason"].dropna().loc[lambda reasons: reasons != LEFT_TO_CERTIFY]
    beside = f"; left out: {'; '.join(map(terms.model, unfitted.index))}" if len(unfitted) else ""
    row, known = whole.loc[STACK], bool(np.isfinite(proof.p))
    gain = f"{row['gain_over_constant']:.4g} (SE {row['gain_se']:.4g}) in R-loss"
    slope = f"p {proof.p:.2g}" if known else "it ranks nothing"
    metrics = {"gain_over_constant": float(row["gain_over_constant"]), **({"p_slope": proof.p} if known else {})}
    if not proof.gate:
        of = f"the order of {terms.model(proof.model)}"
        held = f"{of} {'holds' if proof.blp else 'is not proven either'} on later households"
        text = f"not proven: the stack's gain over one constant effect for all is {gain}; {held} ({slope}){beside}"
        return Verdict(False, text, metrics)
    text = f"the stack beats the constant by {gain}"
    if proof.proven:
        return Verdict(True, f"{text}, and its order holds on later households ({slope}){beside}", metrics)
    return Verdict(
        False, f"not proven: {text}, but its order may not hold on later households ({slope}){beside}", metrics
    )


def _whole(diagnostics: pd.DataFrame) -> pd.Series:
    return diagnostics.loc[diagnostics["campaign"] == ALL_CAMPAIGNS].iloc[0]
