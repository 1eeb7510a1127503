"""What an experiment has found: its outcomes held against the assignment, its effect, and the belief after it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from dunnhumby_pipeline.contracts.names import LEAVE, TARGET, TEST
from dunnhumby_pipeline.experiments.assignment import CONTACT
from dunnhumby_pipeline.experiments.calibration import before_the_test, calibrated
from dunnhumby_pipeline.experiments.registration import ExperimentError, Registration
from dunnhumby_pipeline.targeting.belief import updated
from dunnhumby_pipeline.targeting.dial import decision
from dunnhumby_pipeline.targeting.information import Stakes, best_test

NEXT = {TARGET: "deploy", TEST: "refine", LEAVE: "stop"}
_FEWEST, _SHOWN = 2, 3
_YES_NO = {"true": True, "1": True, "1.0": True, "yes": True, "false": False, "0": False, "0.0": False, "no": False}


class MismatchError(ExperimentError):
    """The arms have other sizes than were assigned: who has an outcome depends on the arm."""


def read_outcomes(path: Path) -> pd.DataFrame:
    """The outcomes of a .csv or .parquet file. Raises ExperimentError when it cannot be read."""
    try:
        return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, encoding="utf-8")
    except (OSError, ValueError) as error:
        # What is wrong with a CSV file is a ValueError.
        raise ExperimentError(f"{path} cannot be read: {error}") from error


def hash_in(outcomes: pd.DataFrame) -> str:
    """The one assignment that outcomes are of. Raises ExperimentError when the column lacks, or has several."""
    if "assignment_hash" not in outcomes.columns:
        raise ExperimentError("the outcomes have no column assignment_hash; copy it from the assignment")
    found = outcomes["assignment_hash"].dropna().astype(str).unique()
    if len(found) != 1 or outcomes["assignment_hash"].isna().any():
        raise ExperimentError(f"the outcomes are of {len(found)} assignments, or of none in some rows; expected one")
    return str(found[0])


def matched(
    outcomes: pd.DataFrame, assignment: pd.DataFrame, plan: Registration, *, interim: bool = False
) -> pd.DataFrame:
    """The assignment with `profit` ($, before the contact; null where no outcome came in), `days_observed` and, where
    the outcomes say so, `contacted`; in the order of the outcomes, by household otherwise.

    Raises ExperimentError when households lack, are added or doubled, an arm has no outcomes, a value is no number, or
    outcomes end before the window does; the last not where `interim`, which may also lack households.
    """
    needed = [name for name in ("household_key", "days_observed") if name not in outcomes.columns]
    if needed:
        raise ExperimentError(f"the outcomes have no column {' and '.join(needed)}")
    key = pd.to_numeric(outcomes["household_key"], errors="coerce")
    if key.isna().any():
        raise ExperimentError(f"household_key is no number in {int(key.isna().sum())} rows of the outcomes")
    doubled, known = key[key.duplicated()], set(assignment["household_key"])
    _refuse_any(sorted(set(doubled)), "are in the outcomes more than once")
    _refuse_any(sorted(set(key) - known), "are in the outcomes and were not assigned")
    if not interim:
        _refuse_any(
            sorted(known - set(key)),
            "were assigned and are not in the outcomes; give those without an outcome an empty one",
        )
    days = _numbers(outcomes, "days_observed")
    if days.isna().any():
        raise ExperimentError(f"days_observed is empty in {int(days.isna().sum())} rows of the outcomes")
    if not interim and days.min() < plan.duration_days:
        raise ExperimentError(
            f"outcomes end after {days.min():g} days and are counted for {plan.duration_days}; wait, or give --interim "
            "for the confidence sequence alone"
        )
    read = pd.DataFrame(
        {"household_key": key.astype("int64"), "profit": profit_of(outcomes, plan), "days_observed": days}
    )
    if "contacted" in outcomes.columns:
        read["contacted"] = outcomes["contacted"].map(lambda told: _YES_NO.get(str(told).strip().lower()))
    frame = read.merge(assignment, on="household_key", how="left")
    if "arm" in outcomes.columns and (outcomes["arm"].astype(str).to_numpy() != frame["arm"].to_numpy()).any():
        raise ExperimentError("arms of the outcomes are not those of the assignment")
    seen = frame.loc[frame["profit"].notna(), "arm"].value_counts()
    if len(seen) < 2 or seen.min() < _FEWEST:
        raise ExperimentError("outcomes of both arms are needed, of two households each; one arm has fewer")
    return frame


def profit_of(outcomes: pd.DataFrame, plan: Registration) -> pd.Series:
    """Profit before the contact ($), from gross_profit, or from sales and the retailer's coupon match."""
    columns = set(outcomes.columns)
    if "gross_profit" in columns and not plan.of_sales:
        return plan.of_gross_profit * _numbers(outcomes, "gross_profit")
    if not plan.of_gross_profit and "sales" in columns:
        return plan.of_sales * _numbers(outcomes, "sales")
    if {"sales", "match"} <= columns:
        # At the scenario's own margin, so that nothing of what gross profit is measured by elsewhere comes in.
        return plan.margin * _numbers(outcomes, "sales") - (1 - plan.margin) * _numbers(outcomes, "match")
    needed = "gross_profit, or sales and match" if plan.of_gross_profit else "sales"
    raise ExperimentError(f"the outcomes need the columns {needed}; they have {', '.join(map(str, outcomes.columns))}")


def _numbers(outcomes: pd.DataFrame, name: str) -> pd.Series:
    found = pd.to_numeric(outcomes[name], errors="coerce").astype(float)
    wrong = (found.isna() & outcomes[name].notna()) | np.isinf(found)
    if wrong.any():
        raise ExperimentError(
            f"{name} is no number in {int(wrong.sum())} rows, such as {outcomes[name][wrong].iloc[0]!r}"
        )
    return found


def _refuse_any(households: list[float], what: str) -> None:
    if households:
        shown = ", ".join(f"{household:g}" for household in households[:_SHOWN])
        raise ExperimentError(f"{len(households):,} households {what} (such as {shown})")


def sample_ratio_p(n_contacted: int, n_held_out: int, contact_share: float) -> float:
    """p-value that arms of these sizes come from this share: chi-square, 1 degree of freedom."""
    total = n_contacted + n_held_out
    return float(
        stats.chisquare([n_contacted, n_held_out], [total * contact_share, total * (1 - contact_share)]).pvalue
    )


def mismatch(n_contacted: int, n_held_out: int, p: float, plan: Registration) -> MismatchError:
    """What to raise where outcomes came in by another ratio than was assigned."""
    return MismatchError(
        f"sample-ratio mismatch: {n_contacted:,} contacted and {n_held_out:,} held out have outcomes, and "
        f"{plan.contact_share:.0%} were assigned to contact (p = {p:.1g}); who has an outcome depends on the arm, so "
        "no effect is read"
    )


def adjusted_effect(frame: pd.DataFrame) -> tuple[float, float]:
    """Effect and HC2 error ($ per household) after spend and visits before the test, with slopes of their own in each
    arm (Lin 2013): `frame` has profit, arm, baseline_spend, baseline_visits.
    """
    import statsmodels.api as sm

    treated = (frame["arm"] == CONTACT).to_numpy(dtype=float)
    known = before_the_test(frame)
    if len(frame) < 10 * (2 + 2 * known.shape[1]):
        known = known[:, :0]
    x = np.column_stack([np.ones(len(frame)), treated, known, treated[:, None] * known])
    fit = sm.OLS(frame["profit"].to_numpy(dtype=float), x).fit(cov_type="HC2")
    return float(fit.params[1]), float(fit.bse[1])


def known(value: float) -> float | None:
    """A number, or None for what is not known: the ledger has no other word for it."""
    return None if np.isnan(value) else value


def experiment_result(frame: pd.DataFrame, plan: Registration) -> dict[str, Any]:
    """What a finished experiment says (a row of the table of that name): its effect, how far the study was off, what is
    believed now, and what follows: deploy, refine by another test, or stop.

    Raises MismatchError when outcomes came in by another ratio than was assigned.
    """
    seen = frame.loc[frame["profit"].notna()]
    contacted = seen["arm"] == CONTACT
    n1, n0 = int(contacted.sum()), int((~contacted).sum())
    ratio_p = sample_ratio_p(n1, n0, plan.contact_share)
    if ratio_p < plan.sample_ratio_p:
        raise mismatch(n1, n0, ratio_p, plan)
    by_arm = [seen.loc[where, "profit"].to_numpy(dtype=float) for where in (contacted, ~contacted)]
    difference, error = by_arm[0].mean() - by_arm[1].mean(), np.sqrt(sum(y.var(ddof=1) / len(y) for y in by_arm))
    effect, se = adjusted_effect(seen)
    if not se > 0:
        raise ExperimentError("the outcomes do not differ between households; expected profit as it was observed")
    wrong_arm = 0
    if "contacted" in frame.columns:
        told = frame["contacted"].notna()
        wrong_arm = int((frame.loc[told, "contacted"].astype(bool) != (frame.loc[told, "arm"] == CONTACT)).sum())
    before = plan.prior()
    after = updated(before, effect, se)
    pays = after.probability_above(plan.contact_cost)
    mean = after.estimate - plan.contact_cost
    lower, upper = after.interval(plan.confidence)
    before_lower, before_upper = before.interval(plan.confidence)
    stakes = Stakes(plan.n_households, plan.n_campaigns, plan.variance, plan.test_cost, least=_FEWEST)
    test = best_test(mean, after.spread, stakes)
    net = None if test is None else test.net
    slope = calibrated(seen, plan.contact_share, plan.confidence)
    return {
        "assignment_hash": plan.assignment_hash,
        "campaign_type": plan.campaign_type,
        "scenario": plan.scenario,
        "contact_cost": plan.contact_cost,
        "margin": plan.margin,
        "n_contacted": n1,
        "n_held_out": n0,
        "n_without_outcome": len(frame) - len(seen),
        "n_contaminated": wrong_arm,
        "sample_ratio_p": ratio_p,
        "difference_of_means": float(difference),
        "difference_se": float(error),
        "effect": effect,
        "effect_se": se,
        "study_effect": plan.estimate,
        "study_se": plan.se,
        "observed_bias": effect - plan.estimate,
        "observed_bias_se": float(np.hypot(se, plan.se)),
        "study_mean": known(slope.study_mean),
        "calibration_slope": known(slope.slope),
        "calibration_se": known(slope.se),
        "calibration_lower": known(slope.lower),
        "calibration_upper": known(slope.upper),
        "calibration_covariance": known(slope.covariance),
        "prior_lower": before_lower,
        "prior_upper": before_upper,
        "prior_sd": before.spread,
        "probability_pays_before": before.probability_above(plan.contact_cost),
        "posterior_effect": after.estimate,
        "posterior_lower": lower,
        "posterior_upper": upper,
        "posterior_sd": after.spread,
        "probability_pays": pays,
        "expected_profit": mean,
        "next_step": NEXT[decision(pays, mean, net, plan.confidence)],
    }
