"""Judgements of policies and of the targeting list."""

from __future__ import annotations

import pandas as pd

from dunnhumby_pipeline.orchestration.checks.verdict import Verdict
from dunnhumby_pipeline.settings import CheckSettings
from dunnhumby_pipeline.words import terms

# Standard errors by which a claim must exceed what it is held against, 97.5 %.
_SURE = 1.96


def terms_of_settings(economics: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """The economics in force are those of the settings."""
    said = economics["said"].dropna()
    used = economics.loc[economics["used"]].iloc[0]
    metrics = {"contact_cost": float(used["contact_cost"])}
    if len(said):
        return Verdict(False, f"the run of this study had {said.iloc[0]}, in place of the settings", metrics)
    return Verdict(True, f"as in the settings: {used['scenario']}, ${used['contact_cost']:.2f} a contact", metrics)


def claim_holds(values: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """What the model claims for the chosen policy is not surely more than what outcomes show."""
    row = values.loc[values["chosen"]].iloc[0]
    if pd.isna(row["optimism"]):
        return Verdict(True, f"{terms.policy(row['policy'])} has no value that a claim could exceed", {})
    least = float(row["optimism"] - _SURE * row["optimism_se"])
    text = (
        f"{terms.policy(row['policy'])} claims ${row['claimed_value']:.2f} per household and brings ${row['value']:.2f}"
    )
    text = f"{text}: a gap of {row['optimism']:.2f}, at least {least:.2f}"
    return Verdict(least <= 0, text, {"optimism": float(row["optimism"]), "optimism_least": least})


def value_proven(values: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """The interval of the chosen policy's value lies above zero."""
    row = values.loc[values["chosen"]].iloc[0]
    named = terms.policy(row["policy"])
    if row["share_targeted"] > 0 and isinstance(row["reason"], str):
        return Verdict(False, f"{named} has no value: {row['reason']}", {})
    if row["share_targeted"] == 0:
        text = f"{named} selects nobody: no household's effect was found to pay for its contact"
        return Verdict(False, text, {"value": 0.0})
    passed = bool(row["ci_lower"] > 0)
    text = f"{named}: ${row['value']:.2f} per household ({row['ci_lower']:.2f} to {row['ci_upper']:.2f})"
    advice = "" if passed else "; a value above zero is not proven: test before you roll out"
    return Verdict(passed, f"{text}, claimed {row['claimed_value']:.2f}{advice}", {"value": float(row["value"])})


def list_backed(targeting_list: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """The list has households, each with a known decision and a reason; targets lie in overlap, or were randomised."""
    n = len(targeting_list)
    unknown = int((~targeting_list["decision"].isin(["target", "leave", "test"])).sum())
    silent = int((targeting_list["reason"].fillna("") == "").sum())
    unflagged = int(targeting_list["in_overlap"].isna().sum())
    targets = targeting_list["decision"] == "target"
    # An experiment has both arms of whom it randomised.
    backed = targeting_list["in_overlap"].fillna(False).astype(bool) | (targeting_list["decided_by"] == "experiment")
    unbacked = int((targets & ~backed).sum())
    metrics = {"n_households": n, "n_target": int(targets.sum()), "n_unbacked": unbacked}
    if n == 0:
        return Verdict(False, "the targeting list is empty: no household was scored", metrics)
    if unknown or silent or unflagged or unbacked:
        found = f"{unknown} unknown decisions, {silent} without a reason, {unflagged} without an overlap flag, "
        return Verdict(False, f"{found}{unbacked} targets outside overlap that no experiment randomised", metrics)
    where = "all in overlap" if not (targeting_list["decided_by"] == "experiment").any() else "in overlap or randomised"
    return Verdict(True, f"{n:,} households, {int(targets.sum()):,} to target, {where}", metrics)
