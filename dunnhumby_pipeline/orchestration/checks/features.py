"""Judgements of features."""

from __future__ import annotations

import pandas as pd

from dunnhumby_pipeline.contracts.features import CATALOGUE, MAY_BE_NULL
from dunnhumby_pipeline.orchestration.checks.verdict import Verdict
from dunnhumby_pipeline.settings import CheckSettings

SHARES = [feature.name for feature in CATALOGUE if feature.group == "category"]
_ROUNDING = 1e-6
_NAMED = 5


def features_complete(features: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """Every catalogued feature is there, one row per household, nulls only where defined, shares sum to 1."""
    names = [feature.name for feature in CATALOGUE]
    missing = [name for name in names if name not in features.columns]
    if missing:
        return Verdict(False, f"features are missing: {', '.join(missing)}")
    nulls = features[names].isna().sum()
    unexpected = nulls[(nulls > 0) & ~nulls.index.isin(MAY_BE_NULL)]
    repeated = int(features["household_key"].duplicated().sum())
    off = int((features[SHARES].sum(axis=1, min_count=1) - 1).abs().gt(_ROUNDING).sum())
    metrics = {
        "n_households": len(features),
        "n_unexpected_nulls": int(unexpected.sum()),
        "n_shares_off": off,
    }
    if len(features) == 0 or len(unexpected) or repeated or off:
        found = f"{len(features)} households, nulls in {dict(unexpected)}, {repeated} repeated households, "
        return Verdict(False, f"{found}{off} households whose category shares do not sum to 1", metrics)
    return Verdict(True, f"{len(names)} features of {len(features):,} households", metrics)


def features_steady(drift: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """No feature's distribution has moved far since the run before."""
    known = drift.dropna(subset=["psi"]).sort_values("psi", ascending=False)
    if known.empty:
        return Verdict(True, f"{len(drift)} features; nothing to compare with: this is the first run")
    worst = known.iloc[0]
    moved = known[known["psi"] > settings.max_psi]
    metrics = {"max_psi": float(worst["psi"]), "n_moved": len(moved)}
    if moved.empty:
        text = f"largest PSI {worst['psi']:.3f} ({worst['feature']}), at most {settings.max_psi:.2f} expected"
        return Verdict(True, text, metrics)
    named = ", ".join(
        f"{row.feature} (PSI {row.psi:.2f}, median {row.median_before:.4g} before, {row.median_now:.4g} now)"
        for row in moved.head(_NAMED).itertuples()
    )
    more = f" and {len(moved) - _NAMED} more" if len(moved) > _NAMED else ""
    advice = "other customers, another period or another export? Earlier segments and effects may not carry over"
    return Verdict(False, f"{len(moved)} features moved: {named}{more}; {advice}", metrics)
