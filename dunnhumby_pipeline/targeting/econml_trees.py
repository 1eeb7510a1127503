"""Our policy tree beside econml's trees and forest, all fitted to the other folds and judged by the same scores.

econml's PolicyTree and PolicyForest (Athey & Wager 2021) take our profit scores as rewards and search greedily; its
DRPolicyTree estimates scores of its own, with nuisances that it fits again within the folds it is given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.estimators.clustered import normal_quantile, weighted_mean_se
from dunnhumby_pipeline.settings import POLICY_TREE
from dunnhumby_pipeline.targeting.economics import Economics
from dunnhumby_pipeline.targeting.evidence import Evidence
from dunnhumby_pipeline.targeting.policies.tree import LEAST_SHARE, PolicyTree
from dunnhumby_pipeline.targeting.value import least_in_arm

Array = NDArray[np.float64]
ECONML_TREE, ECONML_FOREST, ECONML_DR_TREE = "econml_policy_tree", "econml_policy_forest", "econml_dr_policy_tree"
_DEPTH, _N_TREES, _FOLDS = 2, 200, 5
# Of a leaf of a tree in the forest; and the least propensity that econml's own scores divide by.
_LEAST_IN_LEAF, _LEAST_PROPENSITY = 20, 0.01
# Inverse strength of the penalty of its propensity: econml 0.17 takes no sklearn 1.9 model that finds its own.
_STRENGTH = 0.05
COLUMNS = [
    "policy",
    "share_targeted",
    "least_in_arm",
    "value",
    "value_se",
    "ci_lower",
    "ci_upper",
    "difference",
    "difference_se",
    "difference_lower",
    "difference_upper",
    "agreement",
    "certified",
]


@dataclass(frozen=True)
class Learned:
    """What a tree may learn from: the evidence of other folds, and profit ($, (n,)) as it came: gross profit less the
    contact of the treated.
    """

    evidence: Evidence
    profit: Array


Method = Callable[[Learned, Economics, int], Callable[[Array], Array]]


def tree_comparison(
    evidence: Evidence, economics: Economics, confidence: float, certified: bool, seed: int
) -> pd.DataFrame:
    """One row per method (columns `COLUMNS`): its value ($ per household), what that is above our tree's on the same
    trials (difference; null of our tree itself), errors clustered by household, and the share of trials it decides as
    our tree does. No rows where not `certified`: to import econml's alone takes a second.
    """
    if not certified:
        return pd.DataFrame(columns=COLUMNS)
    profit = evidence.outcome - economics.contact_cost * evidence.treated
    methods: dict[str, Method] = {
        POLICY_TREE: _ours,
        ECONML_TREE: _tree,
        ECONML_FOREST: _forest,
        ECONML_DR_TREE: _dr_tree,
    }
    decided = {name: _out_of_fold(method, evidence, profit, economics, seed) for name, method in methods.items()}
    ours, quantile, rows = decided[POLICY_TREE], normal_quantile(confidence), []
    gain, everybody = economics.profit(evidence.scores), np.ones(len(evidence))
    for name, weights in decided.items():
        value, se = weighted_mean_se(weights * gain, everybody, evidence.households)
        more, more_se = np.nan, np.nan
        if name != POLICY_TREE:
            more, more_se = weighted_mean_se((weights - ours) * gain, everybody, evidence.households)
        bounds = (value - quantile * se, value + quantile * se)
        above = (more, more_se, more - quantile * more_se, more + quantile * more_se)
        alike = float((weights == ours).mean())
        told = (float(weights.mean()), least_in_arm(weights, evidence), value, se)
        rows.append((name, *told, *bounds, *above, alike, certified))
    return pd.DataFrame(rows, columns=COLUMNS)


def _out_of_fold(method: Method, evidence: Evidence, profit: Array, economics: Economics, seed: int) -> Array:
    weights = np.zeros(len(evidence))
    for fold, rows, others, own in evidence.divisions():
        decide = method(Learned(others, profit[~rows]), economics, seed + fold)
        weights[rows] = decide(own.covariates)
    return weights


def _ours(learned: Learned, economics: Economics, seed: int) -> Callable[[Array], Array]:
    tree = PolicyTree().fit(learned.evidence, economics)
    return lambda x: np.asarray(tree.treats, dtype=float)[tree.leaf(x)]


def _rewards(learned: Learned, economics: Economics) -> Array:
    gain = economics.profit(learned.evidence.scores)
    return np.column_stack([np.zeros(len(gain)), gain])


def _least(learned: Learned) -> int:
    return max(1, int(np.ceil(LEAST_SHARE * len(learned.profit))))


def _tree(learned: Learned, economics: Economics, seed: int) -> Callable[[Array], Array]:
    from econml.policy import PolicyTree as EconmlTree

    # Honest trees would keep half of the trials from the search: these are judged on other folds anyway.
    tree = EconmlTree(max_depth=_DEPTH, min_samples_leaf=_least(learned), honest=False, random_state=seed)
    tree.fit(learned.evidence.covariates, _rewards(learned, economics))
    return lambda x: np.asarray(tree.predict(x), dtype=float)


def _forest(learned: Learned, economics: Economics, seed: int) -> Callable[[Array], Array]:
    from econml.policy import PolicyForest

    forest = PolicyForest(n_estimators=_N_TREES, min_samples_leaf=_LEAST_IN_LEAF, n_jobs=1, random_state=seed)
    forest.fit(learned.evidence.covariates, _rewards(learned, economics))
    return lambda x: np.asarray(forest.predict(x), dtype=float)


def _dr_tree(learned: Learned, economics: Economics, seed: int) -> Callable[[Array], Array]:
    from econml.policy import DRPolicyTree
    from sklearn.linear_model import LassoCV, LogisticRegression
    from sklearn.model_selection import GroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    own = learned.evidence
    tree = DRPolicyTree(
        model_regression=make_pipeline(StandardScaler(), LassoCV(alphas=30)),
        model_propensity=make_pipeline(StandardScaler(), LogisticRegression(C=_STRENGTH, max_iter=1000)),
        min_propensity=_LEAST_PROPENSITY,
        cv=GroupKFold(_FOLDS),
        max_depth=_DEPTH,
        min_samples_leaf=_least(learned),
        honest=False,
        random_state=seed,
    )
    tree.fit(learned.profit, own.treated.astype(int), X=own.covariates, groups=own.households)
    return lambda x: np.asarray(tree.predict(x), dtype=float).ravel()
