"""What else can be planted: campaigns that do harm, a trait that no file shows, and arms that hardly overlap."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.simulate.plan import OVERLAPS, PlanError, RetailerPlan
from dunnhumby_pipeline.simulate.simulate import SimulationReport, simulate

PLAN = RetailerPlan(n_households=400, n_products=500, n_stores=3, lines_per_basket=4, n_type_b=1, n_type_c=0)


def made(folder: Path, **options: float) -> tuple[SimulationReport, pd.DataFrame]:
    report = simulate(folder / "raw", PLAN.model_copy(update=options))
    return report, pd.read_parquet(folder / "raw" / "truth" / "trials.parquet")


def first_share(report: SimulationReport, trials: pd.DataFrame) -> float:
    """The share that the first campaign is expected to contact: later ones choose among those it left."""
    return float(trials.loc[trials["campaign"] == report.campaigns[0][0].campaign, "propensity"].mean())


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[SimulationReport, pd.DataFrame]:
    return made(tmp_path_factory.mktemp("plain"))


def test_without_options_the_bytes_are_those_of_earlier_releases(tmp_path: Path) -> None:
    simulate(tmp_path / "raw", RetailerPlan(n_households=60, n_products=400, n_stores=2))
    files = sorted(path for path in (tmp_path / "raw").glob("*.csv"))
    found = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
    assert found == "341dc803ab0da7b975cfc9b00a3edc0d4cb492c63a029b2950aa930447986367"
    plan = json.loads((tmp_path / "raw" / "truth" / "plan.json").read_text(encoding="utf-8"))["plan"]
    assert "confounder" not in plan


@pytest.mark.parametrize("effect", [-25.0, -80.0])
def test_harm_comes_out_as_asked_and_no_household_loses_more_than_half(effect: float, tmp_path: Path) -> None:
    report, trials = made(tmp_path, effect_mean=effect)
    # As much as the pilot's households, who are others, let it.
    assert report.truth.ate == pytest.approx(effect, abs=0.15 * abs(effect) + 5)
    assert (trials["effect"] >= -trials["expected_spend"] / 2 - 1e-9).all()
    assert (trials["effect"] < 0).mean() > 0.6


def test_harm_shows_in_what_the_treated_spend(tmp_path: Path) -> None:
    def spend(folder: Path) -> float:
        return float(pd.read_csv(folder / "raw" / "transaction_data.csv", usecols=["SALES_VALUE"]).sum().iloc[0])

    made(tmp_path / "harm", effect_mean=-80.0, effect_sd=0.0)
    made(tmp_path / "none", effect_mean=0.0, effect_sd=0.0)
    _, trials = made(tmp_path / "gain", effect_mean=80.0, effect_sd=0.0)
    n_treated = int(trials["treated"].sum())
    lost = (spend(tmp_path / "none") - spend(tmp_path / "harm")) / n_treated
    won = (spend(tmp_path / "gain") - spend(tmp_path / "none")) / n_treated
    assert 50 < lost < 110
    assert 60 < won < 100


def test_more_harm_than_households_can_take_is_refused_with_what_they_can(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"effect_mean is -900; households spend \$\d+ on average .* above -\d+"):
        made(tmp_path, effect_mean=-900.0)
    assert not (tmp_path / "raw").exists()


def test_less_overlap_is_more_extreme_propensities(
    tmp_path: Path, plain: tuple[SimulationReport, pd.DataFrame]
) -> None:
    found = {"fair": plain[0].in_overlap}
    for name in ("good", "poor"):
        report, trials = made(tmp_path / name, targeting_strength=OVERLAPS[name])
        found[name] = report.in_overlap
        assert report.in_overlap == pytest.approx(trials["propensity"].between(0.1, 0.9).mean())
        assert first_share(report, trials) == pytest.approx(first_share(*plain), abs=0.05)
    assert found["good"] > found["fair"] + 0.02
    assert found["fair"] > found["poor"] + 0.2


@pytest.mark.parametrize("strength", [0.8, -0.8])
def test_a_hidden_trait_moves_contacts_and_spend_and_is_in_the_truth_alone(
    strength: float, tmp_path: Path, plain: tuple[SimulationReport, pd.DataFrame]
) -> None:
    report, trials = made(tmp_path, confounder=strength, effect_mean=0.0, effect_sd=0.0)
    trait = trials["confounder"].to_numpy()
    treated = trials["treated"] == 1
    assert trait[treated].mean() > trait[~treated].mean() + 0.4
    # Spend without a contact is no longer alike in both arms of a propensity: what a naive study takes for an effect.
    slope = np.polyfit(trait, np.log(trials["expected_spend"].clip(lower=1)), 1)[0]
    assert np.sign(slope) == np.sign(strength)
    households = pd.read_parquet(tmp_path / "raw" / "truth" / "households.parquet")
    assert households["confounder"].std() == pytest.approx(1, abs=0.1)
    assert first_share(report, trials) == pytest.approx(first_share(*plain), abs=0.05)
    for file in (tmp_path / "raw").glob("*.csv"):
        assert "confounder" not in file.open(encoding="utf-8").readline()
    assert "confounder" not in plain[1].columns


def test_the_same_seed_gives_the_same_bytes_with_options_too(tmp_path: Path) -> None:
    options = {"confounder": 0.5, "effect_mean": -10.0, "n_households": 120}
    made(tmp_path / "one", **options)
    made(tmp_path / "two", **options)
    for file in sorted((tmp_path / "one").rglob("*.*")):
        if file.is_file():
            assert file.read_bytes() == (tmp_path / "two" / file.relative_to(tmp_path / "one")).read_bytes()
