"""Matching on the propensity: each treated trial with the nearest control of its campaign that is still free."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from dunnhumby_pipeline.causal.estimators.clustered import Estimate, clustered_se
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


def match_pairs(propensity: Array, treated: Array, groups: NDArray, caliper: float) -> pd.DataFrame:
    """One row per pair, in order of `treated_row`: treated_row and control_row, positions among the n trials.

    One to one without replacement, within `groups` (n,), such as campaigns. The treated choose in descending order
    of propensity, those for whom controls are rarest first; each takes the control whose logit of the propensity
    is nearest, if within `caliper` standard deviations of the logit over all trials (Rosenbaum & Rubin 1985;
    Austin 2011). Ties go to the earlier trial among the treated, and among controls to the lower logit. A
    treated trial without a free control that near is in no pair. Sorting, and pointers to the next free control
    on either side, so that a million trials take seconds.
    Raises ValueError when a propensity is not strictly between 0 and 1.
    """
    outside = ~((propensity > 0) & (propensity < 1))
    if outside.any():
        raise ValueError(f"{outside.sum()} of {len(propensity)} propensities are not strictly between 0 and 1")
    logit = special.logit(propensity)
    farthest = caliper * float(logit.std()) if len(logit) else 0.0
    order = np.argsort(logit, kind="stable")
    pairs: list[tuple[int, int]] = []
    for group in pd.unique(pd.Series(groups)):
        in_group = order[groups[order] == group]
        control = in_group[treated[in_group] == 0]
        wanting = in_group[treated[in_group] == 1]
        # Descending; ties keep the earlier first.
        wanting = wanting[np.argsort(-logit[wanting], kind="stable")]
        pairs += _greedy(logit, wanting, control, farthest)
    frame = pd.DataFrame(pairs, columns=["treated_row", "control_row"]).astype("int64")
    return frame.sort_values("treated_row", ignore_index=True)


def _greedy(
    logit: Array, wanting: NDArray[np.int64], control: NDArray[np.int64], farthest: float
) -> list[tuple[int, int]]:
    """Pairs of `wanting`, in their order, with the nearest free of `control`, which are in order of their logit."""
    n = len(control)
    places = np.searchsorted(logit[control], logit[wanting], side="right").tolist()
    values, targets = logit[control].tolist(), logit[wanting].tolist()
    rows, choosers = control.tolist(), wanting.tolist()
    # Place 0 stands before the controls and place n + 1 behind them; both are always free.
    before, behind = list(range(n + 2)), list(range(n + 2))
    pairs = []
    for chooser, target, place in zip(choosers, targets, places, strict=True):
        left, right = _free(before, place), _free(behind, place + 1)
        to_left = target - values[left - 1] if left > 0 else np.inf
        to_right = values[right - 1] - target if right <= n else np.inf
        taken = left if to_left <= to_right else right
        if min(to_left, to_right) <= farthest:
            pairs.append((chooser, rows[taken - 1]))
            before[taken], behind[taken] = taken - 1, taken + 1
    return pairs


def _free(pointers: list[int], place: int) -> int:
    """The free place that `place` points to, shortening the way for those who ask next (union-find)."""
    while pointers[place] != place:
        pointers[place] = pointers[pointers[place]]
        place = pointers[place]
    return place


def pair_differences(data: Residuals, pairs: pd.DataFrame) -> Array:
    """Outcome of the treated less that of the control, each about mu0(x), of every pair (see `match_pairs`).

    Subtracting mu0 takes out what the pair's covariates still differ by (the bias correction of Abadie & Imbens
    2011; covariance adjustment in Rosenbaum 2002), in the outcome's unit.
    """
    beyond = data.y - data.mu0
    return beyond[pairs["treated_row"].to_numpy()] - beyond[pairs["control_row"].to_numpy()]


def matched_difference(data: Residuals, pairs: pd.DataFrame) -> Estimate:
    """Mean of `pair_differences`: the effect on the treated that were matched (ATT).

    A household may be in several pairs, and the two of a pair are alike. So errors are clustered by household
    and by pair at once: variance by household, plus by pair, less by trial (Cameron, Gelbach & Miller 2011), and
    not below that by pair. With every household in one pair it is the error of paired differences, which holds
    for pairs chosen without replacement (Abadie & Spiess 2022). Choosing the nearest is not smooth, so that there is no
    influence function.
    """
    differences = pair_differences(data, pairs)
    rows = pairs[["treated_row", "control_row"]].to_numpy().T.ravel()
    beyond = (data.y - data.mu0)[rows]
    n = len(pairs)
    influence = np.concatenate([beyond[:n] - beyond[:n].mean(), beyond[n:].mean() - beyond[n:]])
    by_household, by_pair, by_trial = (
        clustered_se(influence, clusters) ** 2
        for clusters in (data.households[rows], np.tile(np.arange(n), 2), np.arange(2 * n))
    )
    # The mean is over pairs, half as many as trials.
    se = 2 * float(np.sqrt(max(by_household + by_pair - by_trial, by_pair)))
    return Estimate(float(differences.mean()), se, None)


def matched_rows(pairs: pd.DataFrame, n_trials: int) -> Mask:
    """Which of `n_trials` trials are in a pair."""
    rows = np.zeros(n_trials, dtype=bool)
    rows[pairs.to_numpy().ravel()] = True
    return rows
