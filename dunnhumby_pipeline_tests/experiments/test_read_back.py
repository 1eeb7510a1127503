"""From an assignment to what its outcomes teach: a planted effect is found, and the belief moves to it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.causal.doubts.bias_allowance import BiasAllowance, allowance_from, bias_allowance
from dunnhumby_pipeline.contracts.names import TEST
from dunnhumby_pipeline.experiments.assignment import CONTACT, experiment_assignment
from dunnhumby_pipeline.experiments.ledger import record, results
from dunnhumby_pipeline.experiments.read_back import (
    MismatchError,
    experiment_result,
    hash_in,
    matched,
    profit_of,
    read_outcomes,
)
from dunnhumby_pipeline.experiments.registration import ExperimentError, Registration, keep, kept, planned
from dunnhumby_pipeline.settings.experiment import ExperimentSettings
from dunnhumby_pipeline.targeting.belief import prior, updated

N = 2000
DOUBT = bias_allowance(np.array([30.0, -20.0, 5.0]), np.array([10.0, 10.0, 10.0]), 20.0).times(0.3)


@pytest.fixture(scope="module")
def assignment() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    key, spend = np.arange(1, N + 1), rng.gamma(2, 60, N)
    listed = pd.DataFrame({"household_key": key, "segment": rng.choice(["a", "b"], N), "decision": TEST})
    listed["cate"] = rng.normal(4.7, 6.0, N)
    baseline = pd.DataFrame({"household_key": key, "baseline_spend": spend, "baseline_visits": spend / 25})
    return experiment_assignment(listed, baseline, ExperimentSettings(), "TypeA", 11)


def plan_of(assignment: pd.DataFrame, estimate: float = 4.7) -> Registration:
    return Registration(
        assignment_hash=assignment["assignment_hash"].iloc[0],
        campaign_type="TypeA",
        scenario="printed mail",
        estimate=estimate,
        se=3.3,
        tau=tuple(DOUBT.tau.tolist()),
        tau_weight=tuple(DOUBT.weight.tolist()),
        n_controls=3,
        contact_cost=1.0,
        margin=0.3,
        of_gross_profit=1.0,
        of_sales=0.0,
        duration_days=76,
        contact_share=0.5,
        confidence=0.95,
        n_households=N,
        n_campaigns=3,
        variance=900.0,
        test_cost=0.0,
        sample_ratio_p=0.001,
        n_assigned=N,
        power=0.2,
        detectable_effect=3.1,
        n_looks=3,
        assigned_on="2026-03-01",
        assigned_by="a <b>",
    )


def outcomes_of(assignment: pd.DataFrame, effect: float, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    profit = 0.3 * assignment["baseline_spend"] + rng.normal(0, 20, len(assignment))
    profit += effect * (assignment["arm"] == CONTACT)
    found = assignment[["household_key", "assignment_hash"]].assign(gross_profit=profit, days_observed=76)
    return found.sample(frac=1, random_state=seed).reset_index(drop=True)


@pytest.mark.parametrize(("truth", "next_step"), [(8.0, "deploy"), (-6.0, "stop"), (1.2, "refine")])
def test_the_belief_moves_to_the_truth(assignment: pd.DataFrame, truth: float, next_step: str) -> None:
    plan = plan_of(assignment)
    found = experiment_result(matched(outcomes_of(assignment, truth), assignment, plan), plan)
    assert abs(found["effect"] - truth) < 3 * found["effect_se"]
    assert found["effect_se"] < 0.95 * found["difference_se"]
    assert abs(found["posterior_effect"] - truth) < abs(4.7 - truth)
    assert found["posterior_lower"] < truth < found["posterior_upper"]
    assert found["posterior_sd"] < found["effect_se"] < found["prior_sd"]
    assert found["observed_bias"] == pytest.approx(found["effect"] - 4.7)
    assert found["next_step"] == next_step
    moved = found["probability_pays"] - found["probability_pays_before"]
    assert moved > 0 if truth > 1.5 else moved < 0 or truth > 1


def test_without_doubt_it_is_the_inverse_variance_mean_and_with_it_the_experiment_counts_more() -> None:
    sure = updated(prior(4.0, 2.0, BiasAllowance(np.zeros(1), np.ones(1), 0)), -6.0, 2.0)
    assert (sure.estimate, sure.spread) == pytest.approx((-1.0, np.sqrt(2.0)))
    doubted = updated(prior(4.0, 2.0, DOUBT), -6.0, 2.0)
    assert -6.0 < doubted.estimate < -4.0 < sure.estimate
    near = updated(prior(4.0, 2.0, DOUBT), 4.0, 2.0)
    # An experiment that agrees makes large systematic error less likely.
    assert near.weight @ DOUBT.tau < DOUBT.weight @ DOUBT.tau < doubted.weight @ DOUBT.tau
    assert near.interval(0.95)[0] == pytest.approx(8.0 - near.interval(0.95)[1])
    with pytest.raises(ValueError, match="above 0"):
        updated(sure, 1.0, 0.0)


def test_the_interval_after_an_experiment_covers_as_often_as_it_says() -> None:
    rng, covered, n_draws = np.random.default_rng(9), 0, 1000
    for tau in rng.choice(DOUBT.tau, n_draws, p=DOUBT.weight):
        truth = rng.normal(2.0, 5.0)
        before = prior(truth + rng.normal(0, tau) + rng.normal(0, 3.3), 3.3, DOUBT)
        lower, upper = updated(before, truth + rng.normal(0, 2.0), 2.0).interval(0.95)
        covered += lower <= truth <= upper
    assert abs(covered / n_draws - 0.95) < 3 * np.sqrt(0.95 * 0.05 / n_draws)


Change = Callable[[pd.DataFrame], pd.DataFrame]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda o: o.iloc[5:], "5 households were assigned and are not in the outcomes"),
        (
            lambda o: pd.concat([o, o.iloc[:1].assign(household_key=99999)]),
            "1 households are in the outcomes and were not",
        ),
        (lambda o: pd.concat([o, o.iloc[:2]]), "2 households are in the outcomes more than once"),
        (lambda o: o.assign(days_observed=40), "outcomes end after 40 days and are counted for 76"),
        (lambda o: o.assign(gross_profit=np.nan), "both arms"),
        (lambda o: o.assign(gross_profit=o["gross_profit"].astype(object).where(o.index > 0, "n/a!")), "no number"),
        (lambda o: o.drop(columns="gross_profit"), "gross_profit, or sales and match"),
        (lambda o: o.drop(columns="days_observed"), "days_observed"),
        (lambda o: o.assign(arm=CONTACT), "arms of the outcomes"),
        (lambda o: o.assign(household_key="x"), "household_key is no number"),
    ],
)
def test_what_does_not_match_is_refused(assignment: pd.DataFrame, change: Change, said: str) -> None:
    with pytest.raises(ExperimentError, match=said) as error:
        matched(change(outcomes_of(assignment, 3.0)), assignment, plan_of(assignment))
    assert "\n" not in str(error.value)


def test_one_arm_alone_is_refused(assignment: pd.DataFrame) -> None:
    found = outcomes_of(assignment, 3.0).merge(assignment[["household_key", "arm"]])
    found.loc[found["arm"] == CONTACT, "gross_profit"] = np.nan
    with pytest.raises(ExperimentError, match="both arms"):
        matched(found, assignment, plan_of(assignment))


def test_outcomes_that_lack_more_in_one_arm_are_a_mismatch(assignment: pd.DataFrame) -> None:
    plan = plan_of(assignment)
    found = outcomes_of(assignment, 3.0).merge(assignment[["household_key", "arm"]])
    lost = found.index[found["arm"] == CONTACT][:300]
    with pytest.raises(MismatchError, match="sample-ratio mismatch: 700 contacted and 1,000 held out"):
        experiment_result(matched(found.assign(gross_profit=found["gross_profit"].drop(lost)), assignment, plan), plan)
    few = found.assign(gross_profit=found["gross_profit"].drop(lost[:20]))
    assert experiment_result(matched(few, assignment, plan), plan)["n_without_outcome"] == 20


def test_contamination_is_counted_and_arms_stay_as_assigned(assignment: pd.DataFrame) -> None:
    plan = plan_of(assignment)
    found = outcomes_of(assignment, 3.0).merge(assignment[["household_key", "arm"]])
    told = found.assign(contacted=(found["arm"] == CONTACT) ^ (found.index < 7)).drop(columns="arm")
    plain = experiment_result(matched(found.drop(columns="arm"), assignment, plan), plan)
    read = experiment_result(matched(told, assignment, plan), plan)
    assert (plain["n_contaminated"], read["n_contaminated"]) == (0, 7)
    assert read["effect"] == plain["effect"]


def test_profit_is_made_of_sales_and_match_by_the_scenario(assignment: pd.DataFrame) -> None:
    plan = plan_of(assignment)
    told = pd.DataFrame({"sales": [100.0], "match": [10.0]})
    assert profit_of(told, plan).tolist() == pytest.approx([0.3 * 100 - 0.7 * 10])
    as_coupons = replace(plan, of_gross_profit=0.0, of_sales=0.3)
    assert profit_of(told[["sales"]], as_coupons).tolist() == pytest.approx([30.0])
    # A scenario at a margin of its own, of which gross profit was measured at 0.3.
    own = replace(plan, margin=0.5, of_gross_profit=0.5 / 0.7, of_sales=0.2 / 0.7)
    assert profit_of(told, own).tolist() == pytest.approx([0.5 * 100 - 0.5 * 10])


def test_plan_and_results_last(assignment: pd.DataFrame, tmp_path: Path) -> None:
    plan, folder = plan_of(assignment), tmp_path / "experiments"
    whole = keep(plan, assignment, "<p>page</p>", folder)
    again, stored = kept(plan.assignment_hash, folder)
    assert again == whole == replace(plan, page_hash=whole.page_hash) and planned(folder) == [whole]
    # What was kept first stays.
    assert keep(replace(plan, power=0.9), assignment, "another", folder) == whole
    page, file = folder / f"{plan.assignment_hash}.html", folder / f"{plan.assignment_hash}.json"
    page.write_text("<p>another page</p>")
    with pytest.raises(ExperimentError, match=r"registration .* is not as it was"):
        kept(plan.assignment_hash, folder)
    page.write_text("<p>page</p>")
    sealed = file.read_text()
    for altered in (sealed.replace('"contact_cost": 1.0', '"contact_cost": 0.1'), "{", "[]", '{"plan": {}}'):
        file.write_text(altered)
        with pytest.raises(ExperimentError, match="restore it"):
            kept(plan.assignment_hash, folder)
    file.write_text(sealed)
    pd.testing.assert_frame_equal(stored, assignment)
    with pytest.raises(ExperimentError, match="another assignment"):
        kept("ab" * 32, folder)
    assignment.assign(arm=CONTACT).to_parquet(folder / f"{plan.assignment_hash}.parquet")
    with pytest.raises(ExperimentError, match="altered"):
        kept(plan.assignment_hash, folder)
    ledger = folder / "ledger.jsonl"
    assert results(ledger).empty
    for effect in (1.0, 2.0):
        record({"assignment_hash": "a", "effect": effect}, ledger)
    assert results(ledger)["effect"].tolist() == [2.0]


def test_outcomes_name_one_assignment(assignment: pd.DataFrame, tmp_path: Path) -> None:
    found = outcomes_of(assignment, 3.0)
    assert hash_in(found) == assignment["assignment_hash"].iloc[0]
    with pytest.raises(ExperimentError, match="expected one"):
        hash_in(found.assign(assignment_hash=np.where(found.index > 3, "a", "b")))
    with pytest.raises(ExperimentError, match="no column"):
        hash_in(found.drop(columns="assignment_hash"))
    with pytest.raises(ExperimentError, match="cannot be read"):
        read_outcomes(tmp_path / "none.csv")


def test_past_experiments_inform_the_allowance() -> None:
    controls = pd.DataFrame({"campaign": ["13", "8"], "estimate": [20.0, -15.0], "se": [25.0, 25.0]})
    past = pd.DataFrame({"observed_bias": [0.3, -0.6, 0.0], "observed_bias_se": [1.2] * 3, "margin": [0.3] * 3})
    before, after = allowance_from(controls, 20.0), allowance_from(controls, 20.0, past)
    assert after.n_controls == 5 and after.spread < before.spread
    assert allowance_from(controls, 20.0, pd.DataFrame()).spread == before.spread
