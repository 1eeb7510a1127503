"""The policy tree in words, its leaves valued by trials that had no say in it, and how far it would be another tree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.estimators.clustered import FEWEST_HOUSEHOLDS, normal_quantile, weighted_mean_se
from dunnhumby_pipeline.causal.overlap.outside import Split, Vocabulary
from dunnhumby_pipeline.engine.threads import side_by_side
from dunnhumby_pipeline.targeting.economics import Economics
from dunnhumby_pipeline.targeting.evidence import Evidence
from dunnhumby_pipeline.targeting.policies.tree import Search, Tree
from dunnhumby_pipeline.targeting.value import least_in_arm

Array = NDArray[np.float64]
_RULES = "leaf rule treats n_trials share least_in_arm profit se ci_lower ci_upper kept"
_REFITS = "refit root below_yes below_no share_targeted agreement value"


@dataclass(frozen=True)
class Rules:
    """A policy tree: `rules` by leaf, `refits` by bootstrap (columns in `tree_rules`)."""

    rules: pd.DataFrame
    refits: pd.DataFrame


def tree_rules(evidence: Evidence, economics: Economics, confidence: float, n_refits: int, seed: int) -> Rules:
    """A policy tree fitted to the first half of the folds and judged by the others, leaf by leaf; and how stable it is.

    `rules`, one row per leaf: leaf (from 0), rule, treats, n_trials, share (of the trials that judge), least_in_arm
    (households), profit ($ per contact: mean score less the contact) with se, ci_lower, ci_upper, null with too few
    households in an arm; kept: of its trials, the share that a refit decides alike, mean over refits. One leaf,
    everybody, where no question pays.

    `refits`, one row per bootstrap of the households that the tree was grown on, the tree searched anew in each: refit
    (from 0), root, below_yes, below_no (covariate asked about there; null for none), share_targeted, agreement (share
    decided alike) and value ($ per household) of the trials that judge.
    """
    folds = np.unique(evidence.folds)
    grown = evidence.folds < folds[(len(folds) + 1) // 2]
    learned, judged = evidence.where(grown), evidence.where(~grown)
    search = Search(learned.covariates, economics.profit(learned.scores))
    tree = search.best(np.ones(len(learned)))
    leaf, alike, refits = tree.leaf(judged.covariates), np.zeros(len(judged)), []
    decided = np.asarray(tree.treats)[leaf]
    for refit, other in enumerate(side_by_side(search.best, _bootstraps(learned.households, n_refits, seed))):
        chosen = np.asarray(other.treats)[other.leaf(judged.covariates)]
        same = chosen == decided
        alike += same / n_refits
        asked = [None if split is None else evidence.covariate_names[split[0]] for split in other.splits]
        value = float((chosen * economics.profit(judged.scores)).mean())
        refits.append((refit, *asked, float(chosen.mean()), float(same.mean()), value))
    rules = _leaves(
        tree, leaf, alike, judged, economics, confidence, Vocabulary(evidence.covariates, evidence.covariate_names)
    )
    text = dict.fromkeys(("root", "below_yes", "below_no"), "str")
    return Rules(rules, pd.DataFrame(refits, columns=_REFITS.split()).astype(text))


def _bootstraps(households: NDArray[np.int64], n_refits: int, seed: int) -> Iterator[Array]:
    """How often each trial (n,) counts in each of `n_refits` draws of as many households as there are."""
    _, place = np.unique(households, return_inverse=True)
    n = int(place.max()) + 1
    rng = np.random.default_rng(seed)
    for _ in range(n_refits):
        yield rng.multinomial(n, np.full(n, 1 / n)).astype(float)[place]


def _leaves(
    tree: Tree,
    leaf: NDArray[np.int64],
    alike: Array,
    judged: Evidence,
    economics: Economics,
    confidence: float,
    vocabulary: Vocabulary,
) -> pd.DataFrame:
    rows: list[tuple[object, ...]] = []
    quantile = normal_quantile(confidence)
    for own, path in _paths(tree).items():
        inside = leaf == own
        part, (profit, se) = judged.where(inside), (np.nan, np.nan)
        least = least_in_arm(np.ones(len(part)), part)
        if least >= FEWEST_HOUSEHOLDS:
            profit, se = weighted_mean_se(economics.profit(part.scores), np.ones(len(part)), part.households)
        interval = (profit - quantile * se, profit + quantile * se)
        told = (vocabulary.rule(path), tree.treats[own], len(part), float(inside.mean()), least)
        kept = float(alike[inside].mean()) if inside.any() else np.nan
        rows.append((len(rows), *told, profit, se, *interval, kept))
    return pd.DataFrame(rows, columns=_RULES.split())


def _paths(tree: Tree) -> dict[int, tuple[Split, ...]]:
    """The answers that lead to each leaf that a household can reach."""
    root, *below = tree.splits
    if root is None:
        return {0: ()}
    paths: dict[int, tuple[Split, ...]] = {}
    for first, (yes, next_split) in enumerate(zip((True, False), below, strict=True)):
        start = Split(root[0], root[1], yes)
        if next_split is None:
            paths[2 * first] = (start,)
            continue
        for second, answer in enumerate((True, False)):
            paths[2 * first + second] = (start, Split(next_split[0], next_split[1], answer))
    return paths
