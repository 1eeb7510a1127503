"""What a study of a world says, whom its list targets, leaves and tests, and what a test of those teaches.

All of it by the functions that a study uses, on a few of its tables; the effects that differ by the reduced form of the
search that the study's own power is measured with.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.loop_worlds import MARGIN, PLACEBO, World
from dunnhumby_pipeline.causal.cate.gate import gate, r_loss
from dunnhumby_pipeline.causal.cate.learners.registry import LEARNERS
from dunnhumby_pipeline.causal.cate.reduced import Reduced
from dunnhumby_pipeline.causal.doubts.bias_allowance import BiasAllowance, allowance_from
from dunnhumby_pipeline.causal.estimators.clustered import FEWEST_HOUSEHOLDS, normal_quantile
from dunnhumby_pipeline.causal.estimators.doubly_robust import overlap_weighted
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals, cross_fit, residuals
from dunnhumby_pipeline.contracts.names import CONTACT, FIRST_CONTACT, SPEND, TARGET, TEST
from dunnhumby_pipeline.experiments.assignment import experiment_assignment
from dunnhumby_pipeline.experiments.calibration import calibrated
from dunnhumby_pipeline.experiments.design import best_size, experiment_design
from dunnhumby_pipeline.experiments.read_back import adjusted_effect
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.targeting.after_experiment import after_experiments
from dunnhumby_pipeline.targeting.dial import ProfitEffect, profit_effect
from dunnhumby_pipeline.targeting.economics import Economics
from dunnhumby_pipeline.targeting.evidence import Evidence, scores_as_done
from dunnhumby_pipeline.targeting.groups import Division, Kind, decision_groups, divided, group_edges, mean_effects
from dunnhumby_pipeline.targeting.information import Stakes
from dunnhumby_pipeline.targeting.lessons import Lesson
from dunnhumby_pipeline.targeting.policies.base import Policy
from dunnhumby_pipeline.targeting.policies.registry import chosen_policy
from dunnhumby_pipeline.targeting.recommendations import Terms, targeting_list, value_is_proven
from dunnhumby_pipeline.targeting.scenarios import Scenario, scenarios
from dunnhumby_pipeline.targeting.support import study_region, supported
from dunnhumby_pipeline.targeting.value import value_of, valued

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
REFERENCE_MODEL = "t_learner"


@dataclass(frozen=True)
class Studied:
    """What a study of a world knows. `data`: residuals of profit before the contact ($). `effect` (n,): of each trial,
    out of fold; `tells_apart`: whether it differs between households. `in_sample` (m,): the effect of each household of
    today by the reference study's kind of model, fitted to these very trials.
    """

    world: World
    nuisances: pd.DataFrame
    data: Residuals
    whole: ProfitEffect
    effect: Array
    tells_apart: bool
    in_sample: Array


@dataclass(frozen=True)
class Listed:
    """Decisions at one cost (table targeting_list, by household), the groups they are taken for (table decision_groups)
    with what it takes to judge them again, and the size of the test that is worth most; 0 where there is none.
    """

    decisions: pd.DataFrame
    groups: pd.DataFrame
    division: Division
    today: Array
    cost: float
    best_size: int


def study(world: World, settings: Settings) -> Studied:
    """Nuisances, the effect with its allowance for systematic error, and the effects of households."""
    seed = settings.seed_for("nuisances")
    fitted = cross_fit(world.trials, world.x, settings.nuisance, seed, [SPEND, PLACEBO])
    sales = residuals(world.trials, fitted.nuisances, SPEND)
    data = replace(sales, y=MARGIN * sales.y, mu0=MARGIN * sales.mu0, mu1=MARGIN * sales.mu1)
    whole = profit_effect(_scenario(1.0, settings), data, sales, _allowance(world, fitted.nuisances, settings))
    found = Reduced(world.x, data).find(data.outcome_residual[:, None])
    losses = r_loss(data, found.constant[:, 0]), r_loss(data, found.effect[:, 0])
    passed = gate(*losses, data.households, settings.cate.gain_in_se).passed
    effect = found.effect[:, 0] if passed else np.full(len(world.x), whole.estimate)
    model = LEARNERS[REFERENCE_MODEL].from_settings(settings.cate, settings.seed_for("cate")).fit(world.x, data)
    return Studied(world, fitted.nuisances, data, whole, effect, passed, model.predict(world.x[world.today]))


def _allowance(world: World, nuisances: pd.DataFrame, settings: Settings) -> BiasAllowance:
    """From what the study finds of contacts on spend before them, campaign by campaign."""
    data, campaign = residuals(world.trials, nuisances, PLACEBO), world.trials["campaign"].to_numpy()
    controls = pd.DataFrame(
        [(one, *overlap_weighted(data, campaign == one)) for one in np.unique(campaign)],
        columns=["campaign", "estimate", "se"],
    )
    return allowance_from(controls, settings.sensitivity.bias_scale)


def _scenario(cost: float, settings: Settings) -> Scenario:
    economics = settings.economics.model_copy(update={"contact_cost": cost, "margin": MARGIN})
    return next(one for one in scenarios(economics, 0.0) if one.used)


def listed(studied: Studied, cost: float, settings: Settings) -> Listed:
    """The list at this contact cost ($), as the study's own step makes it."""
    world, data = studied.world, studied.data
    rows, economics = world.today, Economics(cost, MARGIN)
    region = study_region(studied.nuisances, settings.overlap)
    scored = pd.DataFrame(
        {
            "household_key": world.trials["household_key"].to_numpy()[rows],
            "segment": "all",
            "lookback_segment": "all",
            "lookback_need": "all",
            "campaign": world.trials["campaign"].to_numpy()[rows],
            "cate": studied.effect[rows],
            "cate_lower": np.nan,
            "cate_upper": np.nan,
            "interval_of": None,
            "propensity": data.propensity[rows],
            "received_before": False,
        }
    )
    division = divided(studied.effect, data, studied.tells_apart, settings.policy.n_groups)
    today = scored.loc[supported(scored, region), "cate"].to_numpy(dtype=float)
    groups = _judged(studied, division, today, cost, settings)
    evidence = _evidence(studied, region.holds(data.propensity), len(today))
    policy = chosen_policy(settings.policy)
    proven = value_is_proven(_value(policy, evidence, economics, settings.confidence))
    terms = Terms(policy.fit(evidence, economics), proven, economics, region, groups, settings.confidence)
    covariates = pd.DataFrame(world.x[rows], index=scored["household_key"])
    decisions = targeting_list(scored, covariates, terms).sort_values("household_key", ignore_index=True)
    n_tested = int((decisions["decision"] == TEST).sum())
    design = experiment_design(
        studied.whole, cost, 0.0, _stakes(studied, n_tested, settings), 76, settings.experiment, settings.confidence
    )
    return Listed(decisions, groups, division, today, cost, best_size(design))


def _judged(
    studied: Studied,
    division: Division,
    today: Array,
    cost: float,
    settings: Settings,
    lesson: Lesson | None = None,
) -> pd.DataFrame:
    """What a contact means for each group, before an experiment or after what it taught."""
    sizes = np.bincount(division.of(today), minlength=len(division.edges) + 1).tolist()
    means = mean_effects(division, studied.effect, today)
    found = [() if lesson is None else (lesson.at(MARGIN, mean),) for mean in means]
    first = Kind(FIRST_CONTACT, studied.data, studied.whole, sizes, [0] * len(sizes), found)
    return decision_groups(
        division, first, None, cost, 0.0, _stakes(studied, len(today), settings), settings.confidence
    )


def _value(policy: Policy, evidence: Evidence, economics: Economics, confidence: float) -> pd.DataFrame:
    """Of the table policy_value what the list reads; the bootstraps behind the rest take longer than the study."""
    (one,) = valued([policy], evidence, economics)
    value, se = value_of(one.weights, evidence, economics)
    lower = value - normal_quantile(confidence) * se if one.lacking is None else np.nan
    return pd.DataFrame({"chosen": [True], "ci_lower": [lower]})


def _stakes(studied: Studied, n_households: int, settings: Settings) -> Stakes:
    economics = settings.economics
    return Stakes(
        n_households, economics.campaigns_to_come, studied.whole.variance, economics.test_cost, FEWEST_HOUSEHOLDS
    )


def _evidence(studied: Studied, inside: Mask, n_listed: int) -> Evidence:
    data, world = studied.data, studied.world
    return Evidence(
        scores=data.scores,
        outcome=data.y,
        as_done=scores_as_done(data),
        treated=data.treated,
        covariates=world.x,
        covariate_names=tuple(f"x{j}" for j in range(world.x.shape[1])),
        labels=pd.DataFrame({"lookback_segment": "all", "lookback_need": "all", "campaign": world.trials["campaign"]}),
        cate=studied.effect,
        standard_error=np.full(len(world.x), np.nan),
        by_model={},
        folds=data.folds,
        households=data.households,
        n_listed=n_listed,
    ).where(inside)


def best_guess(decisions: pd.DataFrame, groups: pd.DataFrame) -> Mask:
    """Whom to contact (m,) were every doubt ignored: those whose group is expected to bring more than it costs."""
    group = np.searchsorted(group_edges(groups), decisions["cate"].to_numpy(dtype=float), side="right")
    expected = groups.sort_values("group")["expected_profit"].to_numpy(dtype=float)
    return np.asarray(expected[np.minimum(group, len(expected) - 1)] > 0)


def tested(studied: Studied, given: Listed, size: int | None, settings: Settings, seed: int) -> tuple[Mask, Mask]:
    """Run the experiment that the list asks for, on all it says to test or on `size` of them: who is contacted while it
    runs (m,), and whom one contacts after it (m,).

    While it runs the list's targets are contacted, the arm of the test that is to be, and of those to be tested whom it
    did not draw the ones who are expected to pay: the price of a test (`targeting.information`) counts them so. After
    it the list is made again, by what the experiment found (`targeting.after_experiment`); whom it would test again
    goes by the best guess.
    """
    decisions, world, cost = given.decisions, studied.world, given.cost
    to_test = (decisions["decision"] == TEST).to_numpy()
    now = (decisions["decision"] == TARGET).to_numpy() | (to_test & best_guess(decisions, given.groups))
    if not given.best_size:
        # Nobody is to be tested, or too few for two arms.
        return now, now
    key = decisions["household_key"].to_numpy()
    before = world.trials[PLACEBO].to_numpy()[world.today]
    baseline = pd.DataFrame({"household_key": key, "baseline_spend": before, "baseline_visits": 0.0})
    plan = experiment_assignment(decisions, baseline, settings.experiment, "TypeA", settings.seed_for("test"), size)
    at, contacted = np.searchsorted(key, plan["household_key"]), (plan["arm"] == CONTACT).to_numpy()
    now[at] = contacted
    drawn = world.profit_without(np.random.default_rng([20261122, seed]))
    outcomes = plan.assign(profit=drawn[at] + contacted * world.effect[at])
    slope = calibrated(outcomes, settings.experiment.contact_share, settings.confidence)
    lesson = Lesson(*adjusted_effect(outcomes), MARGIN, slope.slope, slope.se, slope.covariance, slope.study_mean)
    groups = _judged(studied, given.division, given.today, cost, settings, lesson)
    later = after_experiments(decisions, groups).sort_values("household_key", ignore_index=True)
    again = (later["decision"] == TEST).to_numpy() & best_guess(later, groups)
    return now, (later["decision"] == TARGET).to_numpy() | again
