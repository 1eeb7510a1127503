"""How often the interval of the policy that came out best covers what that policy is worth.

python -m benchmarks.policy_coverage --studies 500 --households 600 --spread 6

Each study is a small trial with a known effect on gross profit, of mean $1 above the cost of a contact and a standard
deviation `--spread` ($) that follows two of six covariates; two trials per household with a taste that it keeps. The
policies of `targeting/policies` are fitted across folds, and the best is chosen. What it is worth is known: its rules
of each fold, applied to 20,000 other households. Prints the share of studies covered by the usual interval of the
winner, by the hybrid and by the simultaneous one (all at .95), the mean excess of the winner's value over the truth,
and how often it was which.

With `--curves` the curves by share targeted are held against those of 200,000 other households instead: the share of
studies in which the band holds at all shares at once, and the mean share of points that their intervals cover.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.settings import PolicySettings
from dunnhumby_pipeline.targeting.comparison import joint
from dunnhumby_pipeline.targeting.curves import OVER_LOT, PROFIT, QINI, ROI, policy_curves
from dunnhumby_pipeline.targeting.economics import Economics
from dunnhumby_pipeline.targeting.evidence import Evidence
from dunnhumby_pipeline.targeting.policies.base import Policy
from dunnhumby_pipeline.targeting.policies.registry import policies
from dunnhumby_pipeline.targeting.value import valued
from dunnhumby_pipeline.targeting.winner import winner

Array = NDArray[np.float64]
ECONOMICS = Economics(4.0, 0.3)
MEAN_PROFIT, NOISE, N_FOLDS, N_OTHERS, N_COVARIATES = 1.0, 40.0, 5, 20_000, 6
N_CURVE, N_STEPS = 400_000, 20
CONFIDENCE = 0.95


def draw(n_households: int, spread: float, rng: np.random.Generator, noise_sd: float = NOISE) -> tuple[Evidence, Array]:
    """One study of two trials per household, and the true effect of each trial."""
    household = np.repeat(np.arange(n_households), 2)
    x = rng.normal(size=(len(household), N_COVARIATES))
    effect = ECONOMICS.contact_cost + MEAN_PROFIT + spread * (x[:, 0] + x[:, 1]) / np.sqrt(2)
    treated = (rng.random(len(x)) < 0.5).astype(float)
    noise = noise_sd / np.sqrt(2) * (rng.standard_t(5, n_households)[household] + rng.standard_t(5, len(x)))
    scores = effect + noise
    # A model that knows half of what there is to know.
    guess = effect.mean() + 0.5 * (effect - effect.mean()) + rng.normal(0, 0.5 * max(spread, 0.1), len(x))
    evidence = Evidence(
        scores=scores,
        outcome=treated * effect + noise,
        as_done=treated * scores,
        treated=treated,
        covariates=x,
        covariate_names=tuple(f"x{j}" for j in range(N_COVARIATES)),
        labels=pd.DataFrame(
            {
                "lookback_segment": np.digitize(x[:, 0], [-0.7, 0.7]).astype(str),
                "lookback_need": np.where(x[:, 2] > 0, "a", "b"),
                "campaign": 1,
            }
        ),
        cate=guess,
        standard_error=np.full(len(x), max(spread, 0.1)),
        by_model={},
        folds=household % N_FOLDS,
        households=household,
        n_listed=n_households,
    )
    return evidence, effect


def worth(policy: Policy, evidence: Evidence, others: Evidence, effect: Array) -> float:
    """Profit ($ per household) of a policy on other households, mean over the folds that it was fitted without."""
    found = []
    for _, rows, seen, _ in evidence.divisions():
        fitted = policy.fit(seen, ECONOMICS)
        weights = fitted.weights(others.covariates, others.labels, others.cate, others.standard_error)
        found.append(rows.mean() * float((weights * ECONOMICS.profit(effect)).mean()))
    return sum(found)


def study(n_households: int, spread: float, seed: int, noise: float = NOISE) -> tuple[str, Array, float]:
    """The winner of one study, whether each interval covers, and by how much its value exceeds the truth."""
    rng = np.random.default_rng([20261122, seed])
    evidence, _ = draw(n_households, spread, rng, noise)
    others, effect = draw(N_OTHERS // 2, spread, rng)
    available = {policy.name: policy for policy in policies(PolicySettings())}
    rivals = [one for one in valued(available.values(), evidence, ECONOMICS) if one.competes]
    values, covariance = joint(np.column_stack([one.profit for one in rivals]), evidence.households)
    found = winner(values, covariance, CONFIDENCE, seed)
    name = rivals[found.at].policy
    truth = worth(available[name], evidence, others, effect)
    usual = (found.value - 1.96 * found.se, found.value + 1.96 * found.se)
    covered = [low - 1e-9 <= truth <= high + 1e-9 for low, high in (usual, found.hybrid, found.simultaneous)]
    return name, np.array(covered, dtype=float), found.value - truth


def true_curves(spread: float) -> dict[str, Array]:
    """Heights of each curve at shares of 0, 1/20, ... 1, had the effects of 200,000 households been seen."""
    evidence, effect = draw(N_CURVE // 2, spread, np.random.default_rng(20261122), 0.0)
    profit = ECONOMICS.profit(effect)[np.argsort(-evidence.cate, kind="stable")]
    shares = np.linspace(0, 1, N_STEPS + 1)
    total = np.concatenate([[0.0], np.cumsum(profit) / len(profit)])
    value = total[np.round(shares * len(profit)).astype(int)]
    spent = ECONOMICS.contact_cost * shares
    roi = np.divide(value, spent, out=np.zeros_like(value), where=spent > 0)
    return {PROFIT: value, ROI: roi, QINI: value + spent, OVER_LOT: value - shares * value[-1]}


def curves_covered(n_households: int, spread: float, noise: float, seed: int, truth: dict[str, Array]) -> pd.DataFrame:
    """Of each curve of one study whether its band holds everywhere, and the share of points that intervals cover."""
    evidence, _ = draw(n_households, spread, np.random.default_rng([20261122, seed]), noise)
    curves = policy_curves(evidence, ECONOMICS, N_STEPS, CONFIDENCE, seed)
    at = np.round(curves["share_targeted"] * N_STEPS).astype(int)
    height = np.array([truth[name][place] for name, place in zip(curves["curve"], at, strict=True)])
    inside = {
        kind: curves[f"{kind}_lower"].le(height + 1e-9) & curves[f"{kind}_upper"].ge(height - 1e-9)
        for kind in ("band", "ci")
    }
    by_curve = pd.DataFrame(inside).groupby(curves["curve"])
    return pd.DataFrame({"band": by_curve["band"].all(), "interval": by_curve["ci"].mean()})


def report_curves(asked: argparse.Namespace) -> None:
    truth = true_curves(asked.spread)
    told = [
        curves_covered(asked.households, asked.spread, asked.noise, seed, truth).astype(float)
        for seed in range(asked.studies)
    ]
    print(f"{asked.studies} studies of {asked.households} households, spread ${asked.spread:g}, noise ${asked.noise:g}")
    print((sum(told[1:], told[0]) / len(told)).round(3).to_string())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=500)
    parser.add_argument("--households", type=int, default=600)
    parser.add_argument("--spread", type=float, default=6.0)
    parser.add_argument("--noise", type=float, default=NOISE)
    parser.add_argument("--curves", action="store_true")
    asked = parser.parse_args()
    start = time.process_time()
    if asked.curves:
        report_curves(asked)
        return
    told = [study(asked.households, asked.spread, seed, asked.noise) for seed in range(asked.studies)]
    covered = np.mean([covers for _, covers, _ in told], axis=0)
    print(f"{asked.studies} studies of {asked.households} households, spread ${asked.spread:g}")
    for label, share in zip(("usual", "hybrid", "simultaneous"), covered, strict=True):
        print(f"{label:>14}  {share:.3f}  (+- {1.96 * np.sqrt(share * (1 - share) / asked.studies):.3f})")
    print(f"winner's value above the truth: ${np.mean([excess for *_, excess in told]):.2f} per household")
    print(", ".join(f"{name} {count}" for name, count in Counter(name for name, *_ in told).most_common()))
    print(f"{time.process_time() - start:.0f} CPU s")


if __name__ == "__main__":
    main()
