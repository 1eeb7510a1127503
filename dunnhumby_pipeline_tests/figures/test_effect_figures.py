"""Pictures of effects draw every estimate in its panel and unit, and cut what would squeeze the others."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from dunnhumby_pipeline.figures.campaign import effects
from dunnhumby_pipeline.figures.kit.forest import ForestRow, common_limits
from dunnhumby_pipeline.words import numbers
from dunnhumby_pipeline_tests.fakes.drawn import columns, covered, labels, line, printed
from dunnhumby_pipeline_tests.fakes.results import campaign as simulated
from dunnhumby_pipeline_tests.fakes.results.campaign import campaign_dose, effect_robustness


def average_effects() -> pd.DataFrame:
    return simulated.average_effects(proven=False)


def pooled_effects() -> pd.DataFrame:
    return simulated.pooled_effects(proven=False)


DRAWINGS: dict[str, tuple[Callable[[], pd.DataFrame], Callable[[pd.DataFrame], Figure], str]] = {
    "average_effects": (average_effects, effects.effects_forest, "primary"),
    "campaigns average_effects": (
        average_effects,
        lambda frame: effects.campaign_forest(frame, pooled_effects()),
        "n_trials",
    ),
    "pooled_effects": (pooled_effects, lambda frame: effects.campaign_forest(average_effects(), frame), "i2"),
    "effect_robustness": (effect_robustness, effects.trimming_sensitivity, "level"),
    "campaign_dose": (campaign_dose, effects.dose_forest, "dose"),
}


@pytest.mark.parametrize("table", DRAWINGS)
def test_a_missing_column_is_named(table: str) -> None:
    make, draw, column = DRAWINGS[table]
    with pytest.raises(ValueError, match=rf"{table.split()[-1]} lacks the column\(s\) {column}"):
        draw(make().drop(columns=column))


@pytest.mark.parametrize("table", [table for table in DRAWINGS if table != "pooled_effects"])
def test_an_empty_table_is_named(table: str) -> None:
    make, draw, _ = DRAWINGS[table]
    with pytest.raises(ValueError, match=f"{table.split()[-1]} has no rows"):
        draw(make().iloc[:0])


def test_the_forest_has_a_panel_an_estimand_with_all_of_its_estimators() -> None:
    found = average_effects()
    association, ate, att, ato = effects.effects_forest(found).axes
    assert [axes.get_title("left").split(":")[0] for axes in (ate, att, ato)] == ["ATE", "ATT", "ATO"]
    assert labels(association) == ["Naive difference"]
    assert labels(ate) == [
        "AIPW",
        "AIPW, in overlap",
        "Inverse propensity weighted",
        "TMLE",
        "Lin regression, in overlap",
    ]
    assert labels(att) == ["AIPW of the treated", "Propensity matching, matched pairs", "Entropy balancing"]
    whole = found.loc[(found["outcome"] == "purchase_amount") & (found["campaign"] == "all")]
    own = whole.loc[whole["estimand"] == "ATO"]
    assert np.allclose(line(ato, "_estimate")[:, 0], own["estimate"])
    assert np.allclose(line(ato, "_interval")[:, 0], own[["ci_lower", "ci_upper"]].to_numpy().ravel())
    assert "$8 (\N{MINUS SIGN}13 to 29)" in printed(ato)
    assert ato.get_xlabel() == "Effect on spend ($ per household)"


def test_only_the_primary_estimator_of_all_trials_is_bold() -> None:
    bold = [
        tick.get_text()
        for axes in effects.effects_forest(average_effects()).axes
        for tick in axes.get_yticklabels()
        if tick.get_fontweight() == "bold"
    ]
    assert bold == ["Overlap weighted"]


def test_an_estimate_far_from_the_others_is_cut_and_its_number_stands_beside() -> None:
    association, ate, *_ = effects.effects_forest(average_effects()).axes
    low, high = association.get_xlim()
    assert high < 200 and (low, high) == ate.get_xlim()
    assert not [drawn for drawn in association.get_lines() if drawn.get_label() in ("_estimate", "_interval")]
    (arrow,) = [drawn for drawn in association.get_lines() if drawn.get_label() == "_beyond"]
    assert arrow.get_marker() == ">" and low < float(np.asarray(arrow.get_xdata())[0]) < high
    assert printed(association) == ["$295 (270 to 320)"]


def test_effects_on_other_outcomes_have_their_own_unit() -> None:
    *_, ato = effects.effects_forest(average_effects(), "redeemed").axes
    assert np.allclose(line(ato, "_estimate")[0, 0], 100 * simulated.SCALES["redeemed"] * 8.0)
    assert ato.get_xlabel() == "Effect on redemption (% points per household)"
    *_, ato = effects.effects_forest(average_effects(), "purchase_count").axes
    assert "$" not in "".join([ato.get_xlabel(), *printed(ato)])


def test_the_primary_outcome_is_the_one_that_the_table_marks() -> None:
    found = average_effects()
    found["primary"] = found["outcome"] == "purchase_count"
    assert "visits" in effects.effects_forest(found).axes[-1].get_xlabel()
    with pytest.raises(ValueError, match="average_effects marks no row as primary"):
        effects.effects_forest(found.assign(primary=False))
    with pytest.raises(ValueError, match="average_effects has no effect on margin_weighted_amount over all campaigns"):
        effects.effects_forest(found, "margin_weighted_amount")


def test_an_estimate_without_an_interval_is_a_point_alone() -> None:
    found = average_effects().assign(ci_lower=np.nan)
    *_, ato = effects.effects_forest(found).axes
    assert not [drawn for drawn in ato.get_lines() if drawn.get_label() == "_interval"]
    assert "$8.00" in printed(ato)


def test_campaigns_stand_in_their_order_above_what_they_say_together() -> None:
    (axes,) = effects.campaign_forest(average_effects(), pooled_effects()).axes
    assert labels(axes) == [
        *(
            "Campaign 30 (2,045 trials)",
            "Campaign 8 (1,983 trials)",
            "Campaign 13 (1,223 trials)",
            "Campaign 18 (1,072 trials)",
        ),
        *("Together, fixed effects", "Together, random effects", "Range of one more campaign"),
    ]
    diamonds = [patch.get_xy() for patch in axes.patches if isinstance(patch, Polygon)]
    pooled = pooled_effects().iloc[:2]
    assert np.allclose(
        [[xy[0][0], xy[1][0], xy[2][0]] for xy in diamonds], pooled[["ci_lower", "estimate", "ci_upper"]]
    )
    assert line(axes, "_interval")[-2:, 0].tolist() == [-49.0, 73.0]
    for said in ("Q = 3.90 on 3 df, p = 0.27", "I\N{SUPERSCRIPT TWO} = 23%", "tau = $14"):
        assert said in axes.get_xlabel()
    assert axes.get_xlabel().count("Do the campaigns differ?") == 1


def test_a_single_campaign_has_no_diamonds() -> None:
    found = average_effects()
    one = found.loc[found["campaign"].isin(["all", "8"])]
    (axes,) = effects.campaign_forest(one, pooled_effects().iloc[:0]).axes
    assert labels(axes) == ["Campaign 8 (1,983 trials)"]
    assert not axes.patches and "differ" not in axes.get_xlabel()
    pooled = pooled_effects().assign(q_p_value=np.nan, prediction_lower=np.nan)
    (axes,) = effects.campaign_forest(one, pooled).axes
    assert len(labels(axes)) == 3 and "One campaign alone" in axes.get_xlabel()
    with pytest.raises(ValueError, match="no overlap_weighted effect on purchase_amount of a single campaign"):
        effects.campaign_forest(found.loc[found["campaign"] == "all"], pooled)


def test_trimming_has_a_mark_a_level_and_estimand_and_the_share_that_is_left() -> None:
    table = effect_robustness()
    trimmed, capped = effects.trimming_sensitivity(table).axes
    assert columns(trimmed) == [
        *("none (100%)", "2% (90%)", "5% (73%)", "10% (55%)", "15% (43%)", "20% (33%)", "25% (25%)", "Crump (62%)"),
    ]
    for estimand in ("ATE", "ATO"):
        own = table.loc[(table["estimand"] == estimand) & table["variation"].isin(["trimming", "crump"])]
        assert np.allclose(line(trimmed, f"_{estimand}")[:, 1], own["estimate"])
    assert columns(capped) == ["none", "99.5%", "99%", "97.5%", "95%", "Spend without fuel", "Margin- weighted spend"]
    assert np.allclose(line(capped, "_ATO")[:5, 1], table.loc[table["variation"] == "winsorising", "estimate"][::-1])
    assert line(capped, "_ATO")[5:, 1].tolist() == [7.0, 7.4]
    assert trimmed.get_ylabel() == "Effect on spend ($ per household)"


def test_a_level_with_too_few_trials_keeps_its_place_without_a_mark() -> None:
    table = effect_robustness()
    few = table["level"] == 0.25
    table.loc[few, ["estimate", "ci_lower", "ci_upper"]] = np.nan
    table.loc[few, "n_trials"] = 3
    trimmed, _ = effects.trimming_sensitivity(table).axes
    assert "25% (0%)" in columns(trimmed)
    assert len(line(trimmed, "_ATE")) == 7


def test_trimming_alone_is_one_panel_and_neither_is_refused() -> None:
    table = effect_robustness()
    assert len(effects.trimming_sensitivity(table.loc[table["variation"] == "trimming"]).axes) == 1
    with pytest.raises(ValueError, match="effect_robustness has no row of trimming, crump or winsorising"):
        effects.trimming_sensitivity(table.assign(variation="other"))


def test_doses_have_their_effect_and_the_test_that_they_are_alike() -> None:
    on_spend, received = effects.dose_forest(campaign_dose()).axes
    assert labels(on_spend) == ["No other (4,100 trials)", "1 other (1,801 trials)", "2+ other (422 trials)"]
    assert line(on_spend, "_estimate")[:, 0].tolist() == [6.6, 14.9, -20.2]
    assert "p = 0.77" in on_spend.get_title("left") and "$" in on_spend.get_xlabel()
    assert line(received, "_estimate")[:, 0].tolist() == [0.31]
    assert "campaigns per household" in received.get_xlabel() and "$" not in "".join(printed(received))


def test_a_dose_without_an_estimate_is_a_label_alone() -> None:
    table = campaign_dose()
    table.loc[3, ["estimate", "ci_lower", "ci_upper"]] = np.nan
    table.loc[4, "estimate"] = np.nan
    on_spend, _ = effects.dose_forest(table).axes
    assert printed(on_spend)[2] == numbers.NOTHING and len(line(on_spend, "_estimate")) == 2
    assert "p =" not in on_spend.get_title("left")


def _row(estimate: float, half: float) -> ForestRow:
    return ForestRow("", estimate, estimate - half, estimate + half, "")


def test_limits_show_zero_and_every_row_of_ordinary_size() -> None:
    low, high = common_limits([_row(10, 5), _row(12, 6), _row(8, 4)])  # type: ignore[misc]
    assert low < 0 and high > 18
    low, high = common_limits([_row(10, 5), _row(12, 6), _row(8, 4), _row(1000, 5)])  # type: ignore[misc]
    assert 18 < high < 60
    # Without intervals nothing is far.
    low, high = common_limits([_row(1, np.nan), _row(2, np.nan), _row(90, np.nan)])  # type: ignore[misc]
    assert high > 90
    assert common_limits([_row(np.nan, np.nan)]) is None


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(0, 1e4)), min_size=1, max_size=12))
def test_limits_always_hold_zero_and_the_row_in_the_middle(found: list[tuple[float, float]]) -> None:
    low, high = common_limits([_row(*row) for row in found])  # type: ignore[misc]
    middle = sorted(estimate for estimate, _ in found)[(len(found) - 1) // 2]
    assert low < 0 < high and low < middle < high


def test_huge_and_tiny_effects_are_drawn() -> None:
    found = average_effects()
    for scale in (1e-4, 1e5):
        sized = found.assign(**{name: scale * found[name] for name in ("estimate", "ci_lower", "ci_upper")})
        assert covered(effects.effects_forest(sized)) == []
