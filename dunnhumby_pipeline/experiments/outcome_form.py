"""The file that is filled in when a test is over: a row per household, with what the reading asks for."""

from __future__ import annotations

import pandas as pd

from dunnhumby_pipeline.experiments.registration import Registration
from dunnhumby_pipeline.experiments.registration_page import outcome_columns


def outcome_form(assignment: pd.DataFrame, plan: Registration) -> pd.DataFrame:
    """household_key, assignment_hash and arm of every household that is tested, in the order of the assignment; with
    days_observed, the outcomes that profit is made from ($), and contacted still empty.
    """
    form = assignment[["household_key", "assignment_hash", "arm"]].reset_index(drop=True)
    return form.assign(**dict.fromkeys(("days_observed", *outcome_columns(plan), "contacted")))
