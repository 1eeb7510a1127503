"""Made-up but plausible results of a study, for tests of pictures, report and summary."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd

from dunnhumby_pipeline.causal.doubts.bias_allowance import bias_allowance
from dunnhumby_pipeline.contracts import registry
from dunnhumby_pipeline.experiments.design import experiment_design as design
from dunnhumby_pipeline.report.sections import report_reads
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import EconomicsSettings, ExperimentSettings, PolicySettings
from dunnhumby_pipeline.targeting.answers import MARGINS
from dunnhumby_pipeline.targeting.dial import ProfitEffect, dial_costs
from dunnhumby_pipeline.targeting.dial import break_even as break_even_of
from dunnhumby_pipeline.targeting.dial import decision_by_cost as decided
from dunnhumby_pipeline.targeting.economics import economics_of, economics_table
from dunnhumby_pipeline.targeting.information import Stakes
from dunnhumby_pipeline.targeting.scenarios import scenarios
from dunnhumby_pipeline_tests.fakes.results import (
    campaign,
    customers,
    doubts,
    fairness,
    heterogeneity,
    lists,
    needs,
    noise,
    parts,
    risk,
    scrutiny,
)
from dunnhumby_pipeline_tests.fakes.results.customers import frame_of, segments


def cate_scoreboard() -> pd.DataFrame:
    gains = {"constant": 0.0, "t_learner": -310.0, "r_learner": 120.0, "causal_forest": 96.0, "stack": 184.0}
    rows = []
    for model, whole in gains.items():
        for fold in (-1, 0, 1, 2, 3, 4):
            constant = model == "constant"
            gain = whole + (0 if fold < 0 or constant else 60 * (fold - 2))
            se, slope = (0.0, np.nan) if constant else (71.0, np.nan if model == "stack" else 0.8)
            own = (model, fold, 40210 - gain, 90100 - gain, gain, se, gain / 2, se, slope, slope)
            rows.append((*own, model == "stack", None))
    rows.append(("gaussian_process", -1, *[np.nan] * 8, False, "could not be fitted: more than 2,000 trials"))
    columns = "model fold r_loss dr_loss gain_over_constant gain_se dr_gain dr_gain_se calibration weight chosen reason"
    return frame_of(columns, rows)


def cate_estimates() -> pd.DataFrame:
    random = np.random.default_rng(6)
    scores = campaign.propensity()
    cate = random.normal(60, 40, len(scores))
    return scores[["household_key", "campaign"]].assign(
        cate=cate, cate_lower=np.nan, cate_upper=np.nan, interval_of=None, fold=0, model="stack"
    )


def economics() -> pd.DataFrame:
    return economics_table(economics_of(EconomicsSettings(), 0.03), PolicySettings())


def coupon_costs() -> pd.DataFrame:
    by_campaign = [(name, 380, 1.9 + 0.2 * position, 0.6) for position, name in enumerate(campaign.CAMPAIGNS)]
    return frame_of("campaign n_targeted retailer_cost manufacturer_cost", [*by_campaign, ("all", 1893, 2.31, 0.64)])


def _cost_tables() -> dict[str, pd.DataFrame]:
    known = scenarios(EconomicsSettings(), 0.03)
    effect = ProfitEffect(
        4.9, 3.5, 5800.0, bias_allowance(np.array([45.0, -26]), np.array([18.0, 32]), 20.0).times(0.3)
    )
    stakes = Stakes(2413, 3, effect.variance, 0.0, 20)
    costs = dial_costs(effect, known, 60, 0.95)
    whole = decided(effect, [1.0], 0.0, stakes, 0.95)
    margins, values = np.meshgrid(MARGINS, costs, indexing="ij")
    pays = effect.allowance.probability_above(values.ravel() * 0.3 / margins.ravel(), effect.estimate, effect.se)
    grid = {"margin": margins.ravel(), "contact_cost": values.ravel(), "probability_pays_calibrated": pays}
    return {
        "break_even": break_even_of(known, [effect] * len(known), [stakes] * len(known), 0.95),
        "decision_by_cost": decided(effect, costs, 0.0, stakes, 0.95),
        "decision_groups": whole.assign(
            group=0,
            contact="first contact",
            lowest_effect=np.nan,
            highest_effect=np.nan,
            n_trials=5800,
            n_households=2413,
            n_decided=2469,
            effect=4.9,
            effect_se=3.5,
            outcome_variance=5800.0,
            n_experiments=0,
        ),
        "pays_by_margin": pd.DataFrame(grid),
    }


def break_even() -> pd.DataFrame:
    return _cost_tables()["break_even"]


def decision_by_cost() -> pd.DataFrame:
    return _cost_tables()["decision_by_cost"]


def decision_groups() -> pd.DataFrame:
    return _cost_tables()["decision_groups"]


def pays_by_margin() -> pd.DataFrame:
    return _cost_tables()["pays_by_margin"]


def repeat_support() -> pd.DataFrame:
    rows = [
        ("8", 359, 359, 251, 108, 243, 80, 0.90, 145.0, 82.0, 0.92, 0.30, 89.0, 89.0, None),
        ("all", 1543, 1184, 1165, 378, 1062, 301, 0.88, 587.0, 302.0, 1.17, 0.12, 89.0, 92.0, None),
    ]
    columns = "campaign n_trials n_households n_treated n_control treated_in_overlap control_in_overlap"
    columns += " share_in_overlap ess_treated ess_control max_smd max_smd_weighted fewest_days_since median_days_since"
    return frame_of(f"{columns} lacking", rows)


def experiment_design() -> pd.DataFrame:
    allowance = bias_allowance(np.array([45.0, -26]), np.array([18.0, 32]), 20.0).times(0.3)
    stakes = Stakes(2413, 3, 5800.0, 0.0, 20)
    return design(ProfitEffect(4.9, 3.5, 5800.0, allowance), 1.0, 0.0, stakes, 76, ExperimentSettings(), 0.95)


def experiment_result() -> pd.DataFrame:
    row = {
        "assignment_hash": "9f" * 32,
        "campaign_type": "TypeA",
        "scenario": "printed mail",
        "contact_cost": 1.0,
        "margin": 0.3,
        "n_contacted": 1207,
        "n_held_out": 1206,
        "n_without_outcome": 0,
        "n_contaminated": 12,
        "sample_ratio_p": 0.98,
        "difference_of_means": 6.9,
        "difference_se": 3.4,
        "effect": 6.4,
        "effect_se": 3.0,
        "study_effect": 4.9,
        "study_se": 3.5,
        "observed_bias": 1.5,
        "observed_bias_se": 4.6,
        "study_mean": 4.9,
        "calibration_slope": 0.8,
        "calibration_se": 0.3,
        "calibration_lower": 0.2,
        "calibration_upper": 1.4,
        "calibration_covariance": 0.01,
        "prior_lower": -13.0,
        "prior_upper": 22.0,
        "prior_sd": 8.6,
        "probability_pays_before": 0.7,
        "posterior_effect": 6.0,
        "posterior_lower": 0.6,
        "posterior_upper": 11.3,
        "posterior_sd": 2.7,
        "probability_pays": 0.965,
        "expected_profit": 5.0,
        "next_step": "refine",
    }
    return pd.DataFrame([row])


def experiment_looks() -> pd.DataFrame:
    """Three looks before the end, of which one had arms that did not match, and the final one."""
    rows = []
    for look, (kind, share, effect, se, bound) in enumerate(
        [
            ("interim", 0.25, 2.1, 5.9, 4.33),
            ("interim", 0.5, 5.2, 4.3, 2.96),
            ("mismatch", 0.7, None, None, None),
            ("interim", 0.75, 6.6, 3.5, 2.36),
            ("final", 1.0, 6.4, 3.0, 2.01),
        ],
        1,
    ):
        told = {}
        if effect is not None and se is not None and bound is not None:
            wide, narrow = 3.1 * se * (1.2 - 0.2 * share), bound * se
            told = {
                "effect": effect,
                "effect_se": se,
                "sequence_lower": effect - wide,
                "sequence_upper": effect + wide,
                "z": effect / se,
                "boundary": bound,
                "boundary_lower": effect - narrow,
                "boundary_upper": effect + narrow,
                "alpha_spent": [0.00001, 0.0031, 0.0, 0.0193, 0.05][look - 1],
            }
        common = {
            "assignment_hash": "9f" * 32,
            "campaign_type": "TypeA",
            "look": look,
            "kind": kind,
            "read_on": f"2026-0{look + 2}-01",
            "n_households": 2413,
            "n_contacted": 1207,
            "n_held_out": 1206,
            "sample_ratio_p": 0.98,
            "sample_ratio_least": 0.001,
            "information": share,
            "contact_cost": 1.0,
        }
        rows.append({**common, **told})
    return pd.DataFrame(rows)


def policy_value(proven: bool = True) -> pd.DataFrame:
    """Values of policies; the interval of the chosen one excludes zero when `proven`."""
    se = 1.3 if proven else 4.0
    policies = [
        ("treat_none", 0.0, 0.0, 0.0, 0.0),
        ("treat_all", 1.0, 6.9, 2.0 if proven else 5.1, 7.4),
        ("effect_above_break_even", 0.58, 6.1, se, 12.4),
        ("top_10%", 0.1, 1.9, 0.6 if proven else 1.6, 4.9),
        ("top_20%", 0.2, 3.2, 0.8 if proven else 2.2, 7.7),
        ("top_30%", 0.3, 4.1, 1.0 if proven else 2.9, 9.5),
        ("top_50%", 0.5, 5.7, 1.2 if proven else 3.6, 11.8),
    ]
    rows = []
    for policy, share, value, value_se, claimed in policies:
        bounds = (value - 1.96 * value_se, value + 1.96 * value_se)
        roi = value / (12.73 * share) if share else np.nan
        chosen = policy == "effect_above_break_even"
        rows.append((policy, share, 1400 * share, value, value_se, *bounds, claimed, roi, 5800, chosen, None))
    columns = (
        "policy share_targeted least_in_arm value value_se ci_lower ci_upper claimed_value roi n_trials chosen reason"
    )
    return frame_of(columns, rows)


def policy_differences() -> pd.DataFrame:
    rows = [
        ("treat_none", "treat_all", -6.9, 2.0, -10.8, -3.0),
        ("effect_above_break_even", "treat_all", -0.8, 1.1, -3.0, 1.4),
        ("treat_all", "treat_none", 6.9, 2.0, 3.0, 10.8),
        ("effect_above_break_even", "treat_none", 6.1, 1.3, 3.6, 8.6),
    ]
    return frame_of("policy against difference se ci_lower ci_upper", rows)


def policy_selection() -> pd.DataFrame:
    rows = [
        ("regret", "effect_above_break_even", 0.8, np.nan, 0.0, 2.6),
        ("best", "treat_all", 6.9, 2.0, 2.1, 10.6),
        ("best_simultaneous", "treat_all", 6.9, 2.0, 2.4, 11.4),
        ("procedure", "treat_all, policy_tree", 6.2, 2.1, 2.1, 10.3),
    ]
    return frame_of("quantity policy estimate se ci_lower ci_upper", rows)


def policy_rules() -> pd.DataFrame:
    rows = [
        (0, "visits at most 3", False, 900, 0.3, 80.0, -2.0, 3.0, -7.9, 3.9, 0.7),
        (1, "visits above 3; weekend_share at most 0.2", True, 60, 0.05, 12.0, np.nan, np.nan, np.nan, np.nan, 0.5),
        (2, "visits above 3; weekend_share above 0.2", True, 1900, 0.65, 200.0, 9.0, 2.0, 5.1, 12.9, 0.9),
    ]
    columns = "leaf rule treats n_trials share least_in_arm profit se ci_lower ci_upper kept"
    return frame_of(columns, rows)


def tree_refits() -> pd.DataFrame:
    rows = [
        (0, "visits", "weekend_share", None, 0.7, 0.9, 5.0),
        (1, "visits", None, None, 0.6, 0.8, 4.0),
        (2, "tenure", "visits", "visits", 0.5, 0.7, 3.0),
        (3, None, None, None, 1.0, 0.65, 6.0),
    ]
    return frame_of("refit root below_yes below_no share_targeted agreement value", rows)


def policy_in_all() -> pd.DataFrame:
    rows = [
        ("treat_all", "trials", False, 5800, 1.0, 6.9, 2.0, 3.0, 10.8, 5800.0, 0.0),
        ("effect_above_break_even", "trials", False, 5800, 0.58, 6.1, 1.3, 3.6, 8.6, 5800.0, 0.0),
        ("treat_all", "today", True, 400, 1.0, 4.0, 4.0, -3.8, 11.8, 900.0, 0.21),
        ("effect_above_break_even", "today", True, 400, 0.5, 3.0, 3.0, -2.9, 8.9, 900.0, 0.21),
    ]
    names = "policy population carried n_households share_targeted value se ci_lower ci_upper effective_trials"
    frame = frame_of(f"{names} largest_difference", rows)
    ends = {"total": "value", "total_lower": "ci_lower", "total_upper": "ci_upper"}
    return frame.assign(**{total: frame["n_households"] * frame[name] for total, name in ends.items()})


def certified_policies() -> pd.DataFrame:
    nothing = (np.nan,) * 4
    rows = [
        ("policy_tree", 0.6, 500.0, 5.0, 1.5, 2.1, 7.9, *nothing, 1.0, False),
        ("econml_policy_tree", 0.7, 550.0, 4.0, 1.5, 1.1, 6.9, -1.0, 1.0, -3.0, 1.0, 0.8, False),
    ]
    columns = "policy share_targeted least_in_arm value value_se ci_lower ci_upper difference difference_se"
    return frame_of(f"{columns} difference_lower difference_upper agreement certified", rows)


def roi_curve() -> pd.DataFrame:
    share = np.linspace(0.05, 1, 20)
    value = 14 * share - 7.1 * share**2
    se = 0.5 + 3.2 * share**1.2
    curves = []
    for curve, height, error in (
        ("profit", value, se),
        ("roi", value / (12.73 * share), se / (12.73 * share)),
        ("qini", value + 12.73 * share, se),
        ("over_lot", value - share * value[-1], 0.5 * se * (1 - share)),
    ):
        ends = {
            f"{kind}_{side}": height + sign * times * error
            for kind, times in (("ci", 1.96), ("band", 2.7))
            for side, sign in (("lower", -1), ("upper", 1))
        }
        columns = {"curve": curve, "share_targeted": share, "spent": 12.73 * share, "value": height, "se": error}
        curves.append(pd.DataFrame(columns | ends))
    return pd.concat(curves, ignore_index=True)


def targeting_list() -> pd.DataFrame:
    random = np.random.default_rng(7)
    homes = segments()[["household_key", "segment"]]
    chance = random.beta(2, 3, len(homes))
    cate = 0.3 * random.normal(55, 40, len(homes))
    in_overlap = (chance > 0.1) & (chance < 0.9)
    decision = np.where(~in_overlap, "test", np.where(cate > 12.73, "target", "leave"))
    reasons = {
        "target": "effect above break-even, in overlap",
        "leave": "effect below break-even",
        "test": "outside overlap: no comparable households in the other arm",
    }
    return homes.assign(
        decision=decision,
        cate=cate,
        cate_lower=cate - 21,
        cate_upper=cate + 21,
        interval_of="household",
        expected_profit=cate - 12.73,
        expected_profit_lower=cate - 33.73,
        expected_profit_upper=cate + 8.27,
        offer="Weekly fresh box.",
        propensity=chance,
        in_overlap=in_overlap,
        reason=[reasons[choice] for choice in decision],
        decided_by="study",
        suppression=None,
        without_suppression=None,
        arm=np.where(decision == "target", np.where(np.arange(len(homes)) % 10 == 0, "hold out", "contact"), None),
        arm_probability=np.where(decision == "target", np.where(np.arange(len(homes)) % 10 == 0, 0.1, 0.9), np.nan),
    )


# Tables that say something else of an effect that is not proven.
_EITHER_WAY = (
    campaign.average_effects,
    campaign.pooled_effects,
    doubts.sensitivity,
    heterogeneity.cate_validation,
    policy_value,
)
_PLACEHOLDERS: dict[str, object] = {"VARCHAR": "", "BOOLEAN": False, "DOUBLE": 0.0}


def promised(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """`frame` with a placeholder in every column that the contract promises and no test looks at."""
    contract = registry.table(name)
    lacking = set(contract.required) - set(frame.columns)
    missing = [column for column in contract.columns if column.name in lacking]
    return frame.assign(**{column.name: _PLACEHOLDERS.get(column.type, 0) for column in missing})


def maker(name: str) -> Callable[..., pd.DataFrame]:
    """The function that makes the table `name`."""
    return next(
        vars(module)[name]
        for module in (
            customers,
            needs,
            noise,
            risk,
            campaign,
            doubts,
            heterogeneity,
            parts,
            scrutiny,
            lists,
            fairness,
            sys.modules[__name__],
        )
        if name in vars(module)
    )


@cache
def _study(proven: bool) -> dict[str, pd.DataFrame]:
    makers = {name: maker(name) for name in report_reads()}
    made = {name: make(proven) if make in _EITHER_WAY else make() for name, make in makers.items()}
    return {name: promised(name, frame) for name, frame in made.items()}


def tables_of(**frames: pd.DataFrame | None) -> StudyTables:
    """A study of these tables alone."""
    return StudyTables({name: None if frame is None else promised(name, frame) for name, frame in frames.items()})


def study_tables(proven: bool = True, /, **replaced: pd.DataFrame | None) -> StudyTables:
    """A whole study; `replaced` puts other frames, or none, in place of some tables.

    The frames are shared between calls: change a copy, or one that its own function makes.
    """
    own = {name: None if frame is None else promised(name, frame) for name, frame in replaced.items()}
    return StudyTables({**_study(proven), **own})
