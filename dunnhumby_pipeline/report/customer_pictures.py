"""The pictures of who the customers are, with their alternative texts; `pictures` embeds them."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from dunnhumby_pipeline.contracts.frames import comparable
from dunnhumby_pipeline.figures.customers import factors, flows, lifetime_value, migration, profiles, segmentation
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.words import numbers, terms
from dunnhumby_pipeline.words.features import feature, segment_name, segment_names

Drawn = dict[str, tuple[Figure, str]]


def draw_customers(tables: StudyTables, settings: Settings) -> Drawn:
    """Figure and alternative text of every picture whose tables were built, by name."""
    return {
        **_profiles(tables),
        **_value(tables),
        **_over_time(tables, settings),
        **_model(tables, settings),
    }


def _profiles(tables: StudyTables) -> Drawn:
    drawn: Drawn = {}
    known = tables.segment_profiles
    if known is None:
        return drawn
    sizes = "; ".join(
        f"{row['segment_name']}, {numbers.count(row['n_households'])} households, "
        f"{numbers.percent(row['revenue_share'])} of revenue"
        for _, row in known.iterrows()
    )
    drawn["sizes"] = (segmentation.segment_sizes(known), f"Bars of households and revenue per segment: {sizes}.")
    if tables.segment_features is not None:
        found = tables.segment_features
        alt = "Heatmap of features by segment."
        independent = found[found["role"] == "independent"]
        if independent["z_score"].notna().any():
            standing = _standing_out(independent, segment_names(known))
            alt += f" What stands out most, among features that the segments do not rest on: {standing}."
        drawn["profile"] = (profiles.segment_profile_heatmap(found, known), alt)
        alt = (
            "Eight maps of the segments by two features each: "
            + "; ".join(title.lower() for title, _, _ in profiles.POSITIONS)
            + ". Their means are in the heatmap above."
        )
        drawn["positions"] = (profiles.positioning_bubbles(found, known), alt)
    return drawn


def _standing_out(found: pd.DataFrame, names: dict[str, str]) -> str:
    scores = found.dropna(subset=["z_score"])
    farthest = scores.loc[scores["z_score"].abs().groupby(scores["segment"]).idxmax()]
    return "; ".join(
        f"{segment_name(row['segment'], names)}, {feature(row['feature'])} {numbers.signed(row['z_score'])}"
        for _, row in farthest.iterrows()
    )


def _value(tables: StudyTables) -> Drawn:
    drawn: Drawn = {}
    if tables.value_need is not None:
        largest = tables.value_need.loc[tables.value_need["revenue"].idxmax()]
        alt = (
            "Heatmaps of households, revenue and discount rate by lifetime value tier and leading need. Most "
            f"revenue, {numbers.percent(largest['revenue_share'])}, comes from {largest['clv_tier']} lifetime value, "
            f"{largest['need']}."
        )
        drawn["value_need"] = (lifetime_value.value_need_heatmap(tables.value_need), alt)
    if tables.pareto_curve is not None:
        drawn["pareto"] = (
            lifetime_value.pareto_curve(tables.pareto_curve),
            "Curve of the share of revenue by share of households, the largest revenue first, above the diagonal.",
        )
    if tables.segment_lifetime_value is not None and tables.segment_profiles is not None:
        names = segment_names(tables.segment_profiles)
        alt = "Mean sales expected of a household in 52 weeks: " + "; ".join(
            f"{segment_name(row['segment'], names)} "
            f"{numbers.interval(row['clv_mean'], row['ci_lower'], row['ci_upper'], '$')}"
            for _, row in tables.segment_lifetime_value.iterrows()
        )
        figure = lifetime_value.clv_by_segment(tables.segment_lifetime_value, tables.segment_profiles)
        drawn["clv"] = (figure, alt)
    if tables.clv_validation is not None:
        alt = "Mean error of each forecast against that of the naive one: " + "; ".join(
            f"{row['target']} by {row['forecast']}, {row['verdict']}" for _, row in tables.clv_validation.iterrows()
        )
        drawn["clv_errors"] = (lifetime_value.clv_errors(tables.clv_validation), alt)
    if tables.clv_calibration is not None:
        drawn["calibration"] = (
            lifetime_value.clv_calibration(tables.clv_calibration),
            "Forecast against what came in the half-year held out, by bins of households, with intervals.",
        )
    return drawn


def _over_time(tables: StudyTables, settings: Settings) -> Drawn:
    drawn: Drawn = {}
    if tables.segment_stability is not None:
        floors = {"warm": settings.checks.warm_ari_floor, "cold": settings.checks.cold_ari_floor}
        means = tables.segment_stability.groupby("start")["ari"].mean()
        alt = "Adjusted Rand index of bootstrap refits, mean: " + "; ".join(
            f"{start} start {mean:.2f}" for start, mean in means.items()
        )
        drawn["stability"] = (segmentation.stability_distribution(tables.segment_stability, floors), alt)
    if tables.segment_jaccard is not None and tables.segment_profiles is not None:
        names = segment_names(tables.segment_profiles)
        alt = "Mean overlap of each segment with its closest refitted one: " + "; ".join(
            f"{segment_name(row['segment'], names)} {row['mean_jaccard']:.2f}"
            for _, row in tables.segment_jaccard.iterrows()
        )
        drawn["recovery"] = (segmentation.segment_recovery(tables.segment_jaccard, tables.segment_profiles), alt)
    summary = tables.migration_summary
    if summary is not None:
        shown = comparable(summary)
        alt = (
            "Agreement between periods over time; on average the adjusted Rand index is "
            f"{shown['ari'].mean():.2f} and {numbers.percent(shown['share_staying'].mean())} of households stay."
        )
        drawn["consistency"] = (migration.consistency_over_periods(summary, settings.checks.migration_ari_floor), alt)
        if tables.segment_migration is not None and tables.segment_profiles is not None:
            moved = (tables.segment_migration, summary, tables.segment_profiles)
            drawn["flows"] = (
                flows.segment_flows(*moved),
                "Flows of households between segments from period to period; their shares are in the matrix below.",
            )
            drawn["moves"] = (
                flows.flow_matrix(*moved),
                "Matrix of the share of each segment's households that were in each segment a period later.",
            )
        if tables.segment_drift is not None:
            whole = tables.segment_drift[tables.segment_drift["kind"] != "segment"]
            worst = whole.loc[whole["psi"].idxmax()]
            alt = (
                "Population stability index of features and the mix of segments, period by period; the largest is "
                f"{worst['psi']:.2f}, of {feature(worst['name'])}."
            )
            drawn["drift"] = (migration.drift_over_periods(tables.segment_drift, summary), alt)
    if tables.early_warning is not None:
        alt = (
            f"Spend before and after of {numbers.count(len(tables.early_warning))} households that fell from high "
            "value, beside what became of those listed earlier."
        )
        drawn["warning"] = (migration.early_warning_spend(tables.early_warning, tables.warning_evidence), alt)
    return drawn


def _model(tables: StudyTables, settings: Settings) -> Drawn:
    drawn: Drawn = {}
    if tables.factor_selection is not None:
        scan = tables.factor_selection
        chosen = ", ".join(str(number) for number in scan.loc[scan["chosen"].astype(bool), "n_factors"])
        floor = settings.segmentation.factor_stability_floor
        drawn["selection"] = (
            factors.factor_selection_curve(scan, floor),
            f"Variance explained, stability, error and sparsity by number of factors; in use: {chosen or 'none'}.",
        )
    if tables.factor_loadings is not None:
        alt = "Heatmap of factor loadings. Strongest feature of each factor: " + _strongest(tables.factor_loadings)
        drawn["loadings"] = (factors.factor_loadings_heatmap(tables.factor_loadings), alt)
    built = (tables.nmf_factors, tables.segments, tables.factor_loadings, tables.segment_profiles)
    scores, segments, loadings, known = built
    if scores is not None and segments is not None and loadings is not None and known is not None:
        drawn["factor_scores"] = (
            factors.factor_scores_by_segment(scores, segments, loadings, known),
            "Median and spread of the factor scores of each segment's households, a panel a factor.",
        )
    if tables.segment_scoreboard is not None:
        alt = (
            "Candidates by number of segments: agreement of refits, silhouette and other figures of merit. "
            + "; ".join(
                f"{row['role']}: {row['n_factors']} factors, {row['n_segments']} segments, ARI {row['cold_ari']:.2f}"
                for _, row in tables.segment_scoreboard.iterrows()
                if row["role"] != "candidate"
            )
        )
        target = settings.segmentation.stability_target
        drawn["scoreboard"] = (segmentation.cluster_scoreboard(tables.segment_scoreboard, target), alt)
    return drawn


def _strongest(factor_loadings: pd.DataFrame) -> str:
    best = factor_loadings.loc[factor_loadings.groupby("factor")["loading"].idxmax()]
    rows = zip(best["factor_name"], best["feature"], strict=True)
    return "; ".join(f"{terms.spoken(factor)}, {feature(name)}" for factor, name in rows)
