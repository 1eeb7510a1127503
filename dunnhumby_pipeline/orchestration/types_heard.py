"""Which campaign types have a say in whom a type contacts: those whose decisions, as they lie on disk, are of today."""

from __future__ import annotations

import math

import pandas as pd

from dunnhumby_pipeline.contracts.schema import CAMPAIGN_TYPES
from dunnhumby_pipeline.engine.tables import read_table
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.storage import stale_mark

DECISIONS = "household_decisions"


def decided(
    study: Study, own: str, contact_cost: float, as_of_day: int
) -> tuple[dict[str, pd.DataFrame], dict[str, str]]:
    """Of the types other than `own`: what they decide for households, as it lies on disk; and why a type is not heard.

    Heard is a type whose campaigns and windows are those that data and settings imply today, whose list was rebuilt
    when it last could be, and that decided as of the same day (`as_of_day`) at the same contact cost ($).
    """
    from dunnhumby_pipeline.causal.design.campaigns import plan_campaigns, same_windows
    from dunnhumby_pipeline.features.windows import observed_days

    tables, settings = study.journey_tables(), study.settings
    campaigns, days = read_table(tables["campaigns"]), observed_days(tables["transactions"], settings.engine)
    heard, unheard = {}, {}
    for campaign_type in (each for each in CAMPAIGN_TYPES if each != own):
        again = f"dunnhumby run --campaign-type {campaign_type}"
        path = study.table(DECISIONS, campaign_type)
        windows = study.table("trial_campaigns", campaign_type)
        planned = plan_campaigns(campaigns, campaign_type, *days, settings.trial)
        if not path.is_file() or not windows.is_file():
            unheard[campaign_type] = f"its households are not decided: {again}"
            continue
        found = read_table(path)
        if not same_windows(read_table(windows), planned) or found.empty or found["as_of_day"].iloc[0] != as_of_day:
            unheard[campaign_type] = f"its tables are of other data or settings: {again}"
        elif stale_mark(study.table("targeting_list", campaign_type)).is_file():
            unheard[campaign_type] = f"its list was not rebuilt when it should have been: {again}"
        elif not math.isclose(found["contact_cost"].iloc[0], contact_cost):
            unheard[campaign_type] = f"it was decided at another contact cost: {again}"
        else:
            heard[campaign_type] = found
    return heard, unheard
