"""Who lies outside overlap: planted rules are found, and every row counts those whom its words describe."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.causal.overlap import outside as module
from dunnhumby_pipeline.causal.overlap.outside import outside_overlap, readable
from dunnhumby_pipeline.settings import OverlapSettings
from dunnhumby_pipeline_tests.fakes.known_truth import Array

COLUMNS = "rule verdict n_trials share_of_trials share_below share_inside share_above"


def scored(propensity: Array) -> pd.DataFrame:
    """Trials of which one in two is treated."""
    inside = (propensity >= 0.1) & (propensity <= 0.9)
    return pd.DataFrame({"treated": 0.5, "propensity": propensity, "in_overlap": inside})


def rules(x: Array, names: list[str], propensity: Array, depth: int = 3) -> dict[str, str]:
    """Verdict by rule."""
    found = outside_overlap(x, tuple(names), scored(propensity), OverlapSettings(rule_depth=depth))
    return dict(zip(found["rule"], found["verdict"], strict=True))


def test_a_planted_threshold_is_named() -> None:
    rng = np.random.default_rng(1)
    spend, noise = rng.gamma(2, 100, 2000), rng.normal(size=2000)
    propensity = np.select([spend < 50.04, spend > 400.2], [0.02, 0.97], 0.5)
    found = outside_overlap(
        np.column_stack([noise, spend]), ("noise", "spend"), scored(propensity), OverlapSettings(rule_depth=2)
    )
    assert found.columns.tolist() == COLUMNS.split()
    low, high, middle = found["rule"]
    edges = [float(low.removeprefix("spend at most ")), float(high.removeprefix("spend above "))]
    assert edges == pytest.approx([50.04, 400.2], rel=0.02)
    assert middle == f"spend between {edges[0]:g} and {edges[1]:g}"
    assert found["verdict"].tolist() == ["rarely targeted", "nearly always targeted", "in overlap"]
    counted = [(spend <= edges[0]).sum(), (spend > edges[1]).sum()]
    assert found["n_trials"].tolist() == [*counted, 2000 - sum(counted)]
    assert found["share_of_trials"].sum() == pytest.approx(1)
    shares = found[["share_below", "share_inside", "share_above"]]
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    np.testing.assert_allclose(shares.to_numpy()[[0, 1, 2], [0, 2, 1]], 1, atol=0.02)


def test_whole_numbers_are_counted_not_halved() -> None:
    visits = np.repeat(np.arange(10.0), 50)
    few = np.where(visits <= 3, 0.05, 0.5)
    assert rules(visits[:, None], ["frequency"], few) == {
        "frequency at most 3": "rarely targeted",
        "frequency at least 4": "in overlap",
    }
    middle = np.where((visits >= 4) & (visits <= 6), 0.95, 0.5)
    assert set(rules(visits[:, None], ["frequency"], middle, depth=2)) == {
        "frequency at most 3",
        "frequency from 4 to 6",
        "frequency at least 7",
    }
    none = np.where(visits == 0, 0.05, 0.5)
    assert set(rules(visits[:, None], ["frequency"], none)) == {"frequency is 0", "frequency at least 1"}


def test_levels_of_a_factor_are_said_as_levels() -> None:
    rng = np.random.default_rng(2)
    campaign = rng.choice([5, 8, 13, 18], 1000)
    age = rng.choice(["35-44", "65+", "unknown"], 1000)
    segment = rng.choice(["top_up_active", "top_up_lapsed", "stock_up_active"], 1000)
    columns = {f"campaign_{level}": campaign == level for level in (5, 8, 13, 18)}
    columns |= {f"age_desc_{level}": age == level for level in ("35-44", "65+", "unknown")}
    columns |= {f"lookback_segment_{level}": segment == level for level in np.unique(segment)}
    columns |= {"missingindicator_monetary_std": rng.random(1000) < 0.2}
    x = np.column_stack(list(columns.values())).astype(float)
    names = list(columns)
    assert rules(x, names, np.where(campaign == 8, 0.5, 0.05), depth=1) == {
        "campaign is not 8": "rarely targeted",
        "campaign is 8": "in overlap",
    }
    assert set(rules(x, names, np.where(np.isin(campaign, [8, 13]), 0.5, 0.05), depth=2)) == {
        "campaign is 5",
        "campaign is 18",
        "campaign is 8 or 13",
    }
    assert set(rules(x, names, np.where(segment == "top_up_lapsed", 0.95, 0.5), depth=1)) == {
        "lookback_segment is top_up_lapsed",
        "lookback_segment is not top_up_lapsed",
    }
    known_and_old = (age == "35-44") & (x[:, -1] == 0)
    found = rules(x, names, np.where(known_and_old, 0.95, 0.5), depth=2)
    assert found["age_desc is 35-44; monetary_std is known"] == "nearly always targeted"
    assert found["age_desc is 35-44; monetary_std is missing"] == "in overlap"
    assert "age_desc is not 35-44" in "; ".join(found)


def test_a_lone_indicator_is_no_factor() -> None:
    active = np.repeat([0.0, 1.0], 100)
    found = rules(active[:, None], ["active_last_4w"], np.where(active == 1, 0.5, 0.05))
    assert found == {"active_last_4w is 0": "rarely targeted", "active_last_4w is 1": "in overlap"}


@pytest.mark.parametrize(
    ("propensity", "verdict"), [(0.5, "in overlap"), (0.02, "rarely targeted"), (0.98, "nearly always targeted")]
)
def test_when_all_lie_alike_the_rule_is_everybody(propensity: float, verdict: str) -> None:
    x = np.random.default_rng(3).normal(size=(60, 2))
    found = outside_overlap(x, ("a", "b"), scored(np.full(60, propensity)), OverlapSettings())
    assert found[["rule", "verdict", "n_trials", "share_of_trials"]].to_numpy().tolist() == [
        ["everybody", verdict, 60, 1.0]
    ]


def test_perfectly_separated_arms_are_told_apart_in_words() -> None:
    x = np.random.default_rng(4).normal(size=(500, 3))
    found = rules(x, ["a", "b", "c"], np.where(x[:, 1] > 0, 0.99, 0.01))
    assert list(found.values()) == ["rarely targeted", "nearly always targeted"]
    assert [rule.split()[0] for rule in found] == ["b", "b"]


def test_rules_divide_all_trials_also_those_not_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MAX_FITTED", 800)
    rng = np.random.default_rng(5)
    x = np.column_stack([rng.normal(size=3000), rng.integers(0, 30, 3000), rng.gamma(1, 1e-3, 3000)])
    propensity = 1 / (1 + np.exp(-(1.5 * x[:, 0] + 0.1 * x[:, 1] - 1.5)))
    names = ("score", "visits", "rate")
    found = outside_overlap(x, names, scored(propensity), OverlapSettings(rule_depth=4))
    pd.testing.assert_frame_equal(found, outside_overlap(x, names, scored(propensity), OverlapSettings(rule_depth=4)))
    assert found["n_trials"].sum() == 3000
    for row in found.itertuples():
        members = np.logical_and.reduce([_holds(part, dict(zip(names, x.T, strict=True))) for part in _parts(row.rule)])
        assert members.sum() == row.n_trials
        assert (propensity[members] < 0.1).mean() == pytest.approx(row.share_below)
        assert (propensity[members] > 0.9).mean() == pytest.approx(row.share_above)
    places = found["verdict"].map(module.VERDICTS.index)
    assert places.is_monotonic_increasing
    assert found.groupby(places)["n_trials"].apply(lambda sizes: sizes.is_monotonic_decreasing).all()


def _parts(rule: str) -> list[str]:
    return rule.split("; ")


def _holds(condition: str, columns: dict[str, Array]) -> Array:
    """Whom a condition describes, read as a person would."""
    name, words = condition.split(" ", 1)
    values = columns[name]
    numbers = [float(word) for word in words.split() if word.replace(".", "").lstrip("-").isdigit()]
    if words.startswith("at most"):
        return values <= numbers[0]
    if words.startswith("at least"):
        return values >= numbers[0]
    if words.startswith("above"):
        return values > numbers[0]
    if words.startswith("from"):
        return (values >= numbers[0]) & (values <= numbers[1])
    if words.startswith("between"):
        return (values > numbers[0]) & (values <= numbers[1])
    assert words.startswith("is"), condition
    return values == numbers[0]


def test_thresholds_are_rounded_as_far_as_they_still_divide() -> None:
    assert readable(123.456, np.array([0.5, 500.0])) == 123.0
    assert readable(1234.5, np.array([1.0, 2000.0])) == 1230.0
    assert readable(3.5, np.array([1.0, 9.0])) == 3.0
    assert readable(-2.5, np.array([-9.0, 9.0])) == -3.0
    # Rounded to three digits it would be the largest value, and nobody above it.
    assert readable(0.99962, np.array([0.1, 1.0])) == 0.9996
    assert readable(0.99962, np.array([0.9995, 0.9997])) == 0.9996
