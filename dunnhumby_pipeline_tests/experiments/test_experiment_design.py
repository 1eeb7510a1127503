"""Size, power, value and assignment of an experiment, and when it may be looked at."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.causal.doubts.bias_allowance import BiasAllowance, bias_allowance
from dunnhumby_pipeline.contracts.names import CONTACT, HOLD_OUT, LEAVE, TEST
from dunnhumby_pipeline.engine.spreadsheet import write_csv
from dunnhumby_pipeline.experiments import design as designs
from dunnhumby_pipeline.experiments.assignment import (
    experiment_assignment,
    hash_of,
    is_sealed,
)
from dunnhumby_pipeline.experiments.balance import assignment_balance
from dunnhumby_pipeline.experiments.design import best_size, detectable_effect, experiment_design, required_size
from dunnhumby_pipeline.experiments.monitoring import confidence_sequence, crossing, lan_demets, obrien_fleming, spent
from dunnhumby_pipeline.settings.experiment import ExperimentSettings
from dunnhumby_pipeline.targeting.dial import ProfitEffect
from dunnhumby_pipeline.targeting.information import Stakes, best_test

SETTINGS = ExperimentSettings()
DOUBT = bias_allowance(np.array([30.0, -20.0]), np.array([10.0, 10.0]), 20.0).times(0.3)
EFFECT = ProfitEffect(4.7, 3.3, 5000.0, DOUBT)


def stakes(n: int = 2400) -> Stakes:
    return Stakes(n, 3, EFFECT.variance, 0.0, 20)


def test_size_is_that_of_the_two_sided_test() -> None:
    # (1.959964 + 0.841621)^2 x 2 x 10^2 / 2^2 = 392.4 per arm.
    assert required_size(2.0, 10.0, SETTINGS, 0.95) == 2 * 393
    uneven = required_size(2.0, 10.0, ExperimentSettings(contact_share=0.2), 0.95)
    assert uneven == pytest.approx(785 / (4 * 0.2 * 0.8), abs=2)
    assert required_size(2.0, 10.0, ExperimentSettings(power=0.9), 0.95) == 2 * 526
    assert required_size(0.0, 10.0, SETTINGS, 0.95) is None


def test_detectable_effect_is_what_its_size_finds() -> None:
    assert detectable_effect(393, 393, 10.0, 0.8, 0.95) == pytest.approx(2.0, rel=2e-3)
    assert detectable_effect(200, 800, 10.0, 0.8, 0.95) == pytest.approx(
        2.8016 * 10 * math.sqrt(1 / 200 + 1 / 800), 1e-3
    )


def test_value_rises_and_falls_with_size_and_the_optimum_is_that_of_the_dial() -> None:
    found = experiment_design(EFFECT, 1.0, 0.0, stakes(), 76, SETTINGS, 0.95)
    inside = found[found["feasible"]]
    assert inside["n_households"].is_monotonic_increasing and inside["n_households"].max() == 2400
    assert (inside["value_of_test"].diff().dropna() > 0).all() and (inside["power"].diff().dropna() > 0).all()
    best = best_test(3.7, float(DOUBT.standard_error(3.3)), stakes())
    assert best is not None
    assert inside["net_value"].max() == pytest.approx(best.net, rel=0.01)
    chosen = found[found["purpose"].fillna("").str.contains(designs.WORTH_MOST)]
    assert chosen["n_households"].tolist() == [best_size(found)]
    settling = found[found["purpose"].fillna("").str.contains(designs.SETTLES)].iloc[0]
    assert not settling["feasible"] and settling["power"] == pytest.approx(0.8, abs=1e-3)
    assert found["smallest_effect"].eq(1.0).all() and np.isnan(settling["net_value"])


def test_what_is_paid_once_counts_and_a_loss_costs_the_contacted() -> None:
    shared = experiment_design(EFFECT, 1.0, 2400.0, stakes(), 76, SETTINGS, 0.95)
    assert shared["smallest_effect"].eq(2.0).all()
    losing = experiment_design(EFFECT, 10.0, 0.0, stakes(), 76, ExperimentSettings(contact_share=0.2), 0.95)
    losing = losing[losing["feasible"]]
    assert losing["cost_of_test"].to_numpy() == pytest.approx(losing["n_treated"].to_numpy() * 5.3)


def test_too_few_households_have_no_design_and_a_free_contact_has_no_size() -> None:
    assert experiment_design(EFFECT, 1.0, 0.0, stakes(39), 76, SETTINGS, 0.95).empty
    assert best_size(experiment_design(EFFECT, 1.0, 0.0, stakes(39), 76, SETTINGS, 0.95)) == 0
    free = experiment_design(EFFECT, 0.0, 0.0, stakes(), 76, SETTINGS, 0.95)
    assert not free["purpose"].fillna("").str.contains(designs.SETTLES).any()
    sure = ProfitEffect(4.7, 1e-9, 5000.0, BiasAllowance(np.zeros(1), np.ones(1), 0))
    assert experiment_design(sure, 1.0, 0.0, stakes(), 76, SETTINGS, 0.95)["value_of_test"].max() == pytest.approx(0)


def households(n: int = 1003) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(5)
    key = np.arange(1, n + 1)
    listed = pd.DataFrame(
        {"household_key": key, "segment": rng.choice(["a", "b", "c"], n), "decision": TEST, "cate": 4.7}
    )
    listed.loc[:2, "decision"] = LEAVE
    spend = rng.gamma(2, 50, n)
    return listed, pd.DataFrame(
        {"household_key": key, "baseline_spend": spend, "baseline_visits": (spend / 20).astype(int)}
    )


@pytest.mark.parametrize("share", [0.5, 0.3, 0.85])
def test_every_stratum_has_its_share(share: float) -> None:
    settings = ExperimentSettings(contact_share=share)
    found = experiment_assignment(*households(), settings, "TypeA", 7)
    assert found["baseline_visits"].dtype == float
    assert len(found) == 1000 and found["household_key"].min() == 4
    contacted = found["arm"] == CONTACT
    by_stratum = contacted.groupby(found["stratum"]).agg(["sum", "size"])
    assert len(by_stratum) == 12
    assert (by_stratum["sum"] - share * by_stratum["size"]).abs().max() < 1
    assert abs(contacted.sum() - share * 1000) < 1
    assert found.loc[contacted, "probability"].eq(share).all()
    assert found.loc[~contacted, "probability"].to_numpy() == pytest.approx(1 - share)
    # Blocks of like spend hold it far closer than chance would, and visits, which follow it, with it.
    assert (assignment_balance(found)["smd"].abs() < 0.5 * assignment_balance(found)["smd_se"]).all()


def test_balance_is_what_it_says() -> None:
    arms = pd.DataFrame(
        {"arm": [CONTACT] * 3 + [HOLD_OUT] * 3, "baseline_spend": [3.0, 4, 5, 1, 2, 3], "baseline_visits": 2.0}
    )
    spend, visits = assignment_balance(arms).itertuples()
    assert (spend.mean_contact, spend.mean_hold_out) == (4.0, 2.0)
    assert spend.smd == pytest.approx(2 / math.sqrt(2 / 3)) and visits.smd == 0
    assert spend.smd_se == pytest.approx(math.sqrt(2 / 3))


def test_the_logged_probability_is_that_of_being_contacted() -> None:
    draws = [
        experiment_assignment(*households(60), ExperimentSettings(contact_share=0.3), "TypeA", s) for s in range(120)
    ]
    often = np.mean([(draw["arm"] == CONTACT).to_numpy() for draw in draws], axis=0)
    assert np.abs(often - 0.3).max() < 4 * math.sqrt(0.3 * 0.7 / 120)


def test_the_same_seed_gives_the_same_and_the_hash_seals_it() -> None:
    listed, baseline = households()
    first = experiment_assignment(listed, baseline, SETTINGS, "TypeA", 7)
    again = experiment_assignment(listed.sample(frac=1, random_state=1), baseline[::-1], SETTINGS, "TypeA", 7)
    pd.testing.assert_frame_equal(first, again)
    others = [
        experiment_assignment(listed, baseline, SETTINGS, kind, seed) for kind, seed in (("TypeB", 7), ("TypeA", 8))
    ]
    assert len({first["assignment_hash"].iloc[0], *(other["assignment_hash"].iloc[0] for other in others)}) == 3
    assert is_sealed(first) and hash_of(first.sample(frac=1, random_state=2)) == first["assignment_hash"].iloc[0]
    altered = first.assign(
        arm=first["arm"].where(first.index != 3, "hold out" if first["arm"][3] == CONTACT else CONTACT)
    )
    assert not is_sealed(altered)


def test_fewer_households_can_be_drawn() -> None:
    found = experiment_assignment(*households(), SETTINGS, "TypeA", 7, size=324)
    assert abs(len(found) - 324) <= 1 and abs((found["arm"] == CONTACT).sum() - 162) <= 1


def test_no_cell_of_the_file_is_a_formula(tmp_path: Path) -> None:
    bad = ["=1+1", "+1", "-1", "@x", "plain"]
    write_csv(pd.DataFrame({"segment": bad, "effect": [-1.0] * 5}), tmp_path / "a.csv")
    back = pd.read_csv(tmp_path / "a.csv")
    assert back["segment"].tolist() == ["'=1+1", "'+1", "'-1", "'@x", "plain"] and back["effect"].eq(-1).all()


def test_boundaries_are_the_published() -> None:
    assert obrien_fleming(5, 0.05) == pytest.approx([4.5617, 3.2256, 2.6337, 2.2809, 2.0401], abs=2e-3)
    assert obrien_fleming(2, 0.05) == pytest.approx([2.797, 1.977], abs=2e-3)
    assert lan_demets([0.2, 0.4, 0.6, 0.8, 1.0], 0.05) == pytest.approx(
        [4.8769, 3.3569, 2.6803, 2.2898, 2.0310], abs=2e-3
    )
    assert lan_demets([1.0], 0.05) == pytest.approx([1.96], abs=1e-3)
    # What earlier looks had stays; the next is found from there.
    assert lan_demets([0.2, 0.4, 0.6], 0.05, [4.8769, 3.3569])[-1] == pytest.approx(2.6803, abs=2e-3)
    # All alpha is spent at the end, and none is lost by looking very early.
    assert spent(1.0, 0.05) == pytest.approx(0.05)
    assert lan_demets([0.001, 1.0], 0.05) == pytest.approx([9.0, 1.96], abs=1e-3)
    assert crossing(lan_demets([0.3, 0.7, 1.0], 0.05), np.array([0.3, 0.7, 1.0])).sum() == pytest.approx(0.05, abs=1e-4)
    with pytest.raises(ValueError, match="rise"):
        lan_demets([0.5, 0.4], 0.05)


def test_the_sequence_holds_at_all_times_and_narrows() -> None:
    missed, n = 0, 1500
    for seed in range(200):
        rng = np.random.default_rng(seed)
        treated = rng.permutation(np.repeat([1.0, 0.0], n // 2))
        outcome = rng.gamma(2, 20, n) + 3 * treated
        estimate, lower, upper = confidence_sequence(outcome, treated, 0.5, 0.95, n)
        assert estimate[-1] == pytest.approx(outcome[treated == 1].mean() - outcome[treated == 0].mean())
        missed += bool(((lower[100:] > 3) | (upper[100:] < 3)).any())
    assert missed / 200 <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 200)
    fixed = 1.96 * math.sqrt(outcome.var() * 4 / n)
    assert fixed < (upper - lower)[-1] / 2 < 1.8 * fixed
