"""Balance and calibration within campaigns, and the bands that noise alone keeps to."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import special

from dunnhumby_pipeline.causal.overlap.balance import covariate_balance
from dunnhumby_pipeline.causal.overlap.campaign_balance import campaign_balance, campaign_calibration
from dunnhumby_pipeline.causal.overlap.overlap import effective_sample_size, overlap_weights
from dunnhumby_pipeline_tests.fakes.known_truth import Array

NAMES = ("a", "b", "like_b", "rare", "flat")


def _world(n: int, seed: int, campaign: int = 1, bias: float = 0.0) -> tuple[Array, pd.DataFrame]:
    """Correlated covariates, a rare level and one that does not vary, and arms drawn by the propensity that is told,
    but for `bias` along the first covariate."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, n))
    x = np.column_stack([a, b, b + 0.3 * rng.normal(size=n), rng.random(n) < 0.04, np.ones(n)])
    told = special.expit(-0.8 + 0.9 * b)
    treated = rng.random(n) < special.expit(special.logit(told) + bias * a)
    return x, pd.DataFrame({"campaign": campaign, "treated": treated.astype("int64"), "propensity": told})


def test_noise_alone_leaves_the_bands_as_often_as_is_said() -> None:
    n_worlds, beyond_any, beyond_own = 100, 0, []
    for seed in range(n_worlds):
        found = campaign_balance(*(lambda w: (w[0], NAMES, w[1]))(_world(250, seed)), 0.9, 200, seed)
        beyond_any += bool((found["smd"].abs() > found["noise_any"]).any())
        beyond_own.append((found["smd"].abs() > found["noise"]).mean())
    # Ten percent, with a standard error of three.
    assert 0.05 < beyond_any / n_worlds < 0.16
    assert 0.07 < np.mean(beyond_own) < 0.13


def test_differences_are_those_of_the_campaign_under_overlap_weights() -> None:
    (x, first), (other_x, second) = _world(400, 1, campaign=8), _world(300, 2, campaign=13)
    found = campaign_balance(np.vstack([x, other_x]), NAMES, pd.concat([first, second]), 0.99, 200, 1)
    assert found["campaign"].tolist() == ["8"] * 4 + ["13"] * 4
    assert found["covariate"].tolist() == ["a", "b", "like_b", "rare"] * 2
    treated, e = first["treated"].to_numpy(dtype=float), first["propensity"].to_numpy()
    weights = overlap_weights(treated, e)
    table = first.assign(w_overlap=weights, w_ipw=1.0, in_overlap=True, w_balance=1.0, w_treated=1.0)
    expected = covariate_balance(x, NAMES, table).pivot(index="covariate", columns="weighting", values="smd")
    own = found[found["campaign"] == "8"].set_index("covariate")
    np.testing.assert_allclose(own["smd"], expected.loc[own.index, "overlap"], atol=1e-9)
    np.testing.assert_allclose(own["smd_unweighted"], expected.loc[own.index, "none"], atol=1e-9)
    assert own["ess_treated"].iloc[0] == pytest.approx(effective_sample_size(weights[treated == 1]))
    assert own["ess_control"].iloc[0] == pytest.approx(effective_sample_size(weights[treated == 0]))
    assert (own["noise_any"] > own["noise"]).all()


def test_differences_that_cancel_over_campaigns_are_seen_within_them() -> None:
    (x, first), (other_x, second) = _world(1500, 3, 8, bias=0.3), _world(1500, 4, 13, bias=-0.3)
    whole = pd.concat([first, second], ignore_index=True)
    every = np.vstack([x, other_x])
    pooled = campaign_balance(every, NAMES, whole.assign(campaign=1), 0.99, 200, 1).set_index("covariate")
    assert abs(pooled["smd"]["a"]) < 0.1
    found = campaign_balance(every, NAMES, whole, 0.99, 200, 1)
    ours = found[found["covariate"] == "a"]
    assert (ours["smd"].abs() > 0.2).all() and (ours["smd"].abs() > ours["noise_any"]).all()
    assert (found.loc[found["covariate"] != "a", "smd"].abs() < found["noise_any"].drop(ours.index)).all()


def test_bands_narrow_with_the_effective_size_and_a_seed_gives_one_result() -> None:
    small, large = (campaign_balance(*(lambda w: (w[0], NAMES, w[1]))(_world(n, 5)), 0.99, 400, 7) for n in (300, 4800))
    ratio = small["noise"] / large["noise"]
    assert ratio.iloc[:3].between(3.2, 4.8).all()
    x, table = _world(300, 5)
    pd.testing.assert_frame_equal(campaign_balance(x, NAMES, table, 0.99, 400, 7), small)


def test_what_tells_the_arms_apart_is_infinite_and_a_tiny_campaign_has_no_band() -> None:
    x, table = _world(60, 6)
    told = np.column_stack([x, table["treated"]])
    found = campaign_balance(told, (*NAMES, "told"), table, 0.99, 200, 1).set_index("covariate")
    assert found["smd"]["told"] == np.inf
    few = table.assign(treated=([1] * 9 + [0] * 51))
    tiny = campaign_balance(x, NAMES, few, 0.99, 200, 1)
    assert tiny[["noise", "noise_any"]].isna().all(axis=None)
    assert tiny["smd"].notna().all()
    nobody = campaign_balance(x, NAMES, table.assign(treated=0), 0.99, 200, 1)
    assert nobody["smd"].isna().all()


def test_calibration_is_told_by_campaign_with_the_noise_of_its_slope() -> None:
    rng = np.random.default_rng(8)
    said = special.expit(rng.normal(0, 1.2, 6000))
    timid = np.arange(6000) < 3000
    chance = special.expit(np.where(timid, 1.5, 1.0) * special.logit(said))
    table = pd.DataFrame(
        {
            "campaign": np.where(timid, 8, 13),
            "treated": (rng.random(6000) < chance).astype("int64"),
            "propensity": said,
            "propensity_as_fitted": special.expit(0.5 * special.logit(said)),
        }
    )
    found = campaign_calibration(table, 0.99).set_index("campaign")
    assert found["slope"].to_dict() == pytest.approx({"8": 1.5, "13": 1.0}, abs=0.15)
    np.testing.assert_allclose(found["slope_as_fitted"], 2 * found["slope"], rtol=1e-5)
    inside = found["slope"].between(found["noise_lower"], found["noise_upper"])
    assert inside.to_dict() == {"8": False, "13": True}


def test_the_band_of_a_slope_has_its_rate() -> None:
    rng, inside = np.random.default_rng(9), []
    for _ in range(80):
        said = special.expit(rng.normal(-1, 1.2, 600))
        treated = (rng.random(600) < said).astype("int64")
        table = pd.DataFrame({"campaign": 1, "treated": treated, "propensity": said, "propensity_as_fitted": said})
        row = campaign_calibration(table, 0.9).iloc[0]
        inside.append(row["noise_lower"] <= row["slope"] <= row["noise_upper"])
    assert 0.83 < np.mean(inside) < 0.97
