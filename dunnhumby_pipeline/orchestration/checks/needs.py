"""Judgements of needs: whether they come back, keep their names, cover the households, and hold in the next quarter."""

from __future__ import annotations

import pandas as pd

from dunnhumby_pipeline.contracts.names import NO_NEED
from dunnhumby_pipeline.orchestration.checks.verdict import Verdict
from dunnhumby_pipeline.segmentation.needs.selection import LABEL, TAG
from dunnhumby_pipeline.segmentation.needs.store import FIRST_RUN
from dunnhumby_pipeline.settings import CheckSettings

_NAMED = 5
_NO_NEEDS = "there are no needs: `need_model` says why"


def needs_come_back(stability: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """Needs and tags refitted to resampled households, from scratch and from those in use, are the same."""
    if stability.empty:
        return Verdict(False, _NO_NEEDS, {})
    floors = {LABEL: settings.need_ari_floor, TAG: settings.tag_ari_floor}
    means = stability.groupby(["level", "start"])["ari"].mean()
    metrics = {f"mean_ari_{level}_{start}": float(mean) for (level, start), mean in means.items()}
    low = {key: mean for key, mean in means.items() if not mean >= floors[key[0]]}
    told = ", ".join(
        f"{level}s {start} {mean:.2f} (floor {floors[level]:.2f})" for (level, start), mean in means.items()
    )
    advice = "; other households would give other needs: try fewer" if low else ""
    return Verdict(not low, f"mean ARI of {told}{advice}", metrics)


def names_kept(definitions: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """Every need is one of the run before, under its name."""
    fresh = definitions[~definitions["kept"]]
    metrics = {"n_kept": int(definitions["kept"].sum()), "n_renamed": len(fresh)}
    if definitions.empty:
        return Verdict(True, "no needs, and so no names", metrics)
    if (definitions["reason"] == FIRST_RUN).all():
        return Verdict(True, f"{len(definitions)} needs and tags, all new: this is the first run", metrics)
    # A name that is the same as before is no news, whatever gave it.
    other = fresh[fresh["need"] != fresh["previous_need"]]
    if other.empty:
        return Verdict(True, f"all {len(definitions)} needs and tags keep their names", metrics)
    named = "; ".join(
        f"{row.need} ({row.level}; was {row.previous_need}; {row.reason})" for row in other.head(_NAMED).itertuples()
    )
    return Verdict(False, f"{len(other)} of {len(definitions)} have another name: {named}", metrics)


def read_from_commodities(definitions: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """Needs are read from commodities, not from departments."""
    if definitions.empty:
        return Verdict(False, _NO_NEEDS, {"from_commodities": 0})
    source, reason = str(definitions["source"].iloc[0]), str(definitions["source_reason"].iloc[0])
    passed = source == "commodities"
    return Verdict(passed, f"needs are read from {source}: {reason}", {"from_commodities": int(passed)})


def households_have_needs(households: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """Nearly every household has a need."""
    without = float((households["need"] == NO_NEED).mean())
    most = f"at most {settings.max_without_need:.0%} expected"
    text = f"{without:.1%} of {len(households):,} households have no need, {most}"
    return Verdict(without <= settings.max_without_need, text, {"share_without_need": without})


def lift_holds(lift: pd.DataFrame, agreement: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """In the next quarter households buy their need's own commodities more than others do, and keep their need."""
    labels, tags = (lift[lift["level"] == level] for level in (LABEL, TAG))
    stays = agreement.loc[agreement["level"] == LABEL, "kappa"]
    if labels.empty or stays.empty:
        text = "no need can be followed into a next quarter: the history has no two quarters (needs.quarter_days)"
        return Verdict(False, f"{text}, or no needs", {})
    means = labels.groupby("need")["lift"].mean()
    kappa, least = float(stays.mean()), float(means.min())
    metrics = {
        "mean_kappa": kappa,
        "least_lift": least,
        "least_tag_lift": float(tags.groupby("need")["lift"].mean().min()),
    }
    told = ", ".join(f"{need} {mean:.1f}" for need, mean in means.sort_values(ascending=False).items())
    passed = least >= settings.min_need_lift and kappa >= settings.need_kappa_floor
    text = (
        f"lift of own commodities in the next quarter: {told} (at least {settings.min_need_lift:.1f} expected); kappa "
        f"between quarters {kappa:.2f}, floor {settings.need_kappa_floor:.2f}"
    )
    return Verdict(passed, text, metrics)
