"""Time of the 33 features and of all wave features with exposure, from parquet, on the tables of a study.

    python -m benchmarks.features [HOME]

HOME is a study's home with tables (default: data). Prints the median of five runs, each in a process of
its own, with its peak memory.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable

import pandas as pd

from benchmarks.measure import measure
from dunnhumby_pipeline.causal.cohort import build_cohort
from dunnhumby_pipeline.engine import duck
from dunnhumby_pipeline.engine.compile import to_sql
from dunnhumby_pipeline.features.customer import customer_features
from dunnhumby_pipeline.features.exposure import promotion_exposure
from dunnhumby_pipeline.features.windows import observed_days, one_window
from dunnhumby_pipeline.orchestration.resources import Study
from dunnhumby_pipeline.settings import Home, load_settings

RUNS = 5


def main(home: Home) -> None:
    settings = load_settings(home)
    study = Study(settings, home)
    tables = study.journey_tables()
    engine = settings.engine
    waves = pd.read_parquet(study.table("first_campaign_cohort", "TypeA"))
    windows = waves.groupby("campaign", as_index=False).agg(
        first_day=("lookback_start", "min"), index_day=("index_day", "min")
    )
    windows = windows.rename(columns={"campaign": "window"}).astype({"first_day": "int32", "index_day": "int32"})
    everything = one_window(*observed_days(tables["transactions"], engine))

    def all_history() -> None:
        duck.run(customer_features(), {**tables, "windows": everything}, engine)

    def all_waves() -> None:
        duck.run(customer_features(), {**tables, "windows": windows}, engine)
        duck.run(promotion_exposure(), {**tables, "windows": windows}, engine)

    def cohort() -> None:
        build_cohort(tables, "TypeA", settings.trial, engine)

    # Each run forks from this process: what is compiled here once is not compiled in every run.
    to_sql(customer_features())
    show("33 features, all history", all_history)
    show(f"features and exposure of {len(windows)} waves", all_waves)
    show("whole cohort with outcomes", cohort)


def show(name: str, work: Callable[[], object]) -> None:
    runs = [measure(work) for _ in range(RUNS)]
    seconds = statistics.median(run.seconds for run in runs)
    peak = max(run.peak_mb for run in runs)
    print(f"{name:40} {seconds:6.2f} s  {peak:7.0f} MB")


if __name__ == "__main__":
    main(Home.resolve(sys.argv[1] if len(sys.argv) > 1 else None))
