"""Do nuisances and estimators find effects that are known? Data of the 2016 Atlantic Causal Inference Conference.

    python -m benchmarks.acic

Covariates are real, treatment and outcomes simulated (Dorie, Hill, Shalit, Scott & Cervone 2019). The data come with
the package causallib: pip install causallib --no-deps. Of its ten data sets the first five are used. z is the error of
an estimate in its standard errors; the truth of the overlap-weighted effect is weighted by the estimated propensities.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from dunnhumby_pipeline.causal.estimators.doubly_robust import aipw, overlap_weighted
from dunnhumby_pipeline.causal.nuisance.cross_fit import cross_fit, residuals
from dunnhumby_pipeline.contracts.names import ALL_REPEATS, SPEND
from dunnhumby_pipeline.settings import NuisanceSettings

SETS = (1, 2, 3, 4, 5)
SEED = 20261122


def main(folder: Path) -> None:
    x = pd.get_dummies(pd.read_csv(folder / "x.csv"), drop_first=True).to_numpy(dtype=float)
    found = [known_truth(x, pd.read_csv(folder / f"zymu_{number}.csv"), SEED) for number in SETS]
    print(pd.DataFrame(found, index=pd.Index(SETS, name="set")).round(2).to_string())


def known_truth(x: np.ndarray, simulated: pd.DataFrame, seed: int) -> dict[str, float]:
    """Errors, in standard errors, of the effects estimated from (n, p) covariates and a table of z, y and mu."""
    treated, effect = simulated["z"].to_numpy(), (simulated["mu1"] - simulated["mu0"]).to_numpy()
    trials = pd.DataFrame({"household_key": np.arange(len(x)), "campaign": 1, "treated": treated})
    trials[SPEND] = np.where(treated == 1, simulated["y1"], simulated["y0"])
    began = time.process_time()
    fitted = cross_fit(trials, x, NuisanceSettings(), seed, [SPEND])
    seconds = time.process_time() - began
    data, everyone = residuals(trials, fitted.nuisances, SPEND), np.ones(len(x), dtype=bool)
    (ate, ate_se), (ato, ato_se) = aipw(data, everyone), overlap_weighted(data, everyone)
    in_overlap = np.average(effect, weights=data.propensity * (1 - data.propensity))
    quality = fitted.quality[fitted.quality["repeat"] == ALL_REPEATS].set_index("quantity")["value"]
    return {
        "z_ate": (ate - effect.mean()) / ate_se,
        "z_ato": (ato - in_overlap) / ato_se,
        **quality[["r2_control", "r2_treated", "propensity_auc"]],
        "bounded": fitted.nuisances["propensity_bounded"].mean(),
        "cpu_seconds": seconds,
    }


if __name__ == "__main__":
    package = importlib.util.find_spec("causallib")
    if package is None or not package.submodule_search_locations:
        sys.exit("the data are not installed: pip install causallib --no-deps")
    main(Path(package.submodule_search_locations[0]) / "datasets" / "data" / "acic_challenge_2016")
