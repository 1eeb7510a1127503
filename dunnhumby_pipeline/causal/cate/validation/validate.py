"""All that is asked of an order of households, as tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.cate.validation import groups
from dunnhumby_pipeline.causal.cate.validation.agreement import agreement
from dunnhumby_pipeline.causal.cate.validation.blp import best_linear_predictor
from dunnhumby_pipeline.causal.cate.validation.calibration import calibration_error
from dunnhumby_pipeline.causal.cate.validation.candidate import Candidate
from dunnhumby_pipeline.causal.cate.validation.meanings import NO_ORDER, UPLIFT_AT, meaning
from dunnhumby_pipeline.causal.cate.validation.proof import BLP
from dunnhumby_pipeline.causal.cate.validation.ranking import overlap_weights, rank
from dunnhumby_pipeline.causal.cate.validation.sequential import Statistic, by_fold
from dunnhumby_pipeline.causal.cate.validation.targeting_curve import (
    Curves,
    above_average,
    autoc,
    qini,
    targeting_curve,
    top_minus_bottom,
)
from dunnhumby_pipeline.causal.cate.validation.traits import classification
from dunnhumby_pipeline.causal.cate.validation.uplift import uplift_areas
from dunnhumby_pipeline.causal.design.cohort import LOOK_BACK_NEED, LOOK_BACK_SEGMENT
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.settings import ValidationSettings

Array = NDArray[np.float64]
# The test that groups by a label differ.
_DIFFER = {LOOK_BACK_SEGMENT: "segments_differ", LOOK_BACK_NEED: "needs_differ"}
Rows = list[dict[str, object]]


@dataclass(frozen=True)
class Validation:
    """`tests` (table cate_validation), `curve` (toc_curve), `groups` (gates), `traits` (clan), `agreement`."""

    tests: pd.DataFrame
    curve: pd.DataFrame
    groups: pd.DataFrame
    traits: pd.DataFrame
    agreement: pd.DataFrame


def validate(
    data: Residuals,
    candidate: Candidate,
    by_model: Mapping[str, Array],
    labels: pd.DataFrame,
    x: Array,
    names: tuple[str, ...],
    contact_cost: float,
    settings: ValidationSettings,
    overlap: tuple[float, float],
    confidence: float,
    seed: int,
) -> Validation:
    """Validate the effects of n trials on their held-out outcomes.

    `by_model`: effects (n,) out of fold of every learner. Each column of `labels` (look-back segment, look-back
    need) divides the trials into groups known before the campaign. `x` (n, p) are the covariates called `names`,
    `contact_cost` is in $, `overlap` the lowest and highest propensity in overlap.

    `tests`: test, model, chosen, unit ("$" or nothing), statistic, p (null for what is told and not tested), ci_lower,
    ci_upper, passed (null where there is nothing to pass), meaning. Tests of an order are one-sided, and in sequence.
    """
    curves = targeting_curve(
        data,
        candidate.effect,
        contact_cost,
        n_steps=settings.n_steps,
        n_halves=settings.n_half_samples,
        confidence=confidence,
        seed=seed,
    )
    pairs = agreement(by_model, data.folds)
    found, spread = _groups(data, candidate.effect, labels, settings, overlap, confidence, seed)
    rows = [
        *_tests_of_order(data, candidate, settings, confidence),
        *_calibration(data, candidate, settings, confidence, seed),
        *spread,
        *_told(data, candidate, curves, pairs, settings, confidence, seed),
    ]
    tests = pd.DataFrame(rows).assign(model=candidate.name, chosen=candidate.chosen)
    columns = ["test", "model", "chosen", "unit", "statistic", "p", "ci_lower", "ci_upper", "passed", "meaning"]
    traits = classification(x, names, data, candidate.effect, settings.n_groups, confidence)
    return Validation(tests[columns].astype({"passed": "boolean"}), curves.curve, found, traits, pairs)


def _row(
    test: str,
    unit: str,
    statistic: float,
    interval: tuple[float, float] = (float("nan"), float("nan")),
    p: float = float("nan"),
    passed: bool | None = None,
    said: str | None = None,
) -> dict[str, object]:
    lower, upper = interval
    return {
        "test": test,
        "unit": unit,
        "statistic": statistic,
        "p": p,
        "ci_lower": lower,
        "ci_upper": upper,
        "passed": passed,
        "meaning": said or meaning(test, passed),
    }


def _tests_of_order(data: Residuals, candidate: Candidate, settings: ValidationSettings, confidence: float) -> Rows:
    judges: dict[str, tuple[str, Callable[[Residuals, Array], Statistic]]] = {
        BLP: ("", best_linear_predictor),
        "autoc": ("$", autoc),
        "qini": ("$", qini),
        "top_minus_bottom": ("$", partial(top_minus_bottom, n_groups=settings.n_groups)),
    }
    rows = []
    for test, (unit, judge) in judges.items():
        found = by_fold(judge, data, candidate.sequential)
        rows.append(_one_sided(test, unit, found, found, confidence))
    places = rank(candidate.effect, overlap_weights(data), data.folds)
    shares = places.among_first(np.array(settings.top_shares))
    means = groups.group_means(data.scores, shares, data)
    for share, estimate, se in zip(settings.top_shares, means.estimate, means.se, strict=True):
        test = f"{UPLIFT_AT}{share:.0%}"
        tested = by_fold(partial(above_average, share=share), data, candidate.sequential)
        rows.append(_one_sided(test, "$", Statistic(float(estimate), float(se)), tested, confidence))
    return rows


def _one_sided(test: str, unit: str, told: Statistic, tested: Statistic, confidence: float) -> dict[str, object]:
    known = np.isfinite(tested.p)
    passed = bool(known and tested.p < 1 - confidence)
    said = None if known else NO_ORDER
    return _row(test, unit, told.estimate, told.interval(confidence), tested.p, passed, said)


def _calibration(
    data: Residuals, candidate: Candidate, settings: ValidationSettings, confidence: float, seed: int
) -> Rows:
    slope = best_linear_predictor(data, candidate.effect, null=1.0)
    known, p = np.isfinite(slope.p), slope.p_two_sided
    right = bool(known and p >= 1 - confidence)
    error = calibration_error(data, candidate.effect, settings.n_groups, confidence, seed)
    within = bool(error.p >= 1 - confidence)
    return [
        _row(
            "calibration_slope", "", slope.estimate, slope.interval(confidence), p, right, None if known else NO_ORDER
        ),
        _row("calibration_error", "$", error.error, (error.lower, error.upper), error.p, within),
    ]


def _groups(
    data: Residuals,
    effect: Array,
    labels: pd.DataFrame,
    settings: ValidationSettings,
    overlap: tuple[float, float],
    confidence: float,
    seed: int,
) -> tuple[pd.DataFrame, Rows]:
    divisions = {
        groups.BY_EFFECT: groups.by_effect(data, effect, settings.n_groups),
        **{str(name): groups.by_label(labels[name]) for name in labels.columns},
        groups.BY_PROPENSITY: groups.by_propensity(data, *overlap),
    }
    frames, rows = [], []
    for grouping, (members, names) in divisions.items():
        frame, means = groups.effects_by_group(data, effect, members, names, grouping, confidence, seed)
        frames.append(frame)
        if grouping in labels.columns:
            statistic, p = means.differ()
            passed = bool(np.isfinite(p) and p < 1 - confidence)
            rows.append(_row(_DIFFER[grouping], "", statistic, p=p, passed=passed))
    return pd.concat(frames, ignore_index=True), rows


def _told(
    data: Residuals,
    candidate: Candidate,
    curves: Curves,
    pairs: pd.DataFrame,
    settings: ValidationSettings,
    confidence: float,
    seed: int,
) -> Rows:
    areas = uplift_areas(data, candidate.effect, settings.n_steps, settings.n_half_samples, seed)
    return [
        _row("autoc_all_folds", "$", curves.autoc.estimate, curves.autoc.interval(confidence)),
        _row("qini_all_folds", "$", curves.qini.estimate, curves.qini.interval(confidence)),
        _row("auuc_adjusted", "$", areas.adjusted.estimate, areas.adjusted.interval(confidence)),
        _row("auuc_adjusted_by_lot", "$", areas.adjusted_by_lot),
        _row("auuc_unadjusted", "$", areas.unadjusted.estimate, areas.unadjusted.interval(confidence)),
        _row("auuc_unadjusted_by_lot", "$", areas.unadjusted_by_lot),
        _row("agreement", "", float(pairs["rank_correlation"].mean()) if len(pairs) else float("nan")),
    ]
