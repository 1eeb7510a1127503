"""The policy tree in words, its leaves valued by trials that had no say in it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dunnhumby_pipeline.causal.estimators.clustered import FEWEST_HOUSEHOLDS, normal_quantile, weighted_mean_se
from dunnhumby_pipeline.causal.overlap.outside import Split, Vocabulary
from dunnhumby_pipeline.targeting.economics import Economics
from dunnhumby_pipeline.targeting.evidence import Evidence
from dunnhumby_pipeline.targeting.policies.tree import PolicyTree, Tree
from dunnhumby_pipeline.targeting.value import least_in_arm


def tree_rules(evidence: Evidence, economics: Economics, confidence: float) -> pd.DataFrame:
    """One row per leaf: leaf (from 0), rule, treats, n_trials, share (of the trials that judge), least_in_arm
    (households), profit ($ per contact) with se, ci_lower, ci_upper; null with too few households in an arm.

    The tree is fitted to the first half of the folds, profits are mean scores of the others less the contact. One leaf,
    everybody, where no question pays.
    """
    folds = np.unique(evidence.folds)
    grown = evidence.folds < folds[(len(folds) + 1) // 2]
    tree, judged = PolicyTree().fit(evidence.where(grown), economics), evidence.where(~grown)
    leaf, vocabulary = tree.leaf(judged.covariates), Vocabulary(evidence.covariates, evidence.covariate_names)
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
        rows.append((len(rows), *told, profit, se, *interval))
    columns = "leaf rule treats n_trials share least_in_arm profit se ci_lower ci_upper"
    return pd.DataFrame(rows, columns=columns.split())


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
