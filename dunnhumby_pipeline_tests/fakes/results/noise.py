"""Results of movement with the noise taken out, as the tables of these names have them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from dunnhumby_pipeline_tests.fakes.results.customers import (
    SEGMENTS,
    frame_of,
    pairs_of_periods,
    segment_migration,
    segments,
)


def smoothed_migration() -> pd.DataFrame:
    moved = segment_migration()
    stayed = moved["from_segment"] == moved["to_segment"]
    return moved.assign(n=moved["n"].where(~stayed, moved["n"] + 20))


def stay_rates() -> pd.DataFrame:
    rows = []
    for label, staying, ceiling in (("segment", 0.6, 0.64), ("value tier", 0.82, 0.85), ("need", 0.58, 0.61)):
        for before, after in pairs_of_periods()[-4:]:
            days = (363 + 28 * before, 363 + 28 * after, 0)
            rows.append((label, before, after, *days, 2000, staying, ceiling, staying / 2, ceiling / 2))
    columns = "label from_period to_period from_day to_day shared_days n_households share_staying share_staying_ceiling"
    return frame_of(f"{columns} ari ari_ceiling", rows)


def movement_noise() -> pd.DataFrame:
    told = {
        "staying": 0.6,
        "staying_ceiling": 0.64,
        "ari": 0.3,
        "ari_ceiling": 0.34,
        "noise_share": 0.9,
        "staying_true": 0.92,
        "staying_true_any": 0.91,
    }
    smoothed = {"staying": 0.78, "staying_ceiling": 0.86, "noise_share": 0.64, "moved": 0.04, "moved_by_noise": 0.005}
    rows: list[tuple[Any, ...]] = []
    for label in ("segment", "value tier", "need"):
        rows += [(label, True, name, 4, 2000, value, value - 0.02, value + 0.02) for name, value in told.items()]
        rows += [
            (label, False, name, 6, 2100, value, value - 0.01, value + 0.01)
            for name, value in told.items()
            if "true" not in name
        ]
    rows += [
        ("smoothed segment", True, name, 4, 2000, value, value - 0.01, value + 0.01) for name, value in smoothed.items()
    ]
    return frame_of("label apart measure n_pairs n_households estimate ci_lower ci_upper", rows)


def smoothing_weights() -> pd.DataFrame:
    rows = [
        (weight, 0.035 + (weight - 0.33) ** 2 / 50, 0.9 - weight / 3, 0.4, 0.24, 0.06, weight == 0.33)
        for weight in (0.1, 0.2, 0.33, 0.5, 1.0)
    ]
    table = frame_of("weight forecast_error share_staying r2_spend r2_basket r2_discount chosen", rows)
    return table.assign(reason=np.where(table["chosen"], "forecasts best", ""))


def household_membership() -> pd.DataFrame:
    homes = segments()
    slugs = list(SEGMENTS)
    table = homes[["household_key", "segment"]].assign(smoothed_segment=homes["segment"], last_period=6, n_periods=7)
    place = np.arange(len(table))
    table["earlier_segment"] = np.where(place % 25 == 0, slugs[1], table["smoothed_segment"])
    table["moved"] = table["earlier_segment"] != table["smoothed_segment"]
    return table.assign(confidence=0.4 + 0.5 * (place % 10) / 10)


def label_prediction() -> pd.DataFrame:
    rows = [
        (label, outcome, 4, 2000, r2, max(r2 - 0.02, 0.0), r2 + 0.02)
        for label, values in {
            "segment": (0.41, 0.24, 0.05),
            "value tier": (0.48, 0.1, 0.001),
            "need": (0.02, 0.004, 0.04),
            "smoothed segment": (0.4, 0.23, 0.06),
        }.items()
        for outcome, r2 in zip(("log spend", "basket", "discount use"), values, strict=True)
    ]
    return frame_of("label outcome n_pairs n_households r2 ci_lower ci_upper", rows)
