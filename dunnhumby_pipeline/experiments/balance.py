"""Whether the arms of an assignment are alike before the test, by what is known of every household."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dunnhumby_pipeline.experiments.assignment import CONTACT, HOLD_OUT

COVARIATES = ("baseline_spend", "baseline_visits")


def assignment_balance(assignment: pd.DataFrame) -> pd.DataFrame:
    """One row per covariate: covariate, mean_contact, mean_hold_out, difference in standard deviations (`smd`, by the
    mean variance of both arms; 0 where it does not vary), and `smd_se`, what one random draw without strata would have.
    """
    arms = [assignment.loc[assignment["arm"] == arm] for arm in (CONTACT, HOLD_OUT)]
    error = float(np.sqrt(sum(1 / max(len(arm), 1) for arm in arms)))
    rows = []
    for name in COVARIATES:
        contact, held = (arm[name].to_numpy(dtype=float) for arm in arms)
        spread = float(np.sqrt((contact.var() + held.var()) / 2))
        away = float(contact.mean() - held.mean())
        rows.append((name, contact.mean(), held.mean(), away / spread if spread > 0 else 0.0, error))
    return pd.DataFrame(rows, columns=["covariate", "mean_contact", "mean_hold_out", "smd", "smd_se"])
