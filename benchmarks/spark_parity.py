"""Every feature of a study's tables on DuckDB and on a Spark cluster: the same to 1e-9, and how long each took.

    python -m benchmarks.spark_parity HOME sc://host:port

HOME is a study's home with tables, at a path that the cluster reads too. Exits with 1 when any column differs.
"""

from __future__ import annotations

import sys
import time

import pandas as pd

from benchmarks.features import campaign_windows
from dunnhumby_pipeline.engine.run import run
from dunnhumby_pipeline.features.windows import observed_days, one_window
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.settings import EngineSettings, Home, load_settings
from dunnhumby_pipeline_tests.fakes.expressions import BESIDE, feature_expressions

TOLERANCE = 1e-9


def main(home: Home, remote: str) -> int:
    here = load_settings(home).engine
    cluster = EngineSettings(kind="spark", remote=remote)
    tables = Study(load_settings(home), home).journey_tables()
    everything = one_window(*observed_days(tables["transactions"], here))
    before, _ = campaign_windows(pd.read_parquet(tables["campaigns"]), everything)
    relations = {**tables, **BESIDE, "windows": pd.concat([everything, before], ignore_index=True)}
    n_different = 0
    print(f"{'expression':24} {'rows':>8} {'columns':>8} {'DuckDB s':>9} {'Spark s':>8} {'again s':>8}  differs in")
    for name, expression in feature_expressions().items():
        frames, seconds = [], []
        for engine in (here, cluster, cluster):
            began = time.perf_counter()
            frames.append(run(expression, relations, engine))
            seconds.append(time.perf_counter() - began)
        different = differing(frames[0], frames[1])
        n_different += len(different)
        times = f"{seconds[0]:9.2f} {seconds[1]:8.2f} {seconds[2]:8.2f}"
        shape = f"{len(frames[0]):8,} {frames[0].shape[1]:8}"
        print(f"{name:24} {shape} {times}  {', '.join(different) or 'nothing'}", flush=True)
    return 1 if n_different else 0


def differing(one: pd.DataFrame, other: pd.DataFrame) -> list[str]:
    """Columns whose names, types or values differ; numbers by more than `TOLERANCE` of their size."""
    if list(one.columns) != list(other.columns):
        return sorted(set(one.columns) ^ set(other.columns)) or ["the order of the columns"]
    different = []
    for column in one.columns:
        try:
            pd.testing.assert_series_equal(one[column], other[column], rtol=TOLERANCE, atol=0)
        except AssertionError:
            different.append(column)
    return different


if __name__ == "__main__":
    sys.exit(main(Home.resolve(sys.argv[1]), sys.argv[2]))
