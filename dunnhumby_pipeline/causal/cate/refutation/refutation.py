"""Refutations of the average effect and of the search for effects that differ, each done again on changed trials."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.cate.power.tests import Draw
from dunnhumby_pipeline.causal.cate.refutation import rules
from dunnhumby_pipeline.causal.cate.refutation.replicas import (
    BOOTSTRAP,
    DUMMY,
    PLACEBO,
    RANDOM_CAUSE,
    SUBSET,
    UNOBSERVED,
    Replica,
    Strengths,
    Trials,
    bootstrap,
    data_subset,
    dummy_outcome,
    placebo_treatment,
    random_common_cause,
    unobserved_cause,
)
from dunnhumby_pipeline.causal.cate.refutation.subjects import Answer, Search, answer, average_of, reduced_search
from dunnhumby_pipeline.causal.cate.whole import whole_search
from dunnhumby_pipeline.engine.threads import side_by_side
from dunnhumby_pipeline.settings import RefutationSettings, Settings

Array = NDArray[np.float64]

# Subjects, and who draws.
AVERAGE, PROCEDURE = "average effect", "effects that differ"
BY_EVERY_LEARNER = "effects that differ, by every learner"
STUDY, DOWHY = "study", "dowhy"
REFUTATION = [
    *("refuter", "subject", "drawn_by", "n_draws", "observed", "draws_mean", "draws_sd", "share_proven", "p_as_far"),
    *("p", "passed", "rule", "meaning"),
]
_TABLES = ("refutation", "draws")
DRAWS = ["refuter", "subject", "drawn_by", "draw", "value", "proven"]
_NULL = (PLACEBO, DUMMY)
_ANY_TRIALS = "treatment permuted between any trials, so that propensities are all the same: there is no effect"
_MEANING = {
    PLACEBO: "treatment permuted within campaign and propensity stratum, households kept whole: there is no effect",
    DUMMY: "an outcome that no treatment has moved: there is no effect",
    RANDOM_CAUSE: "a covariate of pure noise more: nothing changes",
    SUBSET: "some households left out: nothing changes beyond their noise",
    BOOTSTRAP: "households drawn with replacement: nothing changes beyond their noise",
    UNOBSERVED: "a hidden cause as strong as the strongest group of covariates is adjusted for: the effect shrinks",
}


@dataclass(frozen=True)
class Refutation:
    """`refutation`: a row per refuter and subject. `draws`: the value of each draw. Columns as in the tables."""

    refutation: pd.DataFrame
    draws: pd.DataFrame


def strongest(benchmarks: pd.DataFrame) -> Strengths:
    """The gains of the group of measured covariates that bounds the largest bias; 0 where none has both."""
    rows = benchmarks.loc[(benchmarks["kind"] == "group") & (benchmarks["gain_treatment"] < 1)]
    if rows.empty:
        return Strengths(0.0, 0.0)
    row = rows.loc[rows["bias"].idxmax()]
    return Strengths(float(np.clip(row["outcome_bound"], 0, 0.9)), float(np.clip(row["gain_treatment"], 0, 0.9)))


def refuters(settings: RefutationSettings, strengths: Strengths) -> dict[str, Replica]:
    """Every refuter by name."""
    return {
        PLACEBO: placebo_treatment,
        DUMMY: dummy_outcome,
        RANDOM_CAUSE: random_common_cause,
        SUBSET: data_subset(settings.subset_share),
        BOOTSTRAP: bootstrap,
        UNOBSERVED: unobserved_cause(strengths),
    }


def refute(
    trials: Trials,
    strengths: Strengths,
    settings: RefutationSettings,
    gain_in_se: float,
    n_draws: int,
    seed: int,
    search: Search = reduced_search,
    only: tuple[str, ...] = (),
    n_jobs: int = 1,
) -> Refutation:
    """Find the average effect, and whether effects differ, again in `n_draws` sets of changed trials for each refuter.

    `strengths`: of the hidden cause that is simulated. `search`: how effects that differ are looked for, fitted anew on
    every set, `n_jobs` sets at once in processes, or with 1 in threads. `only`: refuters by name; all of them without
    it. `gain_in_se` as the gate has it. Values of the average effect are in the outcome's unit, those of the search the
    ensemble's gain over one effect for all, in standard errors.
    """
    from joblib import Parallel, delayed

    observed = answer(trials, search, gain_in_se)
    rng = np.random.default_rng(seed)
    rows, draws = [], []
    for name, replica in refuters(settings, strengths).items():
        if only and name not in only:
            continue
        sets = (replica(trials, rng) for _ in range(n_draws))
        if n_jobs > 1:
            found = Parallel(n_jobs=n_jobs)(delayed(answer)(each, search, gain_in_se) for each in sets)
        else:
            found = side_by_side(partial(answer, search=search, gain_in_se=gain_in_se), sets)
        for subject, values in (
            (AVERAGE, [each.average for each in found]),
            (PROCEDURE, [each.gain_in_se for each in found]),
        ):
            proven = [each.proven for each in found] if subject == PROCEDURE else None
            rows.append(row_of(name, subject, STUDY, np.array(values), observed, proven))
            draws += list(_drawn(name, subject, STUDY, values, proven))
    return Refutation(pd.DataFrame(rows, columns=REFUTATION), pd.DataFrame(draws, columns=DRAWS))


def refute_by_dowhy(
    trials: Trials, strengths: Strengths, settings: RefutationSettings, n_draws: int, seed: int
) -> Refutation:
    """The average effect, found again in the sets that dowhy's own refuters draw: see `by_dowhy`."""
    from dunnhumby_pipeline.causal.cate.refutation.by_dowhy import refutations

    estimate, found = refutations(trials, strengths, settings.subset_share, n_draws, seed)
    # Its standard error is that of the study's own estimate: the same estimand, from the same trials.
    observed = Answer(estimate, average_of(trials.data)[1], np.nan, False)
    rows = [row_of(name, AVERAGE, DOWHY, values, observed) for name, values in found.items()]
    draws = [row for name, values in found.items() for row in _drawn(name, AVERAGE, DOWHY, list(values), None)]
    return Refutation(pd.DataFrame(rows, columns=REFUTATION), pd.DataFrame(draws, columns=DRAWS))


def row_of(
    refuter: str, subject: str, drawn_by: str, values: Array, observed: Answer, proven: list[bool] | None = None
) -> dict[str, object]:
    """A row of the table: what the draws say, and whether the refutation is passed."""
    meaning = _ANY_TRIALS if (refuter, drawn_by) == (PLACEBO, DOWHY) else _MEANING[refuter]
    judged = _judged(refuter, subject, values, observed, proven)
    return {
        **{"refuter": refuter, "subject": subject, "drawn_by": drawn_by, "n_draws": len(values)},
        "observed": observed.average if subject == AVERAGE else observed.gain_in_se,
        "draws_mean": float(np.mean(values)),
        "draws_sd": float(np.std(values, ddof=1)) if len(values) > 1 else np.nan,
        "share_proven": np.nan if proven is None else float(np.mean(proven)),
        "p_as_far": _as_far(values, observed.average) if refuter in _NULL and subject == AVERAGE else np.nan,
        **{"p": judged.p, "passed": judged.passed, "rule": rules.RULES[judged.rule], "meaning": meaning},
    }


def _judged(refuter: str, subject: str, values: Array, observed: Answer, proven: list[bool] | None) -> rules.Judged:
    if proven is not None:
        if refuter in _NULL:
            return rules.nothing_proven(np.array(proven))
        return rules.verdict_stays(np.array(proven), observed.proven)
    if refuter in _NULL:
        return rules.nothing(values)
    if refuter == UNOBSERVED:
        return rules.keeps_sign(values, observed.average)
    return rules.stays(values, observed.average, observed.se)


def _as_far(values: Array, observed: float) -> float:
    return float((np.sum(np.abs(values) >= abs(observed)) + 1) / (len(values) + 1))


def _drawn(
    refuter: str, subject: str, drawn_by: str, values: list[float], proven: list[bool] | None
) -> Iterator[dict[str, object]]:
    for number, value in enumerate(values):
        yield {
            **{"refuter": refuter, "subject": subject, "drawn_by": drawn_by, "draw": number, "value": float(value)},
            "proven": np.nan if proven is None else float(proven[number]),
        }


def search_whole(trials: Trials, settings: Settings) -> Draw:
    """The whole search, by every learner, on these trials."""
    found = whole_search(trials.x, trials.data, settings)
    return Draw(trials.data, found.effect[:, 0], found.constant[:, 0], found.sequential[:, 0])


def _renamed(found: Refutation, subject: str, new: str) -> Refutation:
    """The rows of one subject alone, under another name."""
    tables = (getattr(found, name) for name in _TABLES)
    return Refutation(*(own.loc[own["subject"] == subject].assign(subject=new) for own in tables))


def refutations_of_study(trials: Trials, benchmarks: pd.DataFrame, settings: Settings, certified: bool) -> Refutation:
    """All refutations of a study's trials; `benchmarks` as in the table confounder_benchmarks.

    `certified`: with the draws of a certificate, and of the average effect by dowhy too. Of more trials than
    `cate.max_trials` households are drawn, as for the models of the effect; what is refuted is what those trials say.
    """
    trials = trials.at_most(settings.cate.max_trials, settings.seed_for("cate"))
    own, seed, strengths = settings.refutation, settings.seed_for("refutation"), strongest(benchmarks)
    n_draws = own.n_certified if certified else own.n_draws
    found: list[Refutation] = [refute(trials, strengths, own, settings.cate.gain_in_se, n_draws, seed)]
    if certified:
        # Its import alone takes longer than all draws of a study.
        found.append(refute_by_dowhy(trials, strengths, own, n_draws, seed))
    if certified and own.n_whole:
        whole = partial(search_whole, settings=settings)
        gain, jobs = settings.cate.gain_in_se, own.n_jobs
        placebos = refute(trials, strengths, own, gain, own.n_whole, seed, whole, (PLACEBO,), jobs)
        found.append(_renamed(placebos, PROCEDURE, BY_EVERY_LEARNER))
    rows, draws = (pd.concat([getattr(each, name) for each in found], ignore_index=True) for name in _TABLES)
    return Refutation(rows.assign(certified=certified), draws)
