"""Time and memory of the features, from parquet, as the lines grow.

    python -m benchmarks.features [HOME] [--households 2500 25000 250000] [--scratch FOLDER] [--runs 3]

Retailers of as many households as asked are simulated into FOLDER (the system's folder for temporary files by
default, kept for the next time) and cleaned by the settings of HOME (default: data).
Prints for each number of households the median of the runs, each in a process of its own: wall and processor
seconds, peak resident memory, and either kind of seconds as a multiple of a bare scan, with the same threads,
of the columns that each expression reads.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import ibis.expr.datatypes as dt
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pandas as pd
import pyarrow.parquet as pq

from benchmarks.measure import Measured, measure
from benchmarks.simulated import simulated
from dunnhumby_pipeline.engine import duck
from dunnhumby_pipeline.engine.compile import to_sql
from dunnhumby_pipeline.features.campaign_history import campaigns_received, coupons_redeemed
from dunnhumby_pipeline.features.customer import customer_features
from dunnhumby_pipeline.features.exposure import promotion_exposure
from dunnhumby_pipeline.features.purchases import purchases
from dunnhumby_pipeline.features.windows import observed_days, one_window
from dunnhumby_pipeline.journey.literals import quoted
from dunnhumby_pipeline.settings import EngineSettings, Home, load_settings

Tables = dict[str, Path]
Asked = dict[str, tuple[ir.Table, pd.DataFrame]]


def main(home: Home, households: Sequence[int], scratch: Path, n_runs: int) -> None:
    settings = load_settings(home)
    engine = settings.engine
    print(f"households       lines  {'what':24}  seconds   cpu s  peak MB  x scan   (cpu)")
    for n_households in households:
        # In a process of its own, so that the memory it takes is not counted with the work.
        measure(partial(simulated, n_households, scratch, settings))
        many = simulated(n_households, scratch, settings)
        everything = one_window(*observed_days(many["transactions"], engine))
        before, after = campaign_windows(pd.read_parquet(many["campaigns"]), everything)
        history = {"customer_features": (customer_features(), everything)}
        campaigns = {
            "customer_features": (customer_features(), before),
            "promotion_exposure": (promotion_exposure(), before),
            "campaigns_received": (campaigns_received(), before),
            "coupons_redeemed": (coupons_redeemed(), before),
            "purchases": (purchases(), after),
        }
        # Each run forks from this process: what is compiled here once is not compiled in every run.
        for expression, _ in campaigns.values():
            to_sql(expression)
        n_lines = pq.read_metadata(many["transactions"]).num_rows
        for what, asked in (
            ("features, all history", history),
            (f"{len(before)} campaigns, all of a trial", campaigns),
        ):
            scan = median([measure(partial(bare_scan, asked, many, engine)) for _ in range(n_runs)])
            work = median([measure(partial(evaluate, asked, many, engine)) for _ in range(n_runs)])
            times = f"{work.seconds:8.2f} {work.cpu_seconds:8.2f} {work.peak_mb:8.0f}"
            ratios = f"{work.seconds / scan.seconds:7.1f} {work.cpu_seconds / scan.cpu_seconds:7.1f}"
            print(f"{n_households:10} {n_lines:11,}  {what:24} {times} {ratios}", flush=True)


def campaign_windows(campaigns: pd.DataFrame, observed: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Windows before (182 days) and after (to 28 days past the end) each TypeA campaign that begins in the data."""
    first, end = int(observed["first_day"].iloc[0]), int(observed["index_day"].iloc[0])
    of_type = campaigns.loc[(campaigns["description"] == "TypeA") & (campaigns["start_day"] >= first + 28)]
    start, window = of_type["start_day"], of_type["campaign"]
    before = {"window": window, "first_day": (start - 182).clip(lower=first), "index_day": start}
    after = {"window": window, "first_day": start, "index_day": (of_type["end_day"] + 29).clip(upper=end)}
    kinds = {"window": "int64", "first_day": "int32", "index_day": "int32"}
    return pd.DataFrame(before).astype(kinds), pd.DataFrame(after).astype(kinds)


def evaluate(asked: Asked, tables: Tables, engine: EngineSettings) -> None:
    for expression, windows in asked.values():
        duck.run(expression, {**tables, "windows": windows}, engine)


def bare_scan(asked: Asked, tables: Tables, engine: EngineSettings) -> None:
    """Read, and add up, the columns that each of the expressions reads."""
    with duck.connect(engine) as connection:
        for expression, _ in asked.values():
            for name, columns in columns_read(expression).items():
                sums = ", ".join(f"sum({'strlen' if kind.is_string() else ''}({c}))" for c, kind in columns.items())
                connection.execute(f"SELECT {sums} FROM read_parquet({quoted(tables[name])})").fetchall()


def columns_read(expression: ir.Table) -> dict[str, dict[str, dt.DataType]]:
    """Names and types of the columns that an expression reads, by table of the journey."""
    read: dict[str, dict[str, dt.DataType]] = {}
    for field in expression.op().find(ops.Field):
        table = field.rel.parent if isinstance(field.rel, ops.JoinReference) else field.rel
        if isinstance(table, ops.UnboundTable) and table.name != "windows":
            read.setdefault(table.name, {})[field.name] = field.dtype
    return read


def median(runs: Sequence[Measured]) -> Measured:
    """Medians of the seconds, and the largest peak."""
    return Measured(
        statistics.median(run.seconds for run in runs),
        statistics.median(run.cpu_seconds for run in runs),
        max(run.peak_mb for run in runs),
    )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", nargs="?")
    parser.add_argument("--households", type=int, nargs="+", default=[2500, 25_000, 250_000])
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()) / "dunnhumby_simulated")
    parser.add_argument("--runs", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    given = arguments()
    main(Home.resolve(given.home), given.households, given.scratch, given.runs)
