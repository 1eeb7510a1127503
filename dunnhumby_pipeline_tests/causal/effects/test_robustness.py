"""Other choices of trials and outcome: each row is the estimator that it says, over the trials that it says."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.causal.effects.average import aipw, overlap_weighted
from dunnhumby_pipeline.causal.effects.robustness import effect_robustness, nuisance_variants
from dunnhumby_pipeline.causal.nuisance.cross_fit import cross_fit, residuals
from dunnhumby_pipeline.causal.nuisance.linear_means import linear_means, with_outcome
from dunnhumby_pipeline.causal.nuisance.models import LINEAR_ONLY
from dunnhumby_pipeline.contracts.names import NUISANCE_VARIANTS
from dunnhumby_pipeline.settings import EffectSettings, NuisanceSettings
from dunnhumby_pipeline_tests.fakes.known_truth import Array, Known, simulate_trials

SPEND = "purchase_amount"
LEVELS = EffectSettings(trimming=(0.0, 0.2, 0.49), winsorising=(0.9,))


def constant_effect(x: Array) -> Array:
    return np.full(len(x), 2.0)


@pytest.fixture(scope="module")
def known() -> Known:
    return simulate_trials(400, seed=31, effect=lambda x: 2 + x[:, 0], n_campaigns=2)


@pytest.fixture(scope="module")
def robust(known: Known) -> pd.DataFrame:
    trials = known.trials.assign(amount_without_fuel=0.5 * known.trials[SPEND])
    propensity = pd.DataFrame({"in_crump": known.propensity > 0.4})
    return effect_robustness(trials, known.x, known.nuisances(), propensity, LEVELS, 0.95, SPEND)


def test_untrimmed_effects_are_the_effects(known: Known, robust: pd.DataFrame) -> None:
    own = "variation level estimator estimand estimate se ci_lower ci_upper n_trials n_households"
    assert robust.columns.tolist() == own.split()
    data = known.residuals()
    untrimmed = robust[(robust["variation"] == "trimming") & (robust["level"] == 0)].set_index("estimator")
    for name, estimator in (("aipw", aipw), ("overlap_weighted", overlap_weighted)):
        row = untrimmed.loc[name]
        assert (row["estimate"], row["se"]) == pytest.approx(estimator(data, np.ones(800, dtype=bool)))
        assert (row["n_trials"], row["n_households"]) == (800, 400)
        assert row["ci_upper"] - row["estimate"] == pytest.approx(1.959964 * row["se"])
    assert untrimmed["estimand"].to_dict() == {"aipw": "ATE", "overlap_weighted": "ATO"}


def test_trimming_leaves_out_both_ends(known: Known, robust: pd.DataFrame) -> None:
    data = known.residuals()
    e = known.propensity
    for variation, level, rows in (("trimming", 0.2, (e >= 0.2) & (e <= 0.8)), ("crump", np.nan, e > 0.4)):
        found = robust[(robust["variation"] == variation) & robust["level"].isin([level])].set_index("estimator")
        assert found["n_trials"].tolist() == [rows.sum()] * 2
        assert (found.at["aipw", "estimate"], found.at["aipw", "se"]) == pytest.approx(aipw(data, rows))
        expected = overlap_weighted(data, rows)
        assert tuple(found.loc["overlap_weighted", ["estimate", "se"]]) == pytest.approx(expected)


def test_what_trimming_leaves_nobody_of_is_null_and_counted() -> None:
    few = simulate_trials(60, seed=32, effect=constant_effect)
    none = pd.DataFrame({"in_crump": np.zeros(60, dtype=bool)})
    table = effect_robustness(few.trials, few.x, few.nuisances(), none, LEVELS, 0.95, SPEND)
    crump = table[table["variation"] == "crump"]
    assert crump["n_trials"].tolist() == [0, 0]
    assert crump[["estimate", "se", "ci_lower", "ci_upper"]].isna().all(axis=None)
    assert table[table["variation"] == "winsorising"]["estimate"].notna().all()


def test_capped_and_other_outcomes_have_means_of_the_same_kind(known: Known, robust: pd.DataFrame) -> None:
    data = known.residuals()
    capped = np.minimum(data.y, np.quantile(data.y, 0.9))
    assert 0 < (capped < data.y).sum() <= 80
    everyone = np.ones(800, dtype=bool)
    rows = robust.set_index(["variation", "level"])
    for y, place in ((capped, ("winsorising", 0.9)), (data.y, ("winsorising", 1.0))):
        mean = linear_means(known.x, y[:, None], data.folds)[:, 0]
        expected = overlap_weighted(with_outcome(data, y, mean), everyone)
        assert tuple(rows.loc[place, ["estimate", "se"]]) == pytest.approx(expected)
    other = robust[robust["variation"] == "amount_without_fuel"].iloc[0]
    assert np.isnan(other["level"])
    # Half the spend has half the effect.
    assert other["estimate"] == pytest.approx(rows.loc[("winsorising", 1.0), "estimate"] / 2)
    assert "margin_weighted_amount" not in set(robust["variation"])


def test_a_redemption_is_not_capped(known: Known) -> None:
    trials = known.trials.assign(redeemed=(known.trials["redeemed"] > 9).astype(int))
    everyone = pd.DataFrame({"in_crump": np.ones(800, dtype=bool)})
    table = effect_robustness(trials, known.x, known.nuisances(), everyone, LEVELS, 0.95, "redeemed")
    assert table.loc[table["variation"] == "winsorising", "level"].tolist() == [1.0]


def test_nuisances_made_otherwise_each_have_their_effect(known: Known) -> None:
    """Each row is the overlap-weighted effect by the nuisances it names, of the study's first division into folds."""
    settings = NuisanceSettings(n_folds=2, n_repeats=3)
    everyone = np.ones(len(known.trials), dtype=bool)
    told = known.nuisances().assign(propensity_as_fitted=0.4)
    # Ten times as large in the second campaign, as totals are where a look-back is long.
    totals = known.x * (1 + 9 * (known.trials["campaign"].to_numpy() == 2))[:, None]
    table = nuisance_variants(known.trials, known.x, totals, told, settings, 0.95, SPEND, seed=7)
    assert table["variation"].tolist() == list(NUISANCE_VARIANTS)
    assert (table["estimator"] == "overlap_weighted").all() and table["level"].isna().all()
    assert (table["n_trials"] == 800).all()
    found = table.set_index("variation")[["estimate", "se"]]
    as_fitted = residuals(known.trials, told.assign(propensity=0.4), SPEND)
    assert tuple(found.loc["propensity_as_fitted"]) == pytest.approx(overlap_weighted(as_fitted, everyone))
    once = settings.model_copy(update={"n_repeats": 1})
    linear = cross_fit(known.trials, known.x, once, 7, [SPEND], LINEAR_ONLY).nuisances
    expected = overlap_weighted(residuals(known.trials, linear, SPEND), everyone)
    assert tuple(found.loc["linear_nuisances"]) == pytest.approx(expected)
    assert found["estimate"].nunique() == len(found)
    assert ((found["estimate"] - known.ato).abs() < 4 * found["se"]).all()
