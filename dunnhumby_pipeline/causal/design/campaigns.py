"""Waves of a campaign type: their windows, which are studied, and why the others are not."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from dunnhumby_pipeline.contracts.names import NEVER_TARGETED
from dunnhumby_pipeline.settings import TrialSettings

WAVE_COLUMNS = [
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


class CohortError(Exception):
    """No trial can be built. The message says which wave or setting stands in the way."""


def plan_waves(
    campaigns: pd.DataFrame, campaign_type: str, first_day: int, last_day: int, settings: TrialSettings
) -> pd.DataFrame:
    """All waves of a type, in order of their first day, as `WAVE_COLUMNS`; days as in the data.

    The outcome window ends follow_up_days after the wave, or the day before the type's next wave; for both
    arms alike. `used` is false, with a `reason`, for waves with too little history, waves that had not ended
    when the data end, waves whose outcome window is shorter than min_window_days, as when the type's next wave
    comes soon after, and waves whose outcome window the data cut short: with keep_cut_waves those are used,
    and end with the data. `outcome_end` of a wave left out is where it would have been. `overlaps_with`: ids
    of the type's waves that ran on some of the same days, empty when none did.

    For the design 'never_targeted' the look-back is all that lies before the wave, and the outcome window
    stops at no other wave and ends with the data at the latest, as in the reference study.
    """
    waves = campaigns.loc[campaigns["description"] == campaign_type].sort_values(["start_day", "campaign"])
    waves = waves.reset_index(drop=True)
    as_reference = settings.design == NEVER_TARGETED
    start = waves["start_day"]
    begin = start - settings.look_back_days if not as_reference else start.clip(upper=first_day)
    lookback_start = begin.clip(lower=first_day).clip(upper=start)
    outcome_end = waves["end_day"] + settings.follow_up_days
    if not as_reference:
        starts = start.drop_duplicates()
        next_start = start.map(dict(zip(starts, starts.shift(-1), strict=True)))
        outcome_end = outcome_end.where(next_start.isna() | (outcome_end < next_start), next_start - 1)
    short = start - first_day < settings.min_history_days
    unfinished = waves["end_day"] > last_day
    cut = (outcome_end > last_day) & ~unfinished
    if settings.keep_cut_waves or as_reference:
        outcome_end = outcome_end.where(~cut, last_day)
        cut &= False
    reason = pd.Series(None, index=waves.index, dtype=object)
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
    waves = waves[["campaign", "start_day", "end_day"]].assign(**days, lookback_days=start - lookback_start)
    waves = waves.astype("int64").assign(
        used=reason.isna(), reason=reason.astype("str"), overlaps_with=_overlaps(waves)
    )
    return waves[WAVE_COLUMNS]


def leave_out(waves: pd.DataFrame, reasons: Mapping[int, str]) -> pd.DataFrame:
    """`waves` with those in `reasons`, by id, left out for it; those left out already keep their reason."""
    newly = waves["used"] & waves["campaign"].isin(list(reasons))
    found = waves["campaign"].map(dict(reasons)).astype("str")
    return waves.assign(used=waves["used"] & ~newly, reason=waves["reason"].where(~newly, found))


def studied(waves: pd.DataFrame) -> pd.DataFrame:
    """The waves that are used."""
    return waves.loc[waves["used"]].reset_index(drop=True)


def windows_of(waves: pd.DataFrame, first: str, end: str, shift: int = 0) -> pd.DataFrame:
    """Windows as queries want them, one a wave: from the day in column `first` up to, and without, `end` + `shift`."""
    frame = pd.DataFrame({"window": waves["campaign"], "first_day": waves[first], "index_day": waves[end] + shift})
    return frame.astype({"window": "int64", "first_day": "int32", "index_day": "int32"})


def in_words(waves: pd.DataFrame) -> str:
    """The waves used and left out, a line each."""
    used, left_out = waves.loc[waves["used"]], waves.loc[~waves["used"]]
    lines = [
        f"- campaign {row.campaign}: index day {row.index_day}, look-back of {row.lookback_days} days, "
        f"outcome window to day {row.outcome_end}"
        + (f"; it ran on days of campaign {row.overlaps_with} too" if row.overlaps_with else "")
        for row in used.itertuples()
    ]
    return "\n".join([*lines, *(f"- campaign {row.campaign} left out: {row.reason}" for row in left_out.itertuples())])


def reasons_in_words(waves: pd.DataFrame) -> str:
    """Why each wave left out is, in one sentence; that there is none when there is no wave."""
    reasons = "; ".join(f"campaign {row.campaign}: {row.reason}" for row in waves.itertuples() if not row.used)
    return reasons or "there is no wave of this type"


def days_in_words(n: int) -> str:
    """'1 day', '3 days'."""
    return f"{n} day" if n == 1 else f"{n} days"


def _cut_short(outcome_end: int, last_day: int) -> str:
    missing = days_in_words(outcome_end - last_day)
    return f"the data end on day {last_day}, {missing} before its outcome window would, on day {outcome_end}"


def _overlaps(waves: pd.DataFrame) -> pd.Series:
    """Ids of the other waves that ran on some of the same days, by wave."""
    found = []
    for wave in waves.itertuples():
        together = (waves["start_day"] <= wave.end_day) & (waves["end_day"] >= wave.start_day)
        others = waves.loc[together & (waves["campaign"] != wave.campaign), "campaign"]
        found.append(", ".join(str(other) for other in others))
    return pd.Series(found, index=waves.index, dtype="str")
