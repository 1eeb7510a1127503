"""Columns of the design matrix."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dunnhumby_pipeline.causal.design.matrix import fit_design_matrix


def trials_with(segments: list[str]) -> pd.DataFrame:
    return pd.DataFrame(
        {"visits": np.arange(len(segments), dtype=float), "campaign": 1, "lookback_segment": segments, "town": "a"}
    )


def test_a_segment_that_is_renamed_keeps_its_column() -> None:
    segments = ["small"] * 2 + ["largest"] * 4 + ["middle"] * 3
    names = {"small": "a", "largest": "z", "middle": "m"}
    covariates = ["visits", "lookback_segment", "town"]
    before, after = trials_with(segments), trials_with([names[name] for name in segments])
    first, second = (fit_design_matrix(trials, covariates, per_day=False) for trials in (before, after))
    assert np.array_equal(first.apply(before), second.apply(after))
    of_segments = [name.removeprefix("lookback_segment_") for name in first.names if name.startswith("lookback_")]
    assert of_segments == ["largest", "middle", "small"]


def test_segments_of_one_size_stand_in_the_order_in_which_they_are_met() -> None:
    trials = trials_with(["z", "a", "z", "a"])
    design = fit_design_matrix(trials, ["visits", "lookback_segment"], per_day=False)
    assert [name for name in design.names if name.startswith("lookback_")] == [
        "lookback_segment_z",
        "lookback_segment_a",
    ]
