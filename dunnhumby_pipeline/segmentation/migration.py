"""Whether a segment means the same next month: the fitted segmentation over rolling look-backs.

A *period* is a look-back that ends some steps before the last day; each household is assigned from that look-back
alone. Periods one step apart share most of their days, so that few can move: `shared_days` says how many, and pairs
without any are compared as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from dunnhumby_pipeline.features.catalogue import FACTORED
from dunnhumby_pipeline.segmentation.drift import psi, share_psi
from dunnhumby_pipeline.settings import MigrationSettings

ABSENT = "(no purchase)"
SPEND = "monetary_sales"
Assignment = Callable[[pd.DataFrame], pd.Series]


class MigrationError(ValueError):
    """Segments cannot be followed over time. The message says what is missing and how to mend it."""


@dataclass(frozen=True)
class MigrationTables:
    """Columns as in the functions of the same names."""

    segment_migration: pd.DataFrame
    migration_summary: pd.DataFrame
    segment_drift: pd.DataFrame
    early_warning: pd.DataFrame
    warning_evidence: pd.DataFrame


def migration_windows(first_day: int, last_day: int, settings: MigrationSettings) -> pd.DataFrame:
    """One window a period, numbered from 0, the earliest: window, first_day, index_day. The last ends on `last_day`.

    Raises MigrationError when the days hold fewer than two periods.
    """
    span = last_day - first_day + 1
    n_periods = (span - settings.look_back_days) // settings.step_days + 1
    if n_periods < 2:
        raise MigrationError(
            f"migration.look_back_days ({settings.look_back_days}) and one step of migration.step_days "
            f"({settings.step_days}) need {settings.look_back_days + settings.step_days} days, found {span} days, "
            f"{first_day} to {last_day}; shorten them"
        )
    index_day = last_day + 1 - settings.step_days * np.arange(n_periods)[::-1]
    frame = pd.DataFrame(
        {"window": range(n_periods), "first_day": index_day - settings.look_back_days, "index_day": index_day}
    )
    return frame.astype({"window": "int64", "first_day": "int32", "index_day": "int32"})


def assign_periods(features: pd.DataFrame, assign: Assignment) -> pd.DataFrame:
    """Segment and spend of each household in each period it bought in: window, household_key, segment, spend ($).

    `features`: `customer_features` of `migration_windows`; `assign` gives the segment of each of its rows, from the
    rows of the same window alone. Raises MigrationError when a row gets none.
    """
    segments = assign(features)
    if len(segments) != len(features) or segments.isna().any():
        raise MigrationError(
            f"the assignment gave {int(segments.notna().sum())} segments to {len(features)} households and periods; "
            "it must give one to each"
        )
    return pd.DataFrame(
        {
            "window": features["window"].to_numpy(),
            "household_key": features["household_key"].to_numpy(),
            "segment": segments.to_numpy(dtype=object),
            "spend": features[SPEND].to_numpy(dtype=float),
        }
    ).astype({"segment": "str"})


def migration_tables(
    features: pd.DataFrame,
    windows: pd.DataFrame,
    assign: Assignment,
    value_tiers: Mapping[str, str],
    settings: MigrationSettings,
    drifting: tuple[str, ...] = FACTORED,
) -> MigrationTables:
    """All tables of migration, from the features of every household in every period.

    `value_tiers`: 'high', 'mid' or 'low' of each segment (`segment_profiles`); `drifting`: whose drift is told.
    Raises MigrationError as the functions it calls do, and when a period has no household.
    """
    periods = assign_periods(features, assign)
    empty = sorted(set(windows["window"]) - set(periods["window"]))
    if empty:
        raise MigrationError(
            f"nobody bought in the periods {empty}; set migration.look_back_days to where there are lines"
        )
    pairs = period_pairs(windows)
    flows = segment_migration(periods, pairs)
    return MigrationTables(
        segment_migration=flows,
        migration_summary=migration_summary(flows, windows, value_tiers),
        segment_drift=segment_drift(features, periods, pairs, drifting, settings.n_bins),
        early_warning=early_warning(periods, windows, value_tiers, settings),
        warning_evidence=warning_evidence(periods, windows, value_tiers, settings),
    )


def period_pairs(windows: pd.DataFrame) -> list[tuple[int, int]]:
    """Pairs of periods to compare, earlier first: neighbours, and each with the first that shares no day with it."""
    ordered = windows.sort_values("window")
    numbers = ordered["window"].tolist()
    apart = [
        (int(one.window), int(ordered.loc[ordered["first_day"] >= one.index_day, "window"].min()))
        for one in ordered.itertuples()
        if (ordered["first_day"] >= one.index_day).any()
    ]
    return [*pairwise(numbers), *(pair for pair in apart if pair not in set(pairwise(numbers)))]


def segment_migration(periods: pd.DataFrame, pairs: list[tuple[int, int]]) -> pd.DataFrame:
    """Who went where: from_period, to_period, from_segment, to_segment, n (households), share (of from_segment).

    A household that bought in one of the two periods alone comes from, or goes to, '(no purchase)'. All cells are
    there, zeros too, but those of a state nobody left have no row: shares of a from_segment sum to 1.
    """
    states = [*sorted(periods["segment"].unique()), ABSENT]
    wide = _wide(periods, states)
    size = len(states)
    tables = []
    for before, after in pairs:
        old, new = wide[before].to_numpy(), wide[after].to_numpy()
        # Someone who bought in neither has not moved: they are not there.
        here = (old < size - 1) | (new < size - 1)
        counts = np.bincount(old[here] * size + new[here], minlength=size * size).reshape(size, size)
        left = counts.sum(axis=1)
        for row in np.flatnonzero(left):
            tables.append(
                pd.DataFrame(
                    {
                        "from_period": before,
                        "to_period": after,
                        "from_segment": states[row],
                        "to_segment": states,
                        "n": counts[row],
                        "share": counts[row] / left[row],
                    }
                )
            )
    return pd.concat(tables, ignore_index=True)


def migration_summary(flows: pd.DataFrame, windows: pd.DataFrame, value_tiers: Mapping[str, str]) -> pd.DataFrame:
    """How alike two periods are: from_period, to_period, from_day and to_day (last days), shared_days, n, ari,
    share_staying, share_staying_tier, n_left, n_joined.

    n: households that bought in both; ari: adjusted Rand index of their segments (Hubert & Arabie 1985), NaN below two
    households; share_staying: of them, in the same segment; share_staying_tier: in one of the same value tier; n_left
    and n_joined bought in one of the two alone. Raises MigrationError when a segment has no tier.
    """
    _check_tiers((set(flows["from_segment"]) | set(flows["to_segment"])) - {ABSENT}, value_tiers)
    span = windows.set_index("window")
    rows = []
    for (before, after), pair in flows.groupby(["from_period", "to_period"], sort=False):
        absent_before, absent_after = pair["from_segment"] == ABSENT, pair["to_segment"] == ABSENT
        both = pair[~absent_before & ~absent_after]
        n = int(both["n"].sum())
        staying = int(both.loc[both["from_segment"] == both["to_segment"], "n"].sum())
        same_tier = both["from_segment"].map(value_tiers) == both["to_segment"].map(value_tiers)
        rows.append(
            {
                "from_period": before,
                "to_period": after,
                "from_day": int(span.at[before, "index_day"]) - 1,
                "to_day": int(span.at[after, "index_day"]) - 1,
                "shared_days": _shared_days(windows, before, after),
                "n": n,
                "ari": _adjusted_rand(both.pivot(index="from_segment", columns="to_segment", values="n").to_numpy()),
                "share_staying": staying / n if n else float("nan"),
                "share_staying_tier": int(both.loc[same_tier, "n"].sum()) / n if n else float("nan"),
                "n_left": int(pair.loc[absent_after, "n"].sum()),
                "n_joined": int(pair.loc[absent_before, "n"].sum()),
            }
        )
    return pd.DataFrame(rows)


def segment_drift(
    features: pd.DataFrame,
    periods: pd.DataFrame,
    pairs: list[tuple[int, int]],
    drifting: tuple[str, ...],
    n_bins: int,
) -> pd.DataFrame:
    """Population stability index between periods: from_period, to_period, kind ('feature' or 'segment mix'), name, psi.

    Features are taken as they are. Segments rest on percentiles within a period, so the mix can hold still while
    everybody spends less: read both.
    """
    missing = [name for name in drifting if name not in features.columns]
    if missing:
        raise MigrationError(f"features lack {', '.join(missing)}; found {', '.join(features.columns)}")
    by_period = dict(iter(features[["window", *drifting]].groupby("window")))
    mix = pd.crosstab(periods["window"], periods["segment"])
    rows = []
    for before, after in pairs:
        moved = share_psi(mix.loc[before].to_numpy(dtype=float), mix.loc[after].to_numpy(dtype=float))
        rows.append((before, after, "segment mix", "segment", moved))
        rows += [
            (before, after, "feature", name, psi(by_period[before][name], by_period[after][name], n_bins))
            for name in drifting
        ]
    return pd.DataFrame(rows, columns=["from_period", "to_period", "kind", "name", "psi"])


def early_warning(
    periods: pd.DataFrame, windows: pd.DataFrame, value_tiers: Mapping[str, str], settings: MigrationSettings
) -> pd.DataFrame:
    """Households that fall from high value, the largest loss first.

    They were in a segment of high value `warning_steps` periods before the last (or in the first period, when there
    are fewer), are in another tier or bought nothing in the last, and spend at least `warning_fall` less: a household
    on the border of two segments that spends as before is no warning.
    Columns: household_key, from_period, to_period, from_segment, to_segment, to_tier ('mid', 'low' or 'absent'),
    spend_before, spend_after ($ in the period), change ($), change_share.
    Spend that was low by chance recovers by itself: `warning_evidence` says how much of it did.
    Raises MigrationError when a segment has no tier.
    """
    _check_tiers(set(periods["segment"]), value_tiers)
    numbers = sorted(windows["window"])
    after = numbers[-1]
    before = numbers[max(len(numbers) - 1 - settings.warning_steps, 0)]
    columns = ["household_key", "segment", "spend"]
    old = periods.loc[periods["window"] == before, columns]
    old = old[old["segment"].map(value_tiers) == "high"]
    new = periods.loc[periods["window"] == after, columns]
    both = old.merge(new, on="household_key", how="left", suffixes=("_before", "_after"))
    both["spend_after"] = both["spend_after"].fillna(0.0)
    both["to_segment"] = both["segment_after"].fillna(ABSENT)
    both["to_tier"] = both["segment_after"].map(value_tiers).fillna("absent")
    both["change"] = both["spend_after"] - both["spend_before"]
    both["change_share"] = both["change"] / both["spend_before"].where(both["spend_before"] > 0)
    fallen = both[(both["to_tier"] != "high") & (both["change_share"] <= -settings.warning_fall)]
    fallen = fallen.assign(from_period=before, to_period=after).rename(columns={"segment_before": "from_segment"})
    order = [
        "household_key", "from_period", "to_period", "from_segment", "to_segment", "to_tier", "spend_before",
        "spend_after", "change", "change_share",
    ]  # fmt: skip
    return fallen[order].sort_values(["change", "household_key"], ignore_index=True)


def warning_evidence(
    periods: pd.DataFrame, windows: pd.DataFrame, value_tiers: Mapping[str, str], settings: MigrationSettings
) -> pd.DataFrame:
    """What became of those whom the early warning would have listed earlier, beside other high value households.

    Two rows for each period after which there is another that shares no day with it: from_period, to_period,
    after_period, listed, n_households, and mean spend ($ in the period) spend_before, spend_at, spend_after. No row when
    the data are too short for that.
    """
    columns = ["from_period", "to_period", "after_period", "listed", "n_households"]
    spends = ["spend_before", "spend_at", "spend_after"]
    wide = periods.pivot(index="household_key", columns="window", values="spend").fillna(0.0)
    steps = settings.warning_steps
    tables = []
    for at, after in period_pairs(windows):
        if _shared_days(windows, at, after) > 0 or at - steps not in wide.columns:
            continue
        past = windows[windows["window"] <= at]
        listed = early_warning(periods[periods["window"] <= at], past, value_tiers, settings)["household_key"]
        before = periods[periods["window"] == at - steps]
        high = before.loc[before["segment"].map(value_tiers) == "high", "household_key"]
        spend = wide.loc[high, [at - steps, at, after]].set_axis(spends, axis=1)
        means = spend.groupby(spend.index.isin(listed)).agg("mean").rename_axis("listed").reset_index()
        sizes = pd.Series(high.isin(listed).to_numpy()).value_counts()
        means["n_households"] = means["listed"].map(sizes)
        tables.append(means.assign(from_period=at - steps, to_period=at, after_period=after)[[*columns, *spends]])
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=[*columns, *spends])


def _shared_days(windows: pd.DataFrame, before: int, after: int) -> int:
    span = windows.set_index("window")
    return max(int(span.at[before, "index_day"]) - int(span.at[after, "first_day"]), 0)


def _check_tiers(segments: set[str], value_tiers: Mapping[str, str]) -> None:
    unknown = sorted(segments - set(value_tiers))
    if unknown:
        raise MigrationError(f"no value tier is known of {', '.join(unknown)}; known are {', '.join(value_tiers)}")


def _wide(periods: pd.DataFrame, states: list[str]) -> pd.DataFrame:
    """Code of the state of each household (rows) in each period (columns); the last code is absence."""
    codes = periods.assign(code=pd.Categorical(periods["segment"], categories=states).codes.astype("int64"))
    wide = codes.pivot(index="household_key", columns="window", values="code")
    return wide.fillna(len(states) - 1).astype("int64")


def _adjusted_rand(counts: np.ndarray) -> float:
    """Adjusted Rand index of a contingency table of counts; NaN below two households, 1 when nothing could differ."""
    n = float(counts.sum())
    if n < 2:
        return float("nan")

    def twos(numbers: np.ndarray) -> float:
        return float((numbers * (numbers - 1) / 2).sum())

    together, rows, columns = twos(counts), twos(counts.sum(axis=1)), twos(counts.sum(axis=0))
    expected, most = rows * columns / (n * (n - 1) / 2), (rows + columns) / 2
    return 1.0 if most == expected else (together - expected) / (most - expected)
