"""Judgements of what is known of households contacted before."""

from __future__ import annotations

import pandas as pd

from dunnhumby_pipeline.contracts.names import ALL_CAMPAIGNS
from dunnhumby_pipeline.orchestration.checks.verdict import Verdict
from dunnhumby_pipeline.settings import CheckSettings


def repeat_told(support: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """Trials of a repeat say what another contact does to households contacted before."""
    whole = support.loc[support["campaign"].astype(str) == ALL_CAMPAIGNS].iloc[0]
    counts = {"n_treated": int(whole["n_treated"]), "n_control": int(whole["n_control"])}
    if pd.notna(whole["lacking"]):
        return Verdict(False, f"nothing is known of a repeat: {whole['lacking']}", counts)
    text = f"{counts['n_treated']:,} trials of a repeat and {counts['n_control']:,} of none"
    text = f"{text}, {whole['share_in_overlap']:.0%} in overlap"
    return Verdict(
        True, f"{text}, apart by {whole['max_smd_weighted']:.2f} standard deviations after weighting", counts
    )
