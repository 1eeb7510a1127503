"""The campaigns of one type: their windows, which are studied, and why the others are not."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from dunnhumby_pipeline.contracts.names import NEVER_TARGETED
from dunnhumby_pipeline.settings import TrialSettings

CAMPAIGN_COLUMNS = [
    "campaign",
    "start_day",
    "end_day",
    "index_day",
    "lookback_start",
    "outcome_end",
    "lookback_days",
    "used",
    "reason",
    "overlaps_with",
]


_WINDOWS = ["campaign", "index_day", "lookback_start", "outcome_end"]


class CohortError(Exception):
    """No trial can be built. The message names the campaign or setting that prevents it."""


def plan_campaigns(
    campaigns: pd.DataFrame,
    campaign_type: str,
    first_day: int,
    last_day: int,
    settings: TrialSettings,
    windows_overlap: bool = False,
) -> pd.DataFrame:
    """All campaigns of a type, in order of their first day, as `CAMPAIGN_COLUMNS`; days as in the data.

    The outcome window ends follow_up_days after the campaign, or the day before the type's next campaign; for both
    arms alike. `used` is false, with a `reason`, for campaigns with too little history, campaigns that had not ended
    when the data end, campaigns whose outcome window is shorter than min_window_days, as when the type's next campaign
    comes soon after, and campaigns whose outcome window the data cut short: with keep_cut_campaigns those are used,
    and end with the data. `outcome_end` of a campaign left out is where it would have been. `overlaps_with`: ids
    of the type's campaigns that ran on some of the same days, empty when none did.

    With `windows_overlap` the type's next campaign ends no window.

    For the design 'never_targeted' the look-back is all that lies before the campaign, and the outcome window
    stops at no other campaign and ends with the data at the latest, as in the reference study.
    """
    planned = campaigns.loc[campaigns["description"] == campaign_type].sort_values(["start_day", "campaign"])
    planned = planned.reset_index(drop=True)
    as_reference = settings.design == NEVER_TARGETED
    start = planned["start_day"]
    begin = start - settings.look_back_days if not as_reference else start.clip(upper=first_day)
    lookback_start = begin.clip(lower=first_day).clip(upper=start)
    outcome_end = planned["end_day"] + settings.follow_up_days
    if not as_reference and not windows_overlap:
        starts = start.drop_duplicates()
        next_start = start.map(dict(zip(starts, starts.shift(-1), strict=True)))
        outcome_end = outcome_end.where(next_start.isna() | (outcome_end < next_start), next_start - 1)
    short = start - first_day < settings.min_history_days
    unfinished = planned["end_day"] > last_day
    cut = (outcome_end > last_day) & ~unfinished
    if settings.keep_cut_campaigns or as_reference:
        outcome_end = outcome_end.where(~cut, last_day)
        cut &= False
    reason = pd.Series(None, index=planned.index, dtype=object)
    reason[cut] = [_cut_short(int(end), last_day) for end in outcome_end[cut]]
    days_seen = outcome_end + 1 - start
    brief = days_seen < settings.min_window_days
    reason[brief] = [
        f"its outcome window has {days_in_words(max(int(n), 0))}, fewer than {settings.min_window_days}"
        for n in days_seen[brief]
    ]
    reason[unfinished] = f"it had not ended on the last day of the data, {last_day}"
    reason[short] = f"fewer than {settings.min_history_days} days of data lie before its first day"
    days = {"index_day": start, "lookback_start": lookback_start, "outcome_end": outcome_end}
    planned = planned[["campaign", "start_day", "end_day"]].assign(**days, lookback_days=start - lookback_start)
    planned = planned.astype("int64").assign(
        used=reason.isna(), reason=reason.astype("str"), overlaps_with=_overlaps(planned)
    )
    return planned[CAMPAIGN_COLUMNS]


def leave_out(campaigns: pd.DataFrame, reasons: Mapping[int, str]) -> pd.DataFrame:
    """`campaigns` with those in `reasons`, by id, left out for it; those left out already keep their reason."""
    newly = campaigns["used"] & campaigns["campaign"].isin(list(reasons))
    found = campaigns["campaign"].map(dict(reasons)).astype("str")
    return campaigns.assign(used=campaigns["used"] & ~newly, reason=campaigns["reason"].where(~newly, found))


def studied(campaigns: pd.DataFrame) -> pd.DataFrame:
    """The campaigns that are used."""
    return campaigns.loc[campaigns["used"]].reset_index(drop=True)


def same_windows(campaigns: pd.DataFrame, others: pd.DataFrame) -> bool:
    """Whether two plans (`CAMPAIGN_COLUMNS`) are of the same campaigns, in one order, with the same windows."""
    return campaigns[_WINDOWS].equals(others[_WINDOWS])


def windows_of(campaigns: pd.DataFrame, first: str, end: str, shift: int = 0) -> pd.DataFrame:
    """Windows as queries want them, one per campaign: [`first`, `end` + `shift`), both names of columns of days."""
    frame = pd.DataFrame(
        {"window": campaigns["campaign"], "first_day": campaigns[first], "index_day": campaigns[end] + shift}
    )
    return frame.astype({"window": "int64", "first_day": "int32", "index_day": "int32"})


def in_words(campaigns: pd.DataFrame) -> str:
    """The campaigns used and those left out, one per line."""
    used, left_out = campaigns.loc[campaigns["used"]], campaigns.loc[~campaigns["used"]]
    lines = [
        f"- campaign {row.campaign}: index day {row.index_day}, look-back of {row.lookback_days} days, "
        f"outcome window to day {row.outcome_end}"
        + (f"; it ran on days of campaign {row.overlaps_with} too" if row.overlaps_with else "")
        for row in used.itertuples()
    ]
    return "\n".join([*lines, *(f"- campaign {row.campaign} left out: {row.reason}" for row in left_out.itertuples())])


def reasons_in_words(campaigns: pd.DataFrame) -> str:
    """In one sentence, why each campaign that is left out is; or that the type has no campaign."""
    reasons = "; ".join(f"campaign {row.campaign}: {row.reason}" for row in campaigns.itertuples() if not row.used)
    return reasons or "there is no campaign of this type"


def days_in_words(n: int) -> str:
    """'1 day', '3 days'."""
    return f"{n} day" if n == 1 else f"{n} days"


def _cut_short(outcome_end: int, last_day: int) -> str:
    missing = days_in_words(outcome_end - last_day)
    return f"the data end on day {last_day}, {missing} before its outcome window would, on day {outcome_end}"


def _overlaps(campaigns: pd.DataFrame) -> pd.Series:
    """Ids of the other campaigns that ran on some of the same days, by campaign."""
    found = []
    for campaign in campaigns.itertuples():
        together = (campaigns["start_day"] <= campaign.end_day) & (campaigns["end_day"] >= campaign.start_day)
        others = campaigns.loc[together & (campaigns["campaign"] != campaign.campaign), "campaign"]
        found.append(", ".join(str(other) for other in others))
    return pd.Series(found, index=campaigns.index, dtype="str")
