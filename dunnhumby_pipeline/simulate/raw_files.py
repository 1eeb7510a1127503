"""The raw files of a simulated retailer: promotions, demographics, and appending to files that appear all at once."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from dunnhumby_pipeline.contracts.schema import TABLES
from dunnhumby_pipeline.simulate.households import Households
from dunnhumby_pipeline.simulate.plan import RetailerPlan, stream
from dunnhumby_pipeline.simulate.retailer import Retailer

FIRST_BASKET_ID = 26_984_851_472
# The raw transactions keep WEEK_NO after TRANS_TIME, ahead of the coupons.
RAW_PLACES = {"week_no": 1, "coupon_disc": 2, "coupon_match_disc": 3}
MAILER_SHARES = [0.3, 0.3, 0.05, 0.15, *[0.03] * 5, 0.02, 0.03]
INCOMES = {"Under 15K": 0.1, "15-24K": 0.1, "25-34K": 0.1, "35-49K": 0.3, "50-74K": 0.3, "75-99K": 0.1}


def promotions(shop: Retailer) -> Iterator[dict[str, Any]]:
    """Promotion rows week by week, from week 9 as in the real file; one in a thousand appears twice."""
    product_id = shop.catalogue.products["product_id"].to_numpy()
    for week in range(9, int(shop.week[-1])):
        rng = stream(shop.plan, 4, week)
        products = np.flatnonzero(shop.catalogue.on_promotion[week])
        shape = (len(products), shop.plan.n_stores)
        on_display = rng.random(shape) < 0.25
        display = np.where(on_display, rng.choice(list("123456789A"), shape), "0")
        # One mailer for the whole chain, of which a store may not carry every product.
        code = rng.choice(list("0ACDFHJLPXZ"), len(products), p=MAILER_SHARES)
        mailer = np.broadcast_to(code[:, None], shape)
        row, store = np.nonzero((on_display | (mailer != "0")) & (rng.random(shape) < 0.5))
        again = rng.integers(0, len(row), max(1, len(row) // 1000))
        row, store = np.append(row, row[again]), np.append(store, store[again])
        yield {
            "product_id": product_id[products[row]],
            "store_id": shop.store_id(store),
            "week_no": np.full(len(row), week),
            "display": np.append(display[row, store][: -len(again)], rng.choice(list("123"), len(again))),
            "mailer": mailer[row, store],
        }


def demographics(plan: RetailerPlan, homes: Households, rng: np.random.Generator) -> dict[str, Any]:
    """The households (by position) that are known, frequent shoppers more often; size follows the type."""
    eager = homes.trips_per_week / plan.trips_per_week
    known = np.flatnonzero(rng.random(len(homes)) < 1 - (1 - plan.demographics_share) ** (1.2 * eager))
    n = len(known)

    def pick(values: str, *shares: float) -> Any:
        return rng.choice(values.split(","), n, p=shares or None)

    large = np.isin(homes.segment[known], ["big family", "stock-up", "bargain hunter"])
    size = 1 + rng.binomial(4, np.where(large, 0.5, 0.25))
    single, pair = pick("Single Female,Single Male"), pick("1 Adult Kids,2 Adults No Kids", 0.15, 0.85)
    composition = np.select([size == 1, size == 2], [single, pair], "2 Adults Kids")
    return {
        "household_key": known,
        "age_desc": pick("19-24,25-34,35-44,45-54,55-64,65+", 0.06, 0.18, 0.24, 0.36, 0.07, 0.09),
        "marital_status_code": np.where(rng.random(n) < 0.4, "U", np.where(size > 1, "A", "B")),
        "income_desc": pick(",".join(INCOMES), *INCOMES.values()),
        "homeowner_desc": pick("Homeowner,Unknown,Renter,Probable Renter", 0.63, 0.29, 0.06, 0.02),
        "hh_comp_desc": np.where(rng.random(n) < 0.09, "Unknown", composition),
        "household_size_desc": np.array(["1", "2", "3", "4", "5+"])[size - 1],
        "kid_category_desc": np.array(["None/Unknown", "1", "2", "3+"])[np.maximum(size - 2, 0)],
    }


class RawFiles:
    """The eight raw files of one folder, open for appending canonical columns; `rows` counts them."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        types = {"BIGINT": pa.int64(), "INTEGER": pa.int64(), "DOUBLE": pa.float64(), "VARCHAR": pa.string()}
        options = pa_csv.WriteOptions(batch_size=16_384, quoting_style="none", quoting_header="none")
        self.next_basket = FIRST_BASKET_ID
        self.rows = {table.name: 0 for table in TABLES}
        self._open: dict[str, tuple[list[str], pa.Schema, pa_csv.CSVWriter]] = {}
        for table in TABLES:
            columns = sorted(table.columns, key=lambda column: RAW_PLACES.get(column.name, 0))
            schema = pa.schema([(column.raw, types[column.type]) for column in columns])
            writer = pa_csv.CSVWriter(folder / f"{table.file}.csv", schema, write_options=options)
            names = [column.name for column in columns]
            self._open[table.name] = names, schema, stack.enter_context(writer)

    def append(self, name: str, columns: Mapping[str, Any]) -> None:
        names, schema, writer = self._open[name]
        rows = pa.table({f.name: pa.array(columns[c], f.type) for c, f in zip(names, schema, strict=True)})
        writer.write_table(rows)
        self.rows[name] += len(rows)


@contextmanager
def appearing(folder: Path) -> Iterator[Path]:
    """A working folder beside `folder` that takes its place once everything is written, or vanishes."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"a simulated retailer needs a new or empty folder, found files at {folder}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = folder.with_name(f".{folder.name}.{os.getpid()}")
    work.mkdir()
    try:
        yield work
        if folder.exists():
            folder.rmdir()
        work.rename(folder)
    finally:
        if work.exists():
            shutil.rmtree(work)
