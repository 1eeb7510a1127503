"""Campaign types side by side: how much of each can be studied, and what it does, by window and by day.

Windows of types differ in length, so that totals over them do: a type is compared with another by what it does per
day of its windows. Beside the rule of the study, by which a campaign's window ends where the type's next campaign
begins, stands another for types whose campaigns follow each other closely: windows run on over the next campaign, and
households that were sent one before enter too, with what they were sent, have running and redeemed by the index day
as covariates. What comes after the index day is then part of the effect, and never adjusted for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from dunnhumby_pipeline.causal.design.campaigns import CohortError, plan_campaigns, reasons_in_words
from dunnhumby_pipeline.causal.design.clusters import with_clusters
from dunnhumby_pipeline.causal.design.cohort import Tables, build_cohort
from dunnhumby_pipeline.causal.design.matrix import trial_matrix
from dunnhumby_pipeline.causal.effects.average import interval, obstacle, overlap_weighted
from dunnhumby_pipeline.causal.effects.dose import equality_p_value
from dunnhumby_pipeline.causal.estimators.clustered import FEWEST_HOUSEHOLDS
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals, cross_fit, residuals
from dunnhumby_pipeline.causal.nuisance.folds import FoldsError
from dunnhumby_pipeline.causal.nuisance.models import LINEAR_ONLY
from dunnhumby_pipeline.contracts.names import ALL_CAMPAIGNS, GROSS_PROFIT, NEVER_TARGETED, PRIMARY_ESTIMATOR
from dunnhumby_pipeline.engine.tables import read_table
from dunnhumby_pipeline.features.windows import observed_days
from dunnhumby_pipeline.settings import Settings

ALL_TYPES = "all"
NEXT_ENDS, RUNS_ON, POOLED = "ends at the next campaign", "runs over the next campaign", "types pooled"
GAIN, LOSS, NOT_PROVEN = "gain proven", "loss proven", "not proven"
NOT_IDENTIFIED, NOT_STUDIED = "not identified", "not studied"
COUNTS = ("n_campaigns", "n_used", "n_trials", "n_households", "n_treated", "shortest_window", "longest_window")
MEASURES = ("estimate", "se", "ci_lower", "ci_upper", "per_day", "per_day_se", "per_day_lower", "per_day_upper")
COLUMNS = ["campaign_type", "windows", "outcome", *COUNTS, *MEASURES, "p_equal", "verdict", "reason"]


@dataclass(frozen=True)
class TypeStudy:
    """The study of one type by one rule: its campaigns, used or not, trials and nuisances as in their tables, and by
    outcome why its effect is not identified, where it is not."""

    campaign_type: str
    windows: str
    campaigns: pd.DataFrame
    trials: pd.DataFrame
    nuisances: pd.DataFrame
    lacking: Mapping[str, str]

    def residuals(self, outcome: str) -> Residuals:
        return residuals(self.trials, self.nuisances, outcome)

    @property
    def days(self) -> np.ndarray:
        """Days (n,) of each trial's outcome window."""
        return (self.trials["outcome_end"] - self.trials["index_day"] + 1).to_numpy(dtype=float)


def outcomes_of(settings: Settings) -> tuple[str, ...]:
    """Gross profit, by which is decided, and the outcome of the study."""
    return tuple(dict.fromkeys((GROSS_PROFIT, settings.trial.outcome)))


def planned(tables: Tables, campaign_type: str, settings: Settings, windows_overlap: bool = False) -> pd.DataFrame:
    """The campaigns of a type as `plan_campaigns` has them: dates alone decide, nothing is estimated."""
    days = observed_days(tables["transactions"], settings.engine)
    campaigns = read_table(tables["campaigns"])
    return plan_campaigns(campaigns, campaign_type, *days, settings.trial, windows_overlap)


def campaign_types(
    studies: Sequence[TypeStudy],
    not_studied: Mapping[str, tuple[pd.DataFrame, str]],
    settings: Settings,
    told: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """One row per type, rule for windows and outcome, `COLUMNS`; then the types pooled.

    `not_studied`: campaigns and reason of each type without a study. `told`: rows that other types' studies have
    found already, kept as they are. `estimate`: the overlap-weighted effect over the
    outcome window, `per_day`: on the outcome by day of each trial's window, both in units of the outcome per
    household, clustered by household. Pooled are the studies by the rule of the study, with nuisances and propensities
    of each type its own (type as covariate, with all its interactions): per day only, with `p_equal`, the p-value
    that the types' effects are one. `verdict`: whether the interval per day lies above 0, below, or neither; or that
    the effect is not identified or not studied, and why (`reason`).
    """
    rows: list[dict[str, object]] = []
    for study in studies:
        rows += [_row(study, outcome, settings.confidence) for outcome in outcomes_of(settings)]
    for campaign_type, (campaigns, reason) in not_studied.items():
        nothing = dict.fromkeys(("n_trials", "n_households", "n_treated"), 0)
        known = {"campaign_type": campaign_type, "windows": NEXT_ENDS, "verdict": NOT_STUDIED, "reason": reason}
        counts = {"n_campaigns": len(campaigns), "n_used": int(campaigns["used"].sum())}
        rows += [{**known, **counts, **nothing, "outcome": outcome} for outcome in outcomes_of(settings)]
    for outcome in outcomes_of(settings):
        pooled = [study for study in studies if study.windows == NEXT_ENDS and outcome not in study.lacking]
        if len(pooled) > 1:
            rows.append(_pooled(pooled, outcome, settings.confidence))
    frame = pd.concat([pd.DataFrame(rows).reindex(columns=COLUMNS), told]) if told is not None else pd.DataFrame(rows)
    frame = frame.reindex(columns=COLUMNS)
    types = {**dict.fromkeys(COUNTS, "Int64"), **dict.fromkeys((*MEASURES, "p_equal"), "float64"), "reason": "str"}
    order = [*dict.fromkeys([*sorted(set(frame["campaign_type"]) - {ALL_TYPES}), ALL_TYPES])]
    return frame.astype(types).sort_values(
        "campaign_type", key=lambda names: names.map(order.index), kind="stable", ignore_index=True
    )


def runs_on(
    tables: Tables,
    campaign_type: str,
    settings: Settings,
    segments_of: Callable[[pd.DataFrame], pd.Series],
    copies: pd.DataFrame | None = None,
) -> TypeStudy | None:
    """The study of a type whose windows run over its next campaign, with earlier ones as covariates; None where no
    window of the type is cut, and where no such trials can be built or fitted.

    Linear nuisances and one division into folds: a row beside the study, not the study.
    """
    # Without days of washout nobody is kept out for an earlier campaign, and campaigns of the type are covariates.
    trial = settings.trial.model_copy(update={"washout_days": 0})
    once = settings.nuisance.model_copy(update={"n_repeats": 1})
    seed, outcomes = settings.seed_for("campaign_types"), outcomes_of(settings)
    margin = settings.economics.margin
    cut, whole = (planned(tables, campaign_type, settings, overlap) for overlap in (False, True))
    if settings.trial.design == NEVER_TARGETED or cut["outcome_end"].equals(whole["outcome_end"]):
        return None
    try:
        cohort = build_cohort(tables, campaign_type, trial, settings.engine, margin=margin, windows_overlap=True)
        trials = cohort.placed(segments_of(cohort.look_backs))
        trials = trials if copies is None else with_clusters(trials, copies)
        _, x = trial_matrix(trials, campaign_type, trial)
        nuisances = cross_fit(trials, x, once, seed, outcomes, LINEAR_ONLY).nuisances
    except (CohortError, FoldsError):
        return None
    study = TypeStudy(campaign_type, RUNS_ON, cohort.campaigns, trials, nuisances, {})
    everyone = np.ones(len(trials), dtype=bool)
    found = {name: obstacle(study.residuals(name), everyone, least=FEWEST_HOUSEHOLDS) for name in outcomes}
    return replace(study, lacking={name: reason for name, reason in found.items() if reason is not None})


def not_identified(average_effects: pd.DataFrame) -> dict[str, str]:
    """By outcome, why the overlap-weighted effect of a study over all campaigns is not identified, where it is not."""
    whole = average_effects.loc[
        (average_effects["estimator"] == PRIMARY_ESTIMATOR)
        & (average_effects["campaign"] == ALL_CAMPAIGNS)
        & (average_effects["population"] == "all")
        & ~average_effects["identified"].astype(bool)
    ]
    return {str(outcome): str(reason) for outcome, reason in zip(whole["outcome"], whole["reason"], strict=True)}


def why_not(campaigns: pd.DataFrame, campaign_type: str, n_trials: int | None) -> str:
    """Why a type has no study, from its campaigns' dates and the trials that were built, if any."""
    if not campaigns["used"].any():
        return f"no campaign can be studied: {reasons_in_words(campaigns)}"
    if n_trials is None:
        return f"not run yet: dunnhumby run --campaign-type {campaign_type}"
    return "stopped at a check that blocks: see the checks of this type's tables"


def _row(study: TypeStudy, outcome: str, confidence: float) -> dict[str, object]:
    campaigns, trials, days = study.campaigns, study.trials, study.days
    known: dict[str, object] = {
        "campaign_type": study.campaign_type,
        "windows": study.windows,
        "outcome": outcome,
        "n_campaigns": len(campaigns),
        "n_used": int(campaigns["used"].sum()),
        "n_trials": len(trials),
        "n_households": trials["household_key"].nunique(),
        "n_treated": int((trials["treated"] == 1).sum()),
        "shortest_window": int(days.min()),
        "longest_window": int(days.max()),
    }
    data, everyone = study.residuals(outcome), np.ones(len(trials), dtype=bool)
    hopeless = obstacle(data, everyone, least=FEWEST_HOUSEHOLDS)
    if hopeless is not None:
        return {**known, "verdict": NOT_IDENTIFIED, "reason": hopeless}
    found = interval(*overlap_weighted(data, everyone), confidence)
    by_day = _named_by_day(interval(*overlap_weighted(_by_day(data, days), everyone), confidence))
    reason = study.lacking.get(outcome)
    verdict = NOT_IDENTIFIED if reason else _verdict(by_day)
    return {**known, **found, **by_day, "verdict": verdict, "reason": reason}


def _pooled(studies: Sequence[TypeStudy], outcome: str, confidence: float) -> dict[str, object]:
    each = [_by_day(study.residuals(outcome), study.days) for study in studies]
    data = Residuals(**{name: np.concatenate([getattr(own, name) for own in each]) for name in vars(each[0])})
    sizes = [len(own.y) for own in each]
    part = np.repeat(np.arange(len(each)), sizes)
    strata = [part == number for number in range(len(each))]
    tested = [rows for rows in strata if obstacle(data, rows, least=FEWEST_HOUSEHOLDS) is None]
    by_day = _named_by_day(interval(*overlap_weighted(data, np.ones(len(part), dtype=bool)), confidence))
    return {
        "campaign_type": ALL_TYPES,
        "windows": POOLED,
        "outcome": outcome,
        "n_campaigns": sum(len(study.campaigns) for study in studies),
        "n_used": sum(int(study.campaigns["used"].sum()) for study in studies),
        "n_trials": len(part),
        "n_households": pd.concat([study.trials["household_key"] for study in studies]).nunique(),
        "n_treated": int(data.treated.sum()),
        "shortest_window": int(min(study.days.min() for study in studies)),
        "longest_window": int(max(study.days.max() for study in studies)),
        **by_day,
        "p_equal": equality_p_value(data, tested) if len(tested) > 1 else np.nan,
        "verdict": _verdict(by_day),
    }


def _by_day(data: Residuals, days: np.ndarray) -> Residuals:
    """The outcome, and its means, per day of the trial's window."""
    return replace(data, y=data.y / days, mu0=data.mu0 / days, mu1=data.mu1 / days)


def _named_by_day(found: Mapping[str, object]) -> dict[str, object]:
    names = {"estimate": "per_day", "se": "per_day_se", "ci_lower": "per_day_lower", "ci_upper": "per_day_upper"}
    return {names[name]: value for name, value in found.items()}


def _verdict(by_day: Mapping[str, object]) -> str:
    if by_day["per_day_lower"] > 0:  # type: ignore[operator]
        return GAIN
    return LOSS if by_day["per_day_upper"] < 0 else NOT_PROVEN  # type: ignore[operator]
