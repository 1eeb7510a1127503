"""Small studies for tests: settings that run in seconds, and runs of the real definitions."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from dunnhumby_pipeline.definitions import build_defs
from dunnhumby_pipeline.orchestration.platform.runner import Outcome, open_history, run_study
from dunnhumby_pipeline.settings import Home, Settings, load_settings


def quick_settings(**checks: float) -> Settings:
    """Few bootstraps, folds and trees; `checks` overrides thresholds."""
    return load_settings(
        segmentation={
            "n_bootstraps": 3,
            "n_segments": 4,
            "n_factors": 4,
            "max_factors": 4,
            "n_factor_refits": 2,
            "segment_range": (4, 5),
            "mixtures": False,
        },
        nuisance={"n_folds": 2, "n_repeats": 1, "n_jobs": 1},
        cate={"n_trees": 20, "n_bootstraps": 20, "n_outcome_bootstraps": 10},
        checks={
            "warm_ari_floor": 0.0,
            "max_weighted_smd": 0.5,
            "min_trials_per_arm": 20,
            "min_effective_trials": 10,
            **checks,
        },
    )


@dataclass(frozen=True)
class Laboratory:
    """A home with its input, in which the real definitions can be run with one setting or another."""

    home: Home
    raw: Path | None

    def defs(self, settings: Settings | None = None) -> dg.Definitions:
        return build_defs(home=self.home, raw=self.raw, settings=settings or quick_settings())

    def run(self, select: str | None = None, settings: Settings | None = None) -> tuple[Outcome, list[dg.DagsterEvent]]:
        """Outcome and all events of a run of TypeA."""
        events: list[dg.DagsterEvent] = []
        with warnings.catch_warnings(), self.history() as instance:
            warnings.simplefilter("ignore")
            outcome = run_study(self.defs(settings), instance, "TypeA", select, events.append)
        return outcome, events

    def history(self) -> dg.DagsterInstance:
        return open_history(self.home)

    def table(self, name: str) -> Path:
        return self.home.warehouse / "TypeA" / f"{name}.parquet"
