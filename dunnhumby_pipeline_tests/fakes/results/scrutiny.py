"""Made-up but plausible tables of what could have been found, and of what refutes the analysis."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from dunnhumby_pipeline.causal.cate.power.power import detectable_spreads
from dunnhumby_pipeline.causal.cate.refutation.refutation import (
    AVERAGE,
    DOWHY,
    PROCEDURE,
    STUDY,
    row_of,
)
from dunnhumby_pipeline.causal.cate.refutation.replicas import (
    BOOTSTRAP,
    DUMMY,
    PLACEBO,
    RANDOM_CAUSE,
    SUBSET,
    UNOBSERVED,
)
from dunnhumby_pipeline.causal.cate.refutation.subjects import Answer
from dunnhumby_pipeline.causal.cate.selection import SCOREBOARD

# Share found by test at a spread of 1, in units of what is found half of the time.
_TESTS = {"gate": 1.0, "blp": 0.9, "autoc": 1.05, "proven": 1.08}
_OUTCOMES = {"gross_profit": 5.0, "purchase_amount": 17.0}
_REFUTERS = {PLACEBO: 0.0, DUMMY: 0.0, RANDOM_CAUSE: 5.0, SUBSET: 5.1, BOOTSTRAP: 4.8, UNOBSERVED: 3.9}


def study_power() -> pd.DataFrame:
    rows = []
    for outcome, se in _OUTCOMES.items():
        for multiple in (0.0, 2.0, 4.0, 6.0, 8.0, 12.0):
            n = 60 if multiple else 200
            for shape in ("none",) if multiple == 0 else ("all", "linear", "threshold"):
                of = {"outcome": outcome, "procedure": "reduced", "shape": shape, "spread": multiple * se, "n_draws": n}
                for test, hard in _TESTS.items():
                    share = float(np.round(n * stats.norm.cdf(-1.7 + 0.45 * multiple / hard)) / n)
                    found = {"measure": "found", "name": test, "n_counted": n * share, "share": share}
                    rows.append({**of, **found, "share_se": 0.04, "nominal": np.nan if multiple else 0.05})
                for name, share in (("average", 0.95), ("average_as_households", 0.95 / (1 + multiple))):
                    covered = {"measure": "covered", "name": name, "n_counted": n * share, "share": share}
                    rows.append({**of, **covered, "share_se": 0.03, "nominal": 0.95})
    return pd.DataFrame(rows).assign(certified=False)


def detectable_spread() -> pd.DataFrame:
    return detectable_spreads(study_power()).assign(certified=False)


def _drawn() -> list[tuple[str, str, str, np.ndarray, list[bool] | None]]:
    rng = np.random.default_rng(8)
    found: list[tuple[str, str, str, np.ndarray, list[bool] | None]] = []
    for refuter, mean in _REFUTERS.items():
        found.append((refuter, AVERAGE, STUDY, rng.normal(mean, 1.0, 8), None))
        found.append((refuter, PROCEDURE, STUDY, rng.normal(-0.5, 0.8, 8), [False] * 8))
        found.append((refuter, AVERAGE, DOWHY, rng.normal(mean, 1.0, 8), None))
    return found


def refutation() -> pd.DataFrame:
    observed = Answer(5.0, 3.5, 0.4, False)
    rows = [row_of(*key, values, observed, proven) for *key, values, proven in _drawn()]
    return pd.DataFrame(rows).assign(outcome="gross_profit", certified=False)


def refutation_draws() -> pd.DataFrame:
    return pd.concat(
        [
            pd.DataFrame({"value": values, "draw": range(len(values))}).assign(
                refuter=refuter, subject=subject, drawn_by=by, proven=np.nan if proven is None else 0.0
            )
            for refuter, subject, by, values, proven in _drawn()
        ],
        ignore_index=True,
    )


def certified_learners(chosen: str = "stack") -> pd.DataFrame:
    scores = (40026.0, 89900.0, 184.0, 71.0, 92.0, 71.0, 0.8, 0.8)
    rows = [
        (model, fold, *scores, model == chosen, None)
        for model in ("constant", "r_learner", "t_xgboost", "forest_dr", "stack")
        for fold in (-1, 0, 1)
    ]
    return pd.DataFrame(rows, columns=list(SCOREBOARD)).assign(certified=True)


def many_splits(certified: bool = False) -> pd.DataFrame:
    rows = [
        ("slope", 0.61, 0.04, 0.02, 1.2, np.nan),
        ("top_minus_bottom", 28.0, 0.09, -3.0, 59.0, np.nan),
        *(
            (f"group_{place}", 9.0 * place - 20, 0.2, 9.0 * place - 45, 9.0 * place + 5, np.nan)
            for place in range(1, 6)
        ),
        ("trait_recency", 1.1, 0.31, -1.0, 3.2, 0.62),
        ("trait_monetary_per_week", -52.4, 1e-6, -60.0, -44.0, 2e-6),
    ]
    frame = pd.DataFrame(rows, columns=["quantity", "estimate", "p", "ci_lower", "ci_upper", "p_holm"])
    return frame.assign(n_splits=50 if certified else 10, certified=certified)
