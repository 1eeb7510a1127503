"""How names are written: outcomes, estimators, models, policies, designs."""

from __future__ import annotations

from dunnhumby_pipeline.contracts.names import (
    AS_FITTED,
    FIRST_ELIGIBLE,
    LINEAR_NUISANCES,
    NEVER_TARGETED,
    ONE_DIVISION,
    SEQUENTIAL,
    STANDARDISED,
    TOTALS_AS_THEY_ARE,
    TREE_NUISANCES,
)
from dunnhumby_pipeline.contracts.outcomes import OUTCOMES
from dunnhumby_pipeline.settings import (
    ABOVE_BREAK_EVEN,
    BUDGET,
    BY_NEED,
    BY_SEGMENT,
    CAPACITY,
    CONSERVATIVE,
    CURRENT_PRACTICE,
    MINIMAX_REGRET,
    POLICY_TREE,
    TREAT_ALL,
    TREAT_NONE,
)
from dunnhumby_pipeline.words.numbers import interval, number

_POLICIES = {
    TREAT_NONE: "Target nobody",
    TREAT_ALL: "Target everybody",
    ABOVE_BREAK_EVEN: "Effect above break-even",
    BUDGET: "Largest effects that the budget pays for",
    CAPACITY: "Largest effects within capacity",
    CONSERVATIVE: "Lower bound above break-even",
    CURRENT_PRACTICE: "What was done",
    MINIMAX_REGRET: "The share of least regret, by lot",
    BY_SEGMENT: "Segments that pay",
    BY_NEED: "Needs that pay",
    POLICY_TREE: "Two questions (policy tree)",
    "econml_policy_tree": "econml's policy tree, on the same scores",
    "econml_policy_forest": "econml's policy forest, on the same scores",
    "econml_dr_policy_tree": "econml's policy tree, on scores of its own",
}
_MODELS = {
    "constant": "Constant (same effect for all)",
    "s_learner": "S-learner",
    "t_learner": "T-learner",
    "t_xgboost": "T-learner, boosted trees",
    "t_gaussian_process": "T-learner, Gaussian process",
    "x_learner": "X-learner",
    "x_xgboost": "X-learner, boosted trees",
    "x_own_trees": "X-learner, boosted trees and means of its own",
    "r_learner": "R-learner",
    "r_xgboost": "R-learner, boosted trees",
    "dr_linear": "DR-learner, linear",
    "dr_xgboost": "DR-learner, boosted trees",
    "dr_forest": "DR-learner, forest",
    "linear_dml": "Linear DML",
    "causal_forest": "Causal forest",
    "forest_dr": "Forest of doubly robust scores",
    "tuned_forest": "Causal forest, tuned",
    "stack": "Stack of the best models",
    "mean_of_learners": "Mean of R-learner and causal forest",
}
_EFFECT_TESTS = {
    "gate": "Gate: better than one effect for all",
    "blp": "BLP: follows the prediction",
    "autoc": "AUTOC: the first respond more",
    "proven": "Proven: gate and BLP",
}
_ESTIMATORS = {
    "naive": "Naive difference",
    "ols": "OLS regression",
    "ipw": "Inverse propensity weighted",
    "aipw": "AIPW",
    "overlap_weighted": "Overlap weighted",
    "dml": "Partially linear DML",
    "tmle": "TMLE",
    "matching": "Propensity matching",
    "entropy": "Entropy balancing",
    "att": "AIPW of the treated",
    "lin": "Lin regression",
}
_ESTIMANDS = {
    "association": "Association, adjusted for nothing",
    "ATE": "ATE: averaged over the trials",
    "ATT": "ATT: averaged over the treated",
    "ATO": "ATO: weighted to where both arms occur",
}
_POPULATIONS = {"overlap": "in overlap", "matched": "matched pairs"}
_WEIGHTINGS = {
    "none": "unweighted",
    "ipw": "inverse propensity",
    "trimmed": "trimmed to the overlap",
    "overlap": "overlap weights",
    "entropy": "entropy balancing",
    "entropy_treated": "entropy balancing to the treated",
}
_NUISANCES = {
    AS_FITTED: "propensity not recalibrated within campaigns",
    ONE_DIVISION: "one division into folds, to compare with the rows below",
    LINEAR_NUISANCES: "linear models only, one division",
    TREE_NUISANCES: "boosted trees only, one division",
    STANDARDISED: "covariates standardised within campaigns, one division",
    TOTALS_AS_THEY_ARE: "totals of the look-back as they are, one division",
}
_DESIGNS = {
    SEQUENTIAL: "Sequential trials",
    FIRST_ELIGIBLE: "First eligible campaign",
    NEVER_TARGETED: "Never-targeted controls",
}


def spoken(name: str) -> str:
    """A column name as words: underscores to spaces, first letter capital."""
    text = name.replace("_", " ").strip()
    return text[:1].upper() + text[1:]


def policy(name: str) -> str:
    """A policy's name in words: "top_10%" is "Top 10% by effect"."""
    if name.startswith("top_"):
        return f"Top {name.removeprefix('top_')} by effect"
    if name.startswith("risk_adjusted_"):
        return f"Risk-adjusted effect, {name.removeprefix('risk_adjusted_')} of the lower bound"
    return _POLICIES.get(name, spoken(name))


def model(name: str) -> str:
    """A CATE model's name in words."""
    return _MODELS.get(name, spoken(name))


def estimator(name: str, estimand: str, population: str) -> str:
    """An estimator's name with its estimand and, when it is not all trials, its population."""
    label = f"{estimator_name(name)} ({estimand})"
    return label if population == "all" else f"{label}, {population} only"


def estimator_name(name: str) -> str:
    """An estimator's name alone."""
    return _ESTIMATORS.get(name, spoken(name))


def estimator_in(name: str, trials: str) -> str:
    """An estimator's name with its population when it is not all trials: "Lin regression, in overlap"."""
    return estimator_name(name) if trials == "all" else f"{estimator_name(name)}, {population(trials)}"


def estimand(name: str) -> str:
    """An estimand with the population that it averages over: "ATT: averaged over the treated"."""
    return _ESTIMANDS.get(name, spoken(name))


def population(name: str) -> str:
    """The trials that an estimate rests on, when they are not all, in words."""
    return _POPULATIONS.get(name, spoken(name).lower())


def weighting(name: str) -> str:
    """A weighting of the trials in words, in lower case."""
    return _WEIGHTINGS.get(name, spoken(name).lower())


def design(name: str) -> str:
    """A design of the study in words."""
    return _DESIGNS.get(name, spoken(name))


def nuisances(name: str) -> str:
    """How nuisances were made otherwise, in words, in lower case."""
    return _NUISANCES.get(name, spoken(name).lower())


def outcome(name: str) -> tuple[str, str]:
    """An outcome's name in words, and the unit of its effects per household."""
    known = OUTCOMES.get(name)
    return (known.label, known.unit) if known else (spoken(name), "units")


def outcome_scale(name: str) -> tuple[float, str]:
    """What effects on an outcome are multiplied by to be in the unit that `outcome` gives, and the sign before them."""
    known = OUTCOMES.get(name)
    return (known.scale, known.sign) if known else (1.0, "")


def outcome_amount(name: str, value: float) -> str:
    """A size of effects on an outcome, in the unit of the outcome: "$26.3", or "0.4 visits" where no sign says it."""
    scale, sign = outcome_scale(name)
    written = number(scale * value, 2, sign)
    return written if sign else f"{written} {outcome(name)[1]}"


def effect_test(name: str) -> str:
    """A test of effects that differ, in words."""
    return _EFFECT_TESTS.get(name, spoken(name))


def refuter(name: str, drawn_by: str) -> str:
    """A refuter in words, in lower case, with who draws where it is not the study."""
    return f"{name.replace('_', ' ')} by dowhy" if drawn_by == "dowhy" else name.replace("_", " ")


def outcome_interval(name: str, estimate: float, lower: float, upper: float) -> str:
    """An effect on an outcome with its interval, in the unit of the outcome."""
    scale, sign = outcome_scale(name)
    return interval(scale * estimate, scale * lower, scale * upper, sign)
