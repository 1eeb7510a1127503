"""Each picture draws the numbers it is given, names its axes with units, and says which column is missing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from dunnhumby_pipeline.contracts import frames
from dunnhumby_pipeline.figures.campaign import balance, overlap, targeting
from dunnhumby_pipeline.figures.customers import (
    factors,
    flows,
    lifetime_value,
    migration,
    noise,
    positions,
    profiles,
    reference,
    risk,
    segmentation,
)
from dunnhumby_pipeline.figures.kit import style
from dunnhumby_pipeline.words import numbers, terms
from dunnhumby_pipeline.words.features import covariate
from dunnhumby_pipeline_tests.fakes.drawn import labels, line, printed
from dunnhumby_pipeline_tests.fakes.results import campaign, customers, study
from dunnhumby_pipeline_tests.fakes.results import noise as noise_results
from dunnhumby_pipeline_tests.fakes.results import risk as risks

DRAWINGS: dict[str, tuple[Callable[[], pd.DataFrame], Callable[[pd.DataFrame], Figure], str]] = {
    "factor_loadings": (customers.factor_loadings, factors.factor_loadings_heatmap, "loading"),
    "factor_selection": (
        customers.factor_selection,
        lambda frame: factors.factor_selection_curve(frame, 0.95),
        "chosen",
    ),
    "nmf_factors": (
        customers.nmf_factors,
        lambda frame: factors.factor_scores_by_segment(
            frame, customers.segments(), customers.factor_loadings(), customers.segment_profiles()
        ),
        "factor_2",
    ),
    "segment_profiles": (customers.segment_profiles, segmentation.segment_sizes, "revenue_share"),
    "segment_scoreboard": (
        customers.segment_scoreboard,
        lambda frame: segmentation.cluster_scoreboard(frame, 0.8),
        "davies_bouldin",
    ),
    "segment_stability": (customers.segment_stability, segmentation.stability_distribution, "ari"),
    "segment_jaccard": (
        customers.segment_jaccard,
        lambda frame: segmentation.segment_recovery(frame, customers.segment_profiles()),
        "recovered",
    ),
    "segment_features": (
        customers.segment_features,
        lambda frame: profiles.segment_profile_heatmap(frame, customers.segment_profiles()),
        "role",
    ),
    "positions segment_features": (
        customers.segment_features,
        lambda frame: positions.positioning_bubbles(frame, customers.segment_profiles()),
        "overall_mean",
    ),
    "reference_features": (
        customers.reference_features,
        lambda frame: reference.profiles_side_by_side(
            (frame, customers.reference_profiles()), (customers.segment_features(), customers.segment_profiles())
        ),
        "eta_squared",
    ),
    "positions reference_features": (
        customers.reference_features,
        lambda frame: positions.positions_side_by_side(
            (frame, customers.reference_profiles()), (customers.segment_features(), customers.segment_profiles())
        ),
        "overall_mean",
    ),
    "reference_profiles": (
        customers.reference_profiles,
        lambda frame: reference.sizes_side_by_side(frame, customers.segment_profiles()),
        "share_high",
    ),
    "pareto_curve": (customers.pareto_curve, lifetime_value.pareto_curve, "share_of_revenue"),
    "clv_calibration": (customers.clv_calibration, lifetime_value.clv_calibration, "ci_upper"),
    "clv_validation": (customers.clv_validation, lifetime_value.clv_errors, "verdict"),
    "segment_lifetime_value": (
        customers.segment_lifetime_value,
        lambda frame: lifetime_value.clv_by_segment(frame, customers.segment_profiles()),
        "share_mid",
    ),
    "value_need": (customers.value_need, lifetime_value.value_need_heatmap, "discount_rate"),
    "segment_migration": (
        customers.segment_migration,
        lambda frame: flows.segment_flows(frame, customers.migration_summary(), customers.segment_profiles()),
        "n",
    ),
    "matrix segment_migration": (
        customers.segment_migration,
        lambda frame: flows.flow_matrix(frame, customers.migration_summary(), customers.segment_profiles()),
        "to_segment",
    ),
    "migration_summary": (customers.migration_summary, migration.consistency_over_periods, "share_staying_tier"),
    "movement_noise": (noise_results.movement_noise, noise.stay_and_ceiling, "ci_upper"),
    "label_prediction": (noise_results.label_prediction, noise.label_strength, "r2"),
    "smoothing_weights": (noise_results.smoothing_weights, noise.smoothing_choice, "forecast_error"),
    "segment_drift": (
        customers.segment_drift,
        lambda frame: migration.drift_over_periods(frame, customers.migration_summary()),
        "psi",
    ),
    "fallen": (risks.fallen, lambda frame: risk.fall_and_recovery(frame, risks.recovery_validation()), "spend_after"),
    "recovery_validation": (
        risks.recovery_validation,
        lambda frame: risk.fall_and_recovery(risks.fallen(), frame),
        "others_at",
    ),
    "risk_calibration": (
        risks.risk_calibration,
        lambda frame: risk.falls_foreseen(frame, 0.1),
        "share_fell",
    ),
    "propensity": (campaign.propensity, overlap.propensity_overlap, "propensity"),
    "covariate_balance": (campaign.covariate_balance, lambda frame: overlap.love_plot(frame, 0.1), "smd"),
    "campaign_balance": (
        campaign.campaign_balance,
        lambda frame: balance.balance_by_campaign(frame, campaign.campaign_calibration(), 0.2, 0.1),
        "noise_any",
    ),
    "campaign_calibration": (
        campaign.campaign_calibration,
        lambda frame: balance.balance_by_campaign(campaign.campaign_balance(), frame, 0.2, 0.1),
        "slope",
    ),
    "propensity_calibration": (campaign.propensity_calibration, overlap.propensity_calibration, "ci_upper"),
    "roi_curve": (study.roi_curve, targeting.roi_curve, "share_targeted"),
    "policy_value": (study.policy_value, targeting.policy_comparison, "claimed_value"),
}


@pytest.mark.parametrize("table", DRAWINGS)
def test_a_missing_column_is_named(table: str) -> None:
    make, draw, column = DRAWINGS[table]
    with pytest.raises(ValueError, match=rf"{table.split()[-1]} lacks the column\(s\) {column}"):
        draw(make().drop(columns=column))


@pytest.mark.parametrize("table", [table for table in DRAWINGS if table != "fallen"])
def test_an_empty_table_is_named(table: str) -> None:
    make, draw, _ = DRAWINGS[table]
    with pytest.raises(ValueError, match=f"{table.split()[-1]} has no rows"):
        draw(make().iloc[:0])


def test_drawing_leaves_the_process_as_it_was() -> None:
    # Reading the backend would choose one, and so load pyplot.
    code = (
        "import sys, matplotlib\n"
        "keys = set(matplotlib.rcParams) - {'backend'}\n"
        "def state(): return {key: matplotlib.rcParams[key] for key in keys}\n"
        "before = state()\n"
        "import pandas, json\n"
        "from dunnhumby_pipeline.figures.campaign import targeting\n"
        "targeting.roi_curve(pandas.DataFrame(json.loads(sys.argv[1])))\n"
        "assert 'matplotlib.pyplot' not in sys.modules and state() == before"
    )
    curve = json.dumps(study.roi_curve().to_dict("list"))
    subprocess.run([sys.executable, "-c", code, curve], check=True, env={"PYTHONPATH": ":".join(sys.path)})


def test_propensities_are_mirrored_shares_of_each_arm() -> None:
    scores = campaign.propensity()
    whole, *campaigns = overlap.propensity_overlap(scores, (0.2, 0.8)).axes
    treated, control = whole.containers
    for bars, arm, side in ((treated, 1, 1), (control, 0, -1)):
        values = scores.loc[scores["treated"] == arm, "propensity"]
        heights = [bar.get_height() for bar in bars]
        assert sum(heights) == pytest.approx(side)
        assert heights[0] == pytest.approx(side * (values < 0.025).mean())
    outside = (~scores["propensity"].between(0.2, 0.8)).mean()
    named = [str(patch.get_label()) for patch in whole.patches]
    assert f"outside 0.2 to 0.8: {numbers.percent(outside)} of trials" in named
    assert len(campaigns) == len(campaign.CAMPAIGNS) and campaigns[0].get_title("left") == "Campaign 30: 344 / 1,701"
    assert "Propensity" in whole.get_xlabel() and "%" in whole.get_ylabel()


def test_one_campaign_needs_no_small_panels() -> None:
    scores = campaign.propensity()
    assert len(overlap.propensity_overlap(scores.loc[scores["campaign"] == 8]).axes) == 1


def test_the_love_plot_has_the_worst_covariates_and_the_ceiling() -> None:
    table = campaign.covariate_balance()
    (axes,) = overlap.love_plot(table, ceiling=0.1, max_rows=5).axes
    sizes = table.assign(size=table["smd"].abs()).pivot(index="covariate", columns="weighting", values="size")
    worst = sizes.sort_values("none", ascending=False).head(5)
    for weighting in sizes.columns:
        assert np.allclose(line(axes, f"{terms.weighting(weighting)}, worst")[:, 0], worst[weighting])
    assert labels(axes) == [covariate(name) for name in worst.index]
    assert line(axes, "ceiling 0.1")[0, 0] == 0.1
    assert f"{len(sizes) - 5} more covariates" in axes.get_xlabel()


def test_every_weighting_has_its_own_mark_and_its_worst_difference_over_all_covariates() -> None:
    table = campaign.covariate_balance()
    (axes,) = overlap.love_plot(table, ceiling=0.25).axes
    assert len(labels(axes)) == 30
    worst = table.assign(size=table["smd"].abs()).groupby("weighting")["size"].max()
    drawn = {str(found.get_label()): found for found in axes.get_lines()}
    for weighting, size in worst.items():
        assert f"{terms.weighting(str(weighting))}, worst {numbers.number(size, 2)}" in drawn
    marks = [found for label, found in drawn.items() if ", worst " in label]
    # In grey only shape and filling are left.
    looks = {(found.get_marker(), found.get_markerfacecolor() == "white") for found in marks}
    assert len(marks) == len(looks) == 6


def test_an_infinite_difference_stands_at_the_edge_and_says_so() -> None:
    table = campaign.covariate_balance()
    table.loc[(table["covariate"] == "campaign_8") & (table["weighting"] == "none"), "smd"] = -np.inf
    (axes,) = overlap.love_plot(table, ceiling=0.25).axes
    assert labels(axes)[0] == "Campaign 8"
    assert line(axes, f"unweighted, worst {numbers.INFINITY}")[0, 0] < axes.get_xlim()[1]
    assert printed(axes) == [numbers.INFINITY]
    assert "tells the arms apart" in axes.get_xlabel()


def test_a_weighting_that_was_not_possible_has_no_worst_difference() -> None:
    table = campaign.covariate_balance()
    table.loc[table["weighting"] == "entropy", "smd"] = np.nan
    (axes,) = overlap.love_plot(table, ceiling=0.25).axes
    assert np.isnan(line(axes, f"entropy balancing, worst {numbers.NOTHING}")[:, 0]).all()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("age_desc_19-24", "Age: 19-24"),
        ("lookback_segment_high_value_top_up", "Look-back segment: high value top up"),
        ("missingindicator_monetary_std", "Spread of sales per basket: not known"),
        ("received_typeb", "Campaigns of type B received"),
        ("campaign_13", "Campaign 13"),
        ("frequency_per_day", "Baskets, per day of look-back"),
        ("spend_trend", "Trend of spend"),
        ("something_new", "Something new"),
    ],
)
def test_covariates_are_named_in_words(name: str, said: str) -> None:
    assert covariate(name) == said


def test_calibration_has_a_bin_a_point_with_its_interval_and_its_trials() -> None:
    table = campaign.propensity_calibration()
    axes, sizes = overlap.propensity_calibration(table.sample(frac=1, random_state=2)).axes
    assert np.allclose(line(axes, "10 bins"), table[["mean_propensity", "share_treated"]])
    assert np.allclose(line(axes, "as often as"), [[0, 0], [1, 1]])
    (ends,) = axes.collections
    assert np.allclose([part[:, 1] for part in ends.get_segments()], table[["ci_lower", "ci_upper"]])  # type: ignore[attr-defined]
    (held,) = sizes.collections
    assert [part[1, 1] for part in held.get_segments()] == table["n_trials"].to_list()  # type: ignore[attr-defined]
    assert "%" in axes.get_ylabel() and "%" in sizes.get_xlabel()


def test_a_bin_without_an_interval_is_a_point_alone() -> None:
    table = campaign.propensity_calibration().assign(ci_lower=np.nan)
    axes, _ = overlap.propensity_calibration(table).axes
    assert len(axes.collections[0].get_segments()) == 0  # type: ignore[attr-defined]
    assert len(line(axes, "10 bins")) == 10


def test_a_covariate_over_the_ceiling_is_drawn_whatever_its_unweighted_difference() -> None:
    table = campaign.covariate_balance()
    spoilt = (table["covariate"] == "age_unknown") & (table["weighting"] == "overlap")
    table.loc[spoilt, "smd"] = -3.0
    (axes,) = overlap.love_plot(table, ceiling=0.1, max_rows=5).axes
    assert "Age unknown" in labels(axes)


def test_balance_by_campaign_has_a_row_of_dots_and_a_slope_per_campaign() -> None:
    table, slopes = campaign.campaign_balance(), campaign.campaign_calibration()
    table.loc[(table["campaign"] == "30") & (table["covariate"] == "recency"), "smd"] = -0.3
    axes, beside = balance.balance_by_campaign(table, slopes, 0.2, 0.1).axes
    assert labels(axes)[0] == "Campaign 8: 300 / 1,100"
    assert np.allclose(line(axes, "a covariate")[:, 0], [0.02, 0.11, 0.18])
    over = [np.asarray(drawn.get_xdata()) for drawn in axes.get_lines() if drawn.get_color() == style.VERMILION]
    assert np.concatenate(over).tolist() == [0.3]
    assert line(axes, "ceiling 0.2")[0, 0] == 0.2
    assert np.allclose(line(beside, "_slope_as_fitted")[:, 0], slopes["slope_as_fitted"])
    said = [text.get_text() for text in axes.texts]
    assert said[0] == "Income: Under 15K 0.18" and said[-1] == "Days since the last visit 0.30"


def test_balance_by_campaign_shows_what_has_no_bound_and_leaves_out_what_is_unknown() -> None:
    table = campaign.campaign_balance()
    table.loc[0, "smd"], table.loc[3:5, "noise_any"] = np.inf, np.nan
    axes, _ = balance.balance_by_campaign(table, campaign.campaign_calibration().assign(slope=np.nan), 0.2, 0.1).axes
    assert axes.texts[0].get_text() == f"Days since the last visit {numbers.INFINITY}"
    # Of three campaigns the band is known.
    assert len(axes.patches) == 3


def test_the_roi_curve_starts_at_zero_and_shows_targeting_at_random() -> None:
    curves = study.roi_curve()
    curve = curves.loc[curves["curve"] == "profit"]
    (axes,) = targeting.roi_curve(curves, chosen_share=0.58).axes
    drawn = line(axes, "largest estimated effects first")
    assert tuple(drawn[0]) == (0, 0)
    assert np.allclose(drawn[1:], curve[["share_targeted", "value"]])
    assert np.allclose(line(axes, "at random"), [[0, 0], [1, curve["value"].iloc[-1]]])
    assert line(axes, "policy in use: 58%")[0, 0] == 0.58
    band = np.asarray(axes.collections[0].get_paths()[0].vertices)
    assert band[:, 1].max() == pytest.approx(curve["band_upper"].max())
    assert band[:, 1].min() == pytest.approx(curve["band_lower"].min())
    at_each = np.asarray(axes.collections[1].get_paths()[0].vertices)
    assert at_each[:, 1].max() == pytest.approx(curve["ci_upper"].max())
    assert "%" in axes.get_xlabel() and "$" in axes.get_ylabel()


def test_random_targeting_is_unknown_when_the_curve_stops_short() -> None:
    (axes,) = targeting.roi_curve(study.roi_curve().query("share_targeted < 1")).axes
    assert "at random" not in [drawn.get_label() for drawn in axes.get_lines()]


def test_the_qini_curve_goes_by_what_is_spent_and_shows_where_contacts_pay() -> None:
    curves = study.roi_curve()
    (axes,) = targeting.roi_curve(curves, "qini", chosen_share=0.5).axes
    assert np.allclose(line(axes, "contacts pay above"), [[0, 0], [12.73, 12.73]])
    assert line(axes, "policy in use: 50%")[0, 0] == pytest.approx(6.365)
    own = curves.loc[curves["curve"] == "qini", ["spent", "value"]].to_numpy()
    assert np.allclose(line(axes, "largest estimated effects first")[1:], own)
    (returned,) = targeting.roi_curve(curves, "roi").axes
    # Of nobody there is no return.
    assert line(returned, "largest estimated effects first")[0, 0] == pytest.approx(0.05)
    assert "at random" not in [drawn.get_label() for drawn in returned.get_lines()]


def test_the_frontier_has_value_by_weight_and_against_its_error() -> None:
    table = pd.DataFrame(
        {
            "policy": ["top_20%", "treat_all", "by_segment"],
            "value": [3.0, 5.0, 2.0],
            "value_se": [1.0, 2.0, 3.0],
            "ci_lower": [1.0, 1.0, -4.0],
            "best_from": [0.7, 0.0, np.nan],
        }
    )
    by_weight, by_risk = targeting.risk_frontier(table).axes
    assert np.allclose(line(by_weight, "Target everybody"), [[0, 5], [1, 1]])
    assert np.allclose(line(by_weight, "Top 20% by effect"), [[0, 3], [1, 1]])
    # All as points, the best of them joined.
    drawn = [points.get_xydata() for points in by_risk.get_lines()]
    assert any(len(points) == 3 for points in drawn)
    assert any(np.allclose(points, [[2, 5], [1, 3]]) for points in drawn if len(points) == 2)


def test_policies_show_the_honest_value_beside_the_claimed_one() -> None:
    policies = study.policy_value()
    (axes,) = targeting.policy_comparison(policies).axes
    assert np.allclose(line(axes, "value claimed by the model")[:, 0], policies["claimed_value"])
    honest = np.vstack([line(axes, "honest value"), line(axes, "_estimate")])
    assert np.allclose(honest[:, 0], policies["value"])
    assert "$6.1 (3.6 to 8.6), claimed $12.4" in printed(axes)
    bold = [tick.get_text() for tick in axes.get_yticklabels() if tick.get_fontweight() == "bold"]
    assert bold == ["Effect above break-even (58%)"]
    assert "$" in axes.get_xlabel()


@pytest.mark.parametrize(
    ("estimate", "lower", "upper", "written"),
    [
        (66.3, 35.3, 97.3, "$66 (35 to 97)"),
        (66.3, -119.7, 252.4, "$66 (-120 to 252)"),
        (15260, 8881.1, 21618.9, "$15,300 (8,900 to 21,600)"),
        (2.414, 1.12, 3.70, "$2.4 (1.1 to 3.7)"),
        (-4657.2, -9000, -300, "-$4,660 (-9,000 to -300)"),
        (31.0, 0.3, 61.7, "$31.0 (0.3 to 61.7)"),
        (5.0, np.nan, np.nan, "$5.00"),
        (0.0, 0.0, 0.0, "$0"),
        (np.nan, 0.0, 1.0, numbers.NOTHING),
    ],
)
def test_intervals_are_as_precise_as_they_are_wide(estimate: float, lower: float, upper: float, written: str) -> None:
    assert numbers.interval(estimate, lower, upper, "$").replace(numbers.MINUS, "-") == written


def test_campaigns_stand_as_the_table_lists_them_after_all_of_them() -> None:
    campaigns = pd.DataFrame({"campaign": ["30", "8", "all", "13"]})
    assert list(frames.in_campaign_order(campaigns)["campaign"]) == ["all", "30", "8", "13"]
