"""How many households are left at each step from the data to the two arms."""

from __future__ import annotations

import pandas as pd

from dunnhumby_pipeline.causal.design.enrolment import SEEN, Enrolment
from dunnhumby_pipeline.contracts.names import ALL_CAMPAIGNS

TRIALS, TREATED, CONTROL, LEFT_OUT = "trials", "treated", "control", "campaign left out"


def trial_flow(enrolment: Enrolment, campaigns: pd.DataFrame, listed: pd.DataFrame) -> pd.DataFrame:
    """Counts as in a CONSORT flow diagram (Schulz et al. 2010): campaign, step, stage, n, n_excluded, reason.

    One block of rows for 'all', one per used campaign; one row per campaign left out. `n` households are left at a
    stage, after `n_excluded` were left out at it for `reason`: n of a step = n of the step before - n_excluded, up
    to the stage 'trials', which the stages 'treated' and 'control' add up to. For 'all', a household counts once
    per campaign. A campaign left out has n 0, and leaves out the households it lists.
    """
    used = campaigns.loc[campaigns["used"], "campaign"]
    candidates = enrolment.candidates
    rows = _block(enrolment, candidates, ALL_CAMPAIGNS)
    for campaign in used:
        rows += _block(enrolment, candidates.loc[candidates["campaign"] == campaign], str(campaign))
    n_listed = listed["campaign"].value_counts()
    for left_out in campaigns.loc[~campaigns["used"]].itertuples():
        rows.append((str(left_out.campaign), 1, LEFT_OUT, 0, int(n_listed.get(left_out.campaign, 0)), left_out.reason))
    frame = pd.DataFrame(rows, columns=["campaign", "step", "stage", "n", "n_excluded", "reason"])
    return frame.astype({"campaign": "str", "stage": "str", "reason": "str"})


def _block(enrolment: Enrolment, candidates: pd.DataFrame, campaign: str) -> list[tuple]:
    rows: list[tuple] = [(campaign, 1, SEEN, len(candidates), 0, None)]
    for step, condition in enumerate(enrolment.conditions, start=1):
        left = int((candidates["n_met"] >= step).sum())
        rows.append((campaign, step + 1, condition.stage, left, rows[-1][3] - left, condition.reason))
    trials = candidates.loc[candidates["n_met"] == len(enrolment.conditions)]
    n_treated = int(trials["treated"].sum())
    for stage, n in ((TRIALS, len(trials)), (TREATED, n_treated), (CONTROL, len(trials) - n_treated)):
        rows.append((campaign, len(rows) + 1, stage, n, 0, None))
    return rows
