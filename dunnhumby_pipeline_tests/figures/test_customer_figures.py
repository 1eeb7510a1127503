"""Pictures of customers draw the numbers of their tables, and no text of theirs covers other text."""

from __future__ import annotations

import re
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from dunnhumby_pipeline.contracts.frames import comparable
from dunnhumby_pipeline.figures.customers import (
    factors,
    flows,
    lifetime_intervals,
    lifetime_value,
    migration,
    positions,
    profiles,
    reference,
    segmentation,
)
from dunnhumby_pipeline.words import numbers
from dunnhumby_pipeline.words.features import feature
from dunnhumby_pipeline_tests.fakes.drawn import columns, covered, labels, line, printed, shaded
from dunnhumby_pipeline_tests.fakes.results import customers as simulated

NAMES = dict(zip(*simulated.segment_profiles()[["segment", "segment_name"]].to_numpy().T, strict=True))


def bars(axes: Axes) -> list[Rectangle]:
    return [patch for patch in axes.patches if isinstance(patch, Rectangle)]


def test_loadings_are_shaded_and_printed_under_their_factor() -> None:
    loadings = pd.DataFrame(
        [
            ("factor_1", "baskets", 0.05),
            ("factor_1", "spend_fresh", 1.0),
            ("factor_2", "baskets", 1.0),
            ("factor_2", "spend_fresh", 0.25),
            ("factor_10", "baskets", 0.4),
            ("factor_10", "spend_fresh", 0.0),
        ],
        columns=["factor", "feature", "loading"],
    )
    (axes,) = factors.factor_loadings_heatmap(loadings).axes
    assert np.allclose(np.asarray(axes.get_images()[0].get_array()), [[1.0, 0.25, 0.0], [0.05, 1.0, 0.4]])
    assert labels(axes) == ["Spend fresh", "Baskets"]
    assert columns(axes) == ["Factor 1", "Factor 2", "Factor 10"]
    assert sorted(filter(None, printed(axes))) == ["0.25", "0.40", "1.00", "1.00"]
    assert "factor" in axes.get_xlabel() and axes.get_ylabel() == "Feature"


def test_stability_has_a_point_a_refit_and_the_mean_of_each_start() -> None:
    refits = simulated.segment_stability()
    (axes,) = segmentation.stability_distribution(refits, {"warm": 0.5, "cold": 0.4}).axes
    assert sorted(line(axes, "_refits")[:, 0]) == pytest.approx(sorted(refits["ari"]))
    assert labels(axes) == ["Warm start", "Cold start"]
    warm = refits.loc[refits["start"] == "warm", "ari"].mean()
    assert any(text.startswith(f"mean {warm:.2f}") for text in printed(axes))
    assert {"floor 0.50", "floor 0.40"} <= set(printed(axes))
    assert "Adjusted Rand index" in axes.get_xlabel()


def test_segments_have_their_households_and_revenue_the_largest_revenue_first() -> None:
    known = simulated.segment_profiles()
    (axes,) = segmentation.segment_sizes(known.sample(frac=1, random_state=1)).axes
    lengths = [bar.get_width() for bar in bars(axes)]
    assert lengths == pytest.approx([*known["share"], *known["revenue_share"]])
    assert labels(axes)[0] == "Active loyalists"
    households, revenue = printed(axes)[0].split("\n")
    assert households == f"509 households ({numbers.percent(509 / 2500)})"
    assert revenue.startswith(numbers.dollars(3100 * 509))
    assert "%" in axes.get_xlabel() and axes.get_ylabel() == "Segment"


def test_a_name_is_never_read_as_mathematics() -> None:
    named = simulated.segment_profiles().head(1).assign(segment_name="between $5 and $10")
    (axes,) = segmentation.segment_sizes(named).axes
    assert labels(axes) == ["between $5 and $10"]
    assert not axes.get_yticklabels()[0].get_parse_math()


def test_the_factor_scan_has_its_four_figures_and_the_number_in_use() -> None:
    scan = simulated.factor_selection()
    explained, stable, error, sparse = factors.factor_selection_curve(scan, 0.95).axes
    for axes, label, column in (
        (explained, "pooled", "pooled_r2"),
        (explained, "column-centred", "centred_r2"),
        (stable, "worst factor", "stability"),
        (stable, "cophenetic", "cophenetic"),
        (error, "error", "reconstruction_error"),
        (sparse, "sparsity", "sparsity"),
    ):
        assert np.allclose(line(axes, label)[:, 1], scan[column])
    for axes in (explained, stable, error, sparse):
        assert line(axes, "in use: 5")[0, 0] == 5
    assert line(stable, "floor 0.95")[0, 1] == 0.95
    assert "%" in explained.get_ylabel() and "scaled units" in error.get_ylabel()


def test_a_scan_without_refits_says_so() -> None:
    scan = simulated.factor_selection().assign(stability=np.nan, cophenetic=np.nan)
    stable = factors.factor_selection_curve(scan).axes[1]
    assert printed(stable) == ["too few households to refit"]


def test_factor_scores_have_the_median_and_the_middle_half_of_each_segment() -> None:
    scores, segments = simulated.nmf_factors(), simulated.segments()
    figure = factors.factor_scores_by_segment(
        scores, segments, simulated.factor_loadings(), simulated.segment_profiles()
    )
    assert len(figure.axes) == 5
    first = figure.axes[0]
    assert labels(first) == list(NAMES.values())
    own = scores.loc[segments["segment"] == next(iter(NAMES)), "factor_1"]
    assert line(first, "_median")[0, 0] == pytest.approx(own.median())
    assert line(first, "_half")[:2, 0] == pytest.approx(own.quantile([0.25, 0.75]).to_list())
    assert first.get_title("left").replace("\n", " ") == "Frequent visits + kind 1"


def test_the_scoreboard_marks_the_choice_and_the_reference_study() -> None:
    board = simulated.segment_scoreboard()
    agreement, silhouette, *_, bic, smallest = segmentation.cluster_scoreboard(board, 0.8).axes
    assert tuple(line(agreement, "in use: 5 factors, 7 segments")[0]) == (7, 0.84)
    assert tuple(line(agreement, "reference study: 5 factors, 7 segments")[0]) == (7, 0.63)
    assert sorted(line(agreement, "warm start")[:, 1]) == [0.81, 0.89]
    kmeans = board[(board["role"] == "candidate") & (board["method"] == "kmeans")]
    assert np.allclose(line(silhouette, "K-Means"), kmeans[["n_segments", "silhouette"]])
    assert [str(drawn.get_label()) for drawn in bic.get_lines()] == ["Gaussian mixture"]
    error = line(agreement, "_error")
    assert np.ptp(error[:2, 1]) == pytest.approx(2 * 0.09 / 5)
    assert smallest.get_xlabel() == "Number of segments"


def test_the_recovery_of_each_segment_reaches_down_to_its_worst_refit() -> None:
    found = simulated.segment_jaccard().set_index("segment").loc[list(NAMES)]
    (axes,) = segmentation.segment_recovery(simulated.segment_jaccard(), simulated.segment_profiles()).axes
    assert np.allclose(line(axes, "_mean")[:, 0], found["mean_jaccard"])
    assert np.allclose(line(axes, "_range")[::2, 0], found["lowest_jaccard"])
    assert line(axes, "dissolved")[0, 0] == 0.5 and line(axes, "come back")[0, 0] == 0.75
    assert "mean 0.90, back in 100% of refits" in printed(axes)


def test_the_profile_shows_first_what_the_segments_were_not_made_from() -> None:
    found = simulated.segment_features()
    upper, lower = profiles.segment_profile_heatmap(found, simulated.segment_profiles()).axes
    assert upper.get_title("left") == "Independent of what made the segments"
    assert lower.get_title("left") == "Used to make the segments"
    unused = (
        found[found["role"] == "independent"].drop_duplicates("feature").sort_values("eta_squared", ascending=False)
    )
    assert labels(upper) == [feature(name) for name in unused["feature"]]
    assert columns(upper) == list(NAMES.values())
    best = found[found["feature"] == unused["feature"].iloc[0]].set_index("segment")["z_score"]
    assert np.allclose(shaded(upper)[0], best[list(NAMES)])
    assert numbers.percent(unused["eta_squared"].iloc[0]) in printed(upper)
    assert not {feature(name) for name in simulated.TWINS} & {*labels(upper), *labels(lower)}
    assert lower.get_xlabel().endswith("2 more features say the same as one that was used")


def test_a_profile_without_unused_features_has_one_block() -> None:
    found = simulated.segment_features()
    figure = profiles.segment_profile_heatmap(found[found["role"] == "used"], simulated.segment_profiles())
    assert len(figure.axes) == 1


def test_positions_are_eight_maps_of_means_with_areas_of_households() -> None:
    found, known = simulated.segment_features(), simulated.segment_profiles()
    figure = positions.positioning_bubbles(found, known)
    assert len(figure.axes) == len(positions.POSITIONS) == 8
    means = found.pivot(index="segment", columns="feature", values="mean").loc[known["segment"]]
    for axes, (title, across, up) in zip(figure.axes, positions.POSITIONS, strict=True):
        bubbles = axes.collections[0]
        assert np.allclose(np.asarray(bubbles.get_offsets()), means[[across, up]])
        areas = np.asarray(bubbles.get_sizes())
        assert np.allclose(areas / areas.max(), known["n_households"] / known["n_households"].max())
        assert {text.replace("\n", " ") for text in printed(axes) if text} == set(NAMES.values())
        assert axes.get_title("left") == title
    regularity = figure.axes[4]
    assert regularity.xaxis_inverted()


def test_both_settings_stand_on_the_same_axes() -> None:
    found, known = simulated.segment_features(), simulated.segment_profiles()
    few = known[known["segment"].isin(["vip-heavy", "light-grocery"])]
    theirs = (found.assign(mean=found["mean"] * 3), known)
    figure = positions.positions_side_by_side(theirs, (found[found["segment"].isin(few["segment"])], few))
    assert len(figure.axes) == 2 * len(positions.POSITIONS)
    for left, right in zip(figure.axes[::2], figure.axes[1::2], strict=True):
        assert left.get_xlim() == right.get_xlim()
        assert left.get_ylim() == right.get_ylim()
        assert [len(axes.collections[0].get_offsets()) for axes in (left, right)] == [7, 2]
        assert left.get_title("left").endswith(": reference study's setting")
    sizes = [np.asarray(axes.collections[0].get_sizes()) for axes in figure.axes[:2]]
    same = known["segment"].to_list().index("vip-heavy"), few["segment"].to_list().index("vip-heavy")
    assert sizes[0][same[0]] == pytest.approx(sizes[1][same[1]]), "areas are of households, whosever setting"


def test_profiles_of_both_settings_have_the_rows_that_either_used() -> None:
    ours, known = simulated.segment_features(), simulated.segment_profiles()
    theirs = simulated.reference_features()
    theirs.loc[theirs["feature"] == "active_last_4w", "role"] = "used"
    ours.loc[ours["feature"] == "recency", "role"] = "independent"
    theirs.loc[theirs["feature"] == "recency", "role"] = "independent"
    left, right = reference.profiles_side_by_side((theirs, known), (ours, known)).axes
    used = set(ours.loc[ours["role"] == "used", "feature"]) | {"active_last_4w"}
    assert set(labels(left)) == {feature(name) for name in used}
    assert feature("recency") not in labels(left)
    assert np.allclose(shaded(left), -shaded(right), equal_nan=True)


def test_campaigns_stand_apart_from_what_a_segment_is_like() -> None:
    found = simulated.segment_features()
    found.loc[found["feature"].isin(["active_last_4w", "recency"]), "role"] = "assigned"
    figure = profiles.segment_profile_heatmap(found, simulated.segment_profiles())
    assert len(figure.axes) == 3
    assert figure.axes[2].get_title("left").startswith("Assigned by the retailer")
    assert set(labels(figure.axes[2])) == {feature("active_last_4w"), feature("recency")}


def test_labels_of_bubbles_in_one_place_are_moved_apart() -> None:
    found = simulated.segment_features().assign(mean=1.0)
    assert covered(positions.positioning_bubbles(found, simulated.segment_profiles())) == []


def test_positions_need_their_features() -> None:
    found = simulated.segment_features()
    with pytest.raises(ValueError, match="segment_features describes no recency"):
        positions.positioning_bubbles(found[found["feature"] != "recency"], simulated.segment_profiles())


def test_the_pareto_curve_prints_what_the_best_households_bring() -> None:
    (axes,) = lifetime_value.pareto_curve(simulated.pareto_curve()).axes
    assert "best 20%: 49% of revenue" in printed(axes)
    assert np.allclose(line(axes, "households by revenue"), simulated.pareto_curve().drop(columns="gini"))


def test_calibration_has_a_point_a_bin_with_its_interval() -> None:
    table = simulated.clv_calibration()
    spend, profit = lifetime_value.clv_calibration(table).axes
    own = table[(table["target"] == "spend") & (table["forecast"] == "stacked")]
    drawn = {str(container.get_label()): container for container in spend.containers}
    points, _, (ends,) = drawn["weighed together"]
    assert np.allclose(points.get_xydata(), own[["mean_forecast", "mean_actual"]])
    segments = np.array([part[:, 1] for part in ends.get_segments()])
    assert np.allclose(segments, own[["ci_lower", "ci_upper"]])
    assert spend.get_xscale() == "log" and "$" in spend.get_xlabel() and profit.get_title("left") == "Gross profit"
    untested = lifetime_value.clv_calibration(table, "boosted")
    assert not untested.axes and "was not tested" in untested.texts[0].get_text()


def test_intervals_are_drawn_by_bin_with_what_they_held() -> None:
    table = simulated.clv_calibration()
    left, right = lifetime_intervals.clv_intervals(table, "stacked", 0.95).axes
    own = table[(table["target"] == "spend") & (table["forecast"] == "stacked")]
    ranges = bars(left)
    assert np.allclose([bar.get_y() for bar in ranges], own["mean_lower"])
    assert np.allclose([bar.get_y() + bar.get_height() for bar in ranges], own["mean_upper"])
    assert np.allclose(line(right, "_coverage"), own[["bin", "coverage"]])
    assert printed(right) == [f"{100 * share:.0f}" for share in own["coverage"]]
    assert right.get_title("left") == "Coverage, aim 95%"
    none = lifetime_intervals.clv_intervals(table.assign(coverage=np.nan), "stacked", 0.95)
    assert not none.axes and "Too few households" in none.texts[0].get_text()


def test_a_bin_at_zero_is_drawn_on_straight_axes() -> None:
    table = simulated.clv_calibration()
    table.loc[0, "ci_lower"] = -1.0
    assert lifetime_value.clv_calibration(table).axes[0].get_xscale() == "linear"


def test_errors_are_set_against_the_naive_forecast() -> None:
    spend, profit, trips = lifetime_value.clv_errors(simulated.clv_validation()).axes
    assert line(spend, "_estimate")[:, 0].tolist() == [7.0, -7.0]
    assert "errs by $343.0: better than naive" in printed(spend)
    assert spend.get_title("left") == "Spend, naive errs by $350.0"
    assert printed(profit) == ["errs by $100.0: better than naive"]
    assert printed(trips) == ["errs by 8.900: no better than naive"]


def test_without_a_forecast_to_compare_the_picture_says_so() -> None:
    naive = simulated.clv_validation().query("forecast == 'naive'")
    figure = lifetime_value.clv_errors(naive)
    assert not figure.axes and "nothing to set beside it" in figure.texts[0].get_text()


def test_lifetime_values_have_intervals_and_tiers() -> None:
    table = simulated.segment_lifetime_value()
    value, tiers = lifetime_value.clv_by_segment(table, simulated.segment_profiles()).axes
    ordered = table.sort_values("clv_mean", ascending=False)
    assert np.allclose(line(value, "_estimate")[:, 0], ordered["clv_mean"])
    assert np.allclose(line(value, "_interval")[:, 0], ordered[["ci_lower", "ci_upper"]].to_numpy().ravel())
    assert labels(value)[0] == "VIP heavy buyers"
    assert sum(bar.get_width() for bar in bars(tiers)) == pytest.approx(len(table))


def test_value_by_need_shades_and_prints_each_cell() -> None:
    table = simulated.value_need()
    households, revenue, discounts = lifetime_value.value_need_heatmap(table).axes
    assert labels(households) == ["High value", "Mid value", "Low value"]
    assert columns(revenue) == ["Fresh produce", "Scratch cooking", "Baby"]
    for axes, column in ((households, "n_households"), (revenue, "revenue"), (discounts, "discount_rate")):
        assert np.allclose(shaded(axes).ravel(), table[column])
    assert "100\n5%" in printed(households)
    assert "10.0%" in printed(discounts)


def test_an_empty_cell_of_value_by_need_has_no_discount_rate() -> None:
    table = simulated.value_need()
    table.loc[0, ["n_households", "share", "revenue", "revenue_share"]] = 0
    table.loc[0, "discount_rate"] = np.nan
    *_, discounts = lifetime_value.value_need_heatmap(table).axes
    assert printed(discounts)[0] == numbers.NOTHING


def test_flows_are_as_wide_as_the_households_that_took_them() -> None:
    moved, summary = simulated.segment_migration(), simulated.migration_summary()
    (axes,) = flows.segment_flows(moved, summary, simulated.segment_profiles()).axes
    # Of seven periods, the last, and those that share no day with it and each other: 0, 3 and 6.
    first = moved[(moved["from_period"] == 0) & (moved["to_period"] == 3)].groupby("from_segment")["n"].sum()
    left = [bar.get_height() for bar in bars(axes) if bar.get_x() < 0]
    assert left == [*first[list(NAMES)], first["(no purchase)"]]
    ribbons = len(axes.patches) - len(bars(axes))
    assert ribbons == 2 * (8 * 8 - 1)
    assert columns(axes) == ["day 363", "day 447", "day 531"]
    assert labels(axes) == [*NAMES.values(), "No purchase"]


def test_the_matrix_of_moves_has_shares_of_those_who_were_there() -> None:
    moved, summary = simulated.segment_migration(), simulated.migration_summary()
    (axes,) = flows.flow_matrix(moved, summary, simulated.segment_profiles()).axes
    cells = shaded(axes)
    assert np.allclose(cells.sum(axis=1), 1)
    assert labels(axes) == columns(axes) == [*NAMES.values(), "No purchase"]
    first = moved[(moved["to_period"] - moved["from_period"] == 3) & (moved["from_segment"] == next(iter(NAMES)))]
    assert cells[0, 0] == pytest.approx(180 / first.groupby("from_period")["n"].sum().iloc[0])
    assert "shares no day" in axes.get_xlabel()


def test_without_periods_apart_neighbours_are_compared() -> None:
    moved, summary = simulated.segment_migration(), simulated.migration_summary()
    near = summary[summary["shared_days"] > 0]
    (axes,) = flows.flow_matrix(moved, near, simulated.segment_profiles()).axes
    assert axes.get_xlabel() == "To, in the next period"
    (axes,) = flows.segment_flows(moved, near, simulated.segment_profiles()).axes
    assert len(columns(axes)) == 7


def test_consistency_keeps_periods_that_share_days_apart_from_those_that_do_not() -> None:
    summary = simulated.migration_summary()
    index, staying = migration.consistency_over_periods(summary, 0.4).axes
    apart = summary[summary["shared_days"] == 0]
    assert np.allclose(line(index, "periods that share no day"), apart[["to_day", "ari"]])
    assert line(index, "floor of neighbours 0.4")[0, 1] == 0.4
    assert set(line(staying, "_tier")[:, 1]) == {0.91, 0.82}
    assert set(line(staying, "_segment")[:, 1]) == {0.78, 0.6}
    assert printed(staying) == ["same value tier", "same segment"]


def test_drift_shows_the_mix_and_the_features_that_moved_most() -> None:
    (axes,) = migration.drift_over_periods(simulated.segment_drift(), simulated.migration_summary()).axes
    cells = shaded(axes)
    assert cells.shape == (13, 4)
    assert labels(axes)[0] == "Mix of segments" and np.allclose(cells[0], 0.01)
    assert np.all(np.diff(cells[1:, 0]) <= 0)
    assert cells[1, 0] == pytest.approx(0.001 * 18 * 3)
    assert "7 more features, none above 0.02" in axes.get_xlabel()


def test_what_is_unknown_is_left_empty() -> None:
    found, known = simulated.segment_features(), simulated.segment_profiles()
    constant = found["feature"] == "share_other"
    found.loc[constant, ["z_score", "eta_squared"]] = np.nan
    upper, _ = profiles.segment_profile_heatmap(found, known).axes
    assert labels(upper)[-1] == feature("share_other")
    assert np.isnan(np.ma.filled(shaded(upper).astype(float), np.nan)[-1]).all()
    assert printed(upper)[-len(labels(upper)) - 7 :][:7] == [numbers.NOTHING] * 7
    found.loc[found["segment"] == "vip-heavy", "mean"] = np.nan
    maps = positions.positioning_bubbles(found, known)
    assert "VIP heavy buyers" not in printed(maps.axes[0])
    board = simulated.segment_scoreboard().assign(bic=np.nan)
    assert "not measured" in printed(segmentation.cluster_scoreboard(board).axes[4])


def test_two_periods_and_one_segment_are_enough() -> None:
    moved = pd.DataFrame(
        {"from_period": 0, "to_period": 1, "from_segment": "fresh-lovers", "to_segment": "fresh-lovers", "n": [30]}
    )
    summary = simulated.migration_summary().head(1).assign(ari=np.nan)
    known = simulated.segment_profiles().query("segment == 'fresh-lovers'")
    drawn = (
        flows.segment_flows(moved, summary, known),
        flows.flow_matrix(moved, summary, known),
        migration.consistency_over_periods(summary),
        migration.drift_over_periods(simulated.segment_drift(), summary),
        segmentation.segment_sizes(known),
        positions.positioning_bubbles(simulated.segment_features().query("segment == 'fresh-lovers'"), known),
    )
    for figure in drawn:
        assert covered(figure) == []


def test_days_are_dates_where_that_of_day_one_is_known() -> None:
    moved, summary, known = simulated.segment_migration(), simulated.migration_summary(), simulated.segment_profiles()
    first = date(2024, 1, 1)
    drawn = (
        flows.segment_flows(moved, summary, known, day_one=first),
        migration.consistency_over_periods(summary, day_one=first),
        migration.drift_over_periods(simulated.segment_drift(), summary, first),
    )
    a_date = r"\d+\s[A-Z][a-z]{2}\s\d{4}"
    for figure in drawn:
        assert covered(figure) == []
        for axes in figure.axes:
            shown = [tick.get_text() for tick in axes.get_xticklabels() if tick.get_text()] or columns(axes)
            assert shown and all(re.fullmatch(rf"{a_date}(\sto\s{a_date})?", each) for each in shown), shown
    last = int(comparable(summary)["to_day"].max())
    (axes,) = drawn[0].axes
    assert axes.get_xticklabels()[-1].get_text() == f"{(found := first + timedelta(last - 1)).day} {found:%b %Y}"
    numbered = migration.consistency_over_periods(summary).axes[0]
    numbered.figure.canvas.draw()
    assert all(re.fullmatch(r"\d+", tick.get_text()) for tick in numbered.get_xticklabels())


def test_labels_of_shares_that_are_nearly_equal_stand_apart() -> None:
    summary = simulated.migration_summary().assign(share_staying=0.6, share_staying_tier=0.61)
    assert covered(migration.consistency_over_periods(summary)) == []


def test_of_many_periods_drift_shows_the_last_year() -> None:
    pairs = [(one, one + 1) for one in range(30)]
    summary = pd.DataFrame(pairs, columns=["from_period", "to_period"])
    summary["from_day"], summary["to_day"] = 100 + 28 * summary["from_period"], 100 + 28 * summary["to_period"]
    summary = summary.assign(shared_days=0, ari=0.5, share_staying=0.7, share_staying_tier=0.8)
    drift = summary[["from_period", "to_period"]].assign(kind="feature", name="recency", psi=0.01)
    (axes,) = migration.drift_over_periods(drift, summary).axes
    assert len(columns(axes)) == migration.PAIRS_SHOWN
    assert columns(axes)[-1] == "912 to 940"
