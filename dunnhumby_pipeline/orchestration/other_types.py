"""What lies on disk of the campaign types beside the one that is studied."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from dunnhumby_pipeline.contracts.schema import CAMPAIGN_TYPES
from dunnhumby_pipeline.engine.tables import read_table
from dunnhumby_pipeline.orchestration.platform.resources import Study

if TYPE_CHECKING:
    from dunnhumby_pipeline.causal.effects.campaign_types import TypeStudy

_STUDIED = ("trial_campaigns", "first_campaign_cohort", "nuisances", "average_effects")


def others(study: Study, own: str) -> tuple[list[TypeStudy], pd.DataFrame | None, dict[str, tuple[pd.DataFrame, str]]]:
    """Of the types other than `own`: the studies whose tables lie on disk and are of the same campaigns and windows;
    the rows on windows that run over the next campaign, of their own tables; and, of those without a study, campaigns
    and the reason.
    """
    from dunnhumby_pipeline.causal.design.campaigns import same_windows
    from dunnhumby_pipeline.causal.effects import campaign_types as types

    studies, told, not_studied = [], [], {}
    for campaign_type in (each for each in CAMPAIGN_TYPES if each != own):
        paths = {name: study.table(name, campaign_type) for name in (*_STUDIED, "campaign_types")}
        planned = types.planned(study.journey_tables(), campaign_type, study.settings)
        found = {name: read_table(paths[name]) for name in _STUDIED if paths[name].is_file()}
        if len(found) < len(_STUDIED):
            built = None if "trial_campaigns" not in found else len(found.get("first_campaign_cohort", ()))
            not_studied[campaign_type] = (planned, types.why_not(planned, campaign_type, built))
        elif not same_windows(found["trial_campaigns"], planned):
            reason = f"its tables are of other data or settings: dunnhumby run --campaign-type {campaign_type}"
            not_studied[campaign_type] = (planned, reason)
        else:
            lacking = types.not_identified(found["average_effects"])
            campaigns, trials, nuisances = (found[name] for name in _STUDIED[:3])
            studies.append(types.TypeStudy(campaign_type, types.NEXT_ENDS, campaigns, trials, nuisances, lacking))
            if paths["campaign_types"].is_file():
                rows = read_table(paths["campaign_types"])
                told.append(rows.loc[(rows["campaign_type"] == campaign_type) & (rows["windows"] == types.RUNS_ON)])
    return studies, pd.concat(told) if told else None, not_studied
