"""Whom the next campaign contacts when it keeps a share of chance, so that the study after it has both arms of all.

Epsilon-greedy: of the households to leave a share is contacted all the same, and of those to target as large a share is
held out, drawn by lot; those to be tested are contacted or held out as their experiment says. The chance that every
household had of being contacted is logged, and the next study takes it for its propensity, which then is known.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from dunnhumby_pipeline.contracts.frames import without_rows
from dunnhumby_pipeline.contracts.names import TARGET
from dunnhumby_pipeline.contracts.registry import table
from dunnhumby_pipeline.experiments.assignment import CONTACT, _systematic
from dunnhumby_pipeline.experiments.registration import ExperimentError

BY_DECISION, BY_LOT, BY_EXPERIMENT = "decision", "exploration", "experiment"
COLUMNS = ["household_key", "decision", "contact", "propensity", "drawn_by", "segment", "campaign_type", "seed"]
LOGGED = ["household_key", "campaign", "propensity", "contact"]


def contact_plan(
    targeting_list: pd.DataFrame, assignment: pd.DataFrame, exploration: float, campaign_type: str, seed: int
) -> pd.DataFrame:
    """Who is contacted at the next campaign, and the chance of it (columns `COLUMNS`, by household).

    `exploration`: the share drawn against the decision, within segments; 0 gives no rows, as nothing is drawn then.
    Households of the `assignment` (table experiment_assignment) have its arm; others to be tested, of whom no
    experiment is assigned, are drawn as those to leave are. Households that may not be contacted, by the list's column
    suppression, are in no plan; targets that the list holds out by lot (its column arm) stay so, with its chance.
    """
    if exploration == 0 or targeting_list.empty:
        return without_rows(table("contact_plan"))
    frame = targeting_list.sort_values("household_key").reset_index(drop=True)
    if "suppression" in frame.columns:
        frame = frame.loc[frame["suppression"].isna()].reset_index(drop=True)
    rng = np.random.default_rng(seed)
    target = (frame["decision"] == TARGET).to_numpy()
    # One draw over all strata: who goes against the decision.
    against = _systematic(frame["decision"] + " " + frame["segment"].astype(str), exploration, rng)
    contact, propensity = target ^ against, np.where(target, 1 - exploration, exploration)
    drawn = np.where(against, BY_LOT, BY_DECISION).astype(object)
    if "arm" in frame.columns:
        own = frame["arm"].notna().to_numpy() & target
        held = (frame["arm"] != CONTACT).to_numpy()
        chance = frame["arm_probability"].to_numpy(dtype=float)
        contact = np.where(own, ~held, contact)
        propensity = np.where(own, np.where(held, 1 - chance, chance), propensity)
        drawn = np.where(own, np.where(held, BY_LOT, BY_DECISION), drawn)
    arms = assignment.set_index("household_key")
    tested = frame["household_key"].isin(arms.index).to_numpy()
    of_arm = arms.reindex(frame["household_key"])
    in_contact = (of_arm["arm"] == CONTACT).to_numpy()
    share = of_arm["probability"].to_numpy(dtype=float)
    return frame.assign(
        contact=np.where(tested, in_contact, contact).astype(bool),
        propensity=np.where(tested, np.where(in_contact, share, 1 - share), propensity),
        drawn_by=np.where(tested, BY_EXPERIMENT, drawn),
        campaign_type=campaign_type,
        seed=seed,
    )[COLUMNS]


def logged(plan: pd.DataFrame, campaign: str) -> pd.DataFrame:
    """The plan as the next study reads it (columns `LOGGED`), under the id that the campaign will have in the data.

    Raises ExperimentError where nothing was drawn, or chances are none.
    """
    if plan.empty:
        raise ExperimentError(
            "no household is contacted by lot; set experiment.exploration to a share above 0, such as 0.1, and run"
        )
    if not plan["propensity"].between(0, 1, inclusive="neither").all():
        raise ExperimentError(
            "a household of the plan has no chance of one arm, so nothing would be learnt of it; expected "
            "contact.holdout_share and experiment.exploration both above 0"
        )
    return plan.assign(campaign=campaign)[LOGGED]
