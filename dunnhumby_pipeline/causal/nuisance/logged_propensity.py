"""Propensities that are known: a campaign that drew by lot logged the chance each household had of being contacted.

A file of them takes the place of what would be estimated, for the campaigns it has. A design in which a chance is not
known for every trial, or is 0 or 1, is no randomised one, so such a file is refused as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

NEEDED = ("household_key", "campaign", "propensity")
_SHOWN = 3


class LoggedPropensityError(ValueError):
    """A file of logged propensities cannot be used. The message names the file, what was expected and what found."""


@dataclass(frozen=True)
class Logged:
    """Of n trials: the known `propensity` (n,), NaN where none was logged; the campaigns that have it, and how many
    rows of the file are of campaigns, or of households, that are not among the trials.
    """

    propensity: NDArray[np.float64]
    campaigns: tuple[str, ...]
    n_other_campaigns: int
    n_other_households: int


def logged_file(name: Path, home: Path) -> Path:
    """Where the file lies: a relative path starts at the home."""
    return name if name.is_absolute() else home / name


def read_logged(path: Path) -> pd.DataFrame:
    """The rows of a .csv or .parquet file: household_key, campaign (as text), propensity.

    Raises LoggedPropensityError when it cannot be read, lacks a column, has a value that is no number, a propensity
    that is not between 0 and 1, or a household more than once at a campaign.
    """
    try:
        read = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, dtype={"campaign": str})
    except (OSError, ValueError) as error:
        raise LoggedPropensityError(
            f"nuisance.logged_propensities is {str(path)!r}, which cannot be read: {error}"
        ) from error
    lacking = [name for name in NEEDED if name not in read.columns]
    if lacking:
        found = ", ".join(map(str, read.columns))
        raise LoggedPropensityError(f"{path} has no column {', '.join(lacking)}; found {found}")
    frame = pd.DataFrame(
        {
            "household_key": pd.to_numeric(read["household_key"], errors="coerce"),
            "campaign": read["campaign"].astype("string").str.strip(),
            "propensity": pd.to_numeric(read["propensity"], errors="coerce").astype(float),
        }
    )
    for column, expected in (("household_key", "numbers"), ("campaign", "the ids of campaigns")):
        _refuse(path, frame, frame[column].isna(), f"{column}: expected {expected}", read[column])
    inside = frame["propensity"].between(0, 1, inclusive="neither")
    _refuse(
        path, frame, ~inside, "propensity: expected above 0 and below 1, as both arms were possible", read["propensity"]
    )
    doubled = frame.duplicated(["household_key", "campaign"])
    _refuse(path, frame, doubled, "expected each household once per campaign", frame["household_key"])
    return frame.astype({"household_key": "int64"})


def _refuse(path: Path, frame: pd.DataFrame, wrong: pd.Series, what: str, found: pd.Series) -> None:
    if wrong.any():
        # The first line of a file holds the names.
        row = int(np.flatnonzero(wrong)[0])
        shown = repr(found.iloc[row]) if isinstance(found.iloc[row], str) else str(found.iloc[row])
        raise LoggedPropensityError(f"{path}, {what}; {int(wrong.sum())} rows differ, first in line {row + 2}: {shown}")


def known_propensity(trials: pd.DataFrame, rows: pd.DataFrame, path: Path) -> Logged:
    """The logged propensity of each trial (household_key, campaign), from `rows` of `read_logged`.

    Raises LoggedPropensityError where a campaign of the file has trials without one.
    """
    campaign = trials["campaign"].astype(str)
    known = pd.MultiIndex.from_frame(rows[["household_key", "campaign"]])
    at = known.get_indexer(pd.MultiIndex.from_arrays([trials["household_key"], campaign]))
    propensity = (
        np.where(at >= 0, rows["propensity"].to_numpy()[at], np.nan) if len(rows) else np.full(len(trials), np.nan)
    )
    here = campaign.isin(set(rows["campaign"])).to_numpy()
    lacking = here & np.isnan(propensity)
    if lacking.any():
        shown = ", ".join(
            f"{household} at {name}"
            for household, name in zip(
                trials["household_key"][lacking][:_SHOWN], campaign[lacking][:_SHOWN], strict=True
            )
        )
        raise LoggedPropensityError(
            f"{path} has campaigns of the study and lacks {int(lacking.sum()):,} of their trials (such as household "
            f"{shown}); expected the chance of every household that could have been contacted, or none of that campaign"
        )
    studied = set(campaign)
    of_studied = rows["campaign"].isin(studied)
    return Logged(
        propensity,
        tuple(sorted(set(rows["campaign"]) & studied)),
        int((~of_studied).sum()),
        int(of_studied.sum() - here.sum()),
    )
