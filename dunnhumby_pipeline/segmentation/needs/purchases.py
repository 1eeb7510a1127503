"""What households bought, by commodity: how often and for how much, in each window of days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.engine.frames import Relation
from dunnhumby_pipeline.engine.once import Kept, as_they_are
from dunnhumby_pipeline.features.by_day import is_small
from dunnhumby_pipeline.settings import EngineSettings

if TYPE_CHECKING:
    import ibis.expr.types as ir
    from scipy.sparse import csr_matrix

Source = Literal["commodities", "departments", "nothing"]
_COLUMN = {"commodities": "commodity_desc", "departments": "department"}
_MEASURED = ("baskets", "sales")
# With fewer kinds of goods there is nothing to tell apart.
FEWEST = 4
# Commodities that cover less of the sales would speak for a part of what is bought only.
_COVERED = 0.5
# Larger frames would be in the way of other work.
_DAYS: Kept[pd.DataFrame] = Kept(1)
_MOST_ROWS = 3_000_000


@dataclass(frozen=True)
class Goods:
    """What is factored: `names` of commodities, or of departments where those are missing, why, and the share of sales
    that has one."""

    source: Source
    names: tuple[str, ...]
    reason: str
    covered: float


@dataclass(frozen=True)
class Bought:
    """Baskets with a kind of goods, and sales of it ($): sparse, households (n,) by goods (p)."""

    households: NDArray[np.int64]
    baskets: csr_matrix
    sales: csr_matrix

    def rows(self, which: NDArray[np.int64]) -> Bought:
        """The households at these places."""
        return Bought(self.households[which], self.baskets[which], self.sales[which])


def _goods_lines(source: Source) -> ir.Table:
    """household_key, basket_id, day, sales (units of money) and goods of every line that a need can be read from.

    Lines without sales are none: the till books coupons as such; nor is fuel, whose product is sold to who drives.
    """
    from dunnhumby_pipeline.engine.compile import unbound
    from dunnhumby_pipeline.features.departments import is_fuel
    from dunnhumby_pipeline.features.windows import in_units

    lines, products = unbound("transactions"), unbound("products")
    named = products.select("product_id", goods=products[_COLUMN[source]].strip(), fuel=is_fuel(products))
    slim = lines.select("household_key", "basket_id", "day", "product_id", sales=in_units(lines.sales_value))
    joined = slim.filter(slim.sales > 0).left_join(named, "product_id")
    return joined.filter(~joined.fuel.fill_null(False)).drop("product_id_right", "fuel")


def goods_sales(source: Source) -> ir.Table:
    """Sales ($) and households of each kind of goods, null where a line has none, over the unbound tables."""
    from dunnhumby_pipeline.features.windows import in_dollars

    t = _goods_lines(source)
    t = t.mutate(goods=t.goods.nullif(""))
    return (
        t.group_by("goods")
        .agg(sales=in_dollars(t.sales.sum()), n_households=t.household_key.nunique())
        .order_by("goods")
    )


def goods_in_baskets(source: Source) -> ir.Table:
    """household_key, basket_id, day, code, sales (units of money), over the unbound tables and `goods` (goods, code).

    Lines as `_goods_lines` has them: a basket of many lines has few kinds of goods, and is in many windows.
    """
    t = _coded_lines(source)
    return t.group_by("household_key", "basket_id", "day", "code").agg(sales=t.sales.sum())


def _coded_lines(source: Source) -> ir.Table:
    """household_key, basket_id, day, code, sales of every line with one of `goods`."""
    import ibis

    from dunnhumby_pipeline.engine.compile import unbound
    from dunnhumby_pipeline.features.departments import is_fuel
    from dunnhumby_pipeline.features.windows import in_units

    lines, products = unbound("transactions"), unbound("products")
    codes = ibis.table({"goods": "string", "code": "int32"}, name="goods")
    known = products.filter(~is_fuel(products)).select("product_id", goods=products[_COLUMN[source]].strip())
    coded = known.join(codes, "goods").select("product_id", "code")
    slim = lines.select("household_key", "basket_id", "day", "product_id", sales=in_units(lines.sales_value))
    return slim.filter(slim.sales > 0).join(coded, "product_id").drop("product_id")


def goods_bought(source: Source) -> ir.Table:
    """window, household_key, code, baskets, sales ($), over the unbound tables, `windows` and `goods` (goods, code).

    Goods go by their code, so that many households fit in memory.
    """
    from dunnhumby_pipeline.features.windows import in_dollars, windows_table, within

    t = within(goods_in_baskets(source), windows_table())
    # A basket at a time, and then baskets: counting distinct ones beside the sum would go through all of it twice.
    baskets = t.group_by("window", "household_key", "code", "basket_id").agg(sales=t.sales.sum())
    found = {"baskets": baskets.count().cast("int32"), "sales": in_dollars(baskets.sales.sum())}
    return baskets.group_by("window", "household_key", "code").agg(**found).order_by("window", "household_key", "code")


def goods_by_day(source: Source, days: tuple[int, int] | None = None) -> ir.Table:
    """household_key, code, day, baskets, over the unbound tables and `goods` (goods, code): on each day, the baskets
    whose first line of the goods is of that day. `days`: the first of the lines that are read, and the one after the
    last; all of them without it."""
    t = _coded_lines(source)
    if days is not None:
        t = t.filter((t.day >= days[0]) & (t.day < days[1]))
    baskets = t.group_by("household_key", "basket_id", "code").agg(day=t.day.min())
    key = ("household_key", "code", "day")
    return baskets.group_by(*key).agg(baskets=baskets.count().cast("int32")).order_by(*key)


def known_goods(
    transactions: Relation, products: Relation, n_households: int, min_reach: float, engine: EngineSettings
) -> Goods:
    """The goods to factor: commodities; departments where commodities cover less than half of the sales, or are fewer
    than four; nothing where departments do no better.

    Kinds that fewer than `min_reach` of the `n_households` bought, or fewer than two, are left out.
    """
    from dunnhumby_pipeline.engine.run import run

    told: list[str] = []
    sources: tuple[Source, ...] = ("commodities", "departments")
    for source in sources:
        found = run(goods_sales(source), {"transactions": transactions, "products": products}, engine)
        enough = found["n_households"] >= max(min_reach * n_households, 2)
        known = found[found["goods"].notna() & enough]
        total = float(found["sales"].sum())
        covered = float(known["sales"].sum()) / total if total > 0 else 0.0
        if len(known) >= FEWEST and covered >= _COVERED:
            reason = "; ".join([*told, f"{len(known)} {source} with {covered:.0%} of sales"])
            return Goods(source, tuple(known["goods"]), reason, covered)
        told.append(
            f"{len(known)} {source} with {covered:.0%} of sales are too few (at least {FEWEST} with {_COVERED:.0%})"
        )
    return Goods("nothing", (), "; ".join(told), 0.0)


def all_households(transactions: Relation, engine: EngineSettings) -> NDArray[np.int64]:
    """Every household with a line, in order."""
    from dunnhumby_pipeline.engine.compile import unbound
    from dunnhumby_pipeline.engine.run import run

    keys = unbound("transactions").select("household_key").distinct().order_by("household_key")
    return run(keys, {"transactions": transactions}, engine)["household_key"].to_numpy(dtype=np.int64)


def bought_in(
    windows: pd.DataFrame, goods: Goods, transactions: Relation, products: Relation, engine: EngineSettings
) -> pd.DataFrame:
    """`goods_bought` in each of `windows` (window, first_day, index_day): lines before a window's index day alone."""
    from dunnhumby_pipeline.engine.run import run

    return run(goods_bought(goods.source), {**_relations(goods, transactions, products), "windows": windows}, engine)


def bought_by_day(
    goods: Goods,
    transactions: Relation,
    products: Relation,
    engine: EngineSettings,
    days: tuple[int, int] | None = None,
) -> pd.DataFrame:
    """`goods_by_day` of all days; of more than `engine.rows_at_once` lines only those that `days` (first, and the one
    after the last) can need.

    It is kept while the files are as they were, for who asks in this process for other windows of the same days.
    """
    from dunnhumby_pipeline.engine.run import run

    if days is not None and not is_small(transactions, engine):
        # A basket begins on the day before at the earliest.
        within = goods_by_day(goods.source, (days[0] - 1, days[1]))
        return run(within, _relations(goods, transactions, products), engine)

    def found() -> pd.DataFrame:
        return run(goods_by_day(goods.source), _relations(goods, transactions, products), engine)

    files = as_they_are([transactions, products])
    if files is None:
        return found()
    return _DAYS.get((files, goods, engine.model_dump_json()), found, lambda made: len(made) <= _MOST_ROWS)


def _relations(goods: Goods, transactions: Relation, products: Relation) -> dict[str, Relation]:
    codes = pd.DataFrame({"goods": list(goods.names), "code": np.arange(len(goods.names), dtype="int32")})
    return {"transactions": transactions, "products": products, "goods": codes.astype({"goods": "str"})}


def as_matrices(bought: pd.DataFrame, households: Sequence[int] | NDArray[np.int64], n_goods: int) -> Bought:
    """`bought` (household_key, code, baskets, sales) of one window, a row for each of the sorted `households`."""
    return Bought(
        np.asarray(households, dtype=np.int64), *(as_matrix(bought, name, households, n_goods) for name in _MEASURED)
    )


def as_matrix(
    bought: pd.DataFrame, measured: str, households: Sequence[int] | NDArray[np.int64], n_goods: int
) -> csr_matrix:
    """The column `measured` of `bought` (household_key, code) of one window, households (n,) by goods (p); summed where
    a household has goods in several rows."""
    from scipy.sparse import csr_matrix

    keys = np.asarray(households, dtype=np.int64)
    row = np.searchsorted(keys, bought["household_key"].to_numpy())
    row = np.minimum(row, max(len(keys) - 1, 0))
    there = keys[row] == bought["household_key"].to_numpy() if len(keys) else np.zeros(0, dtype=bool)
    place = (row[there].astype(np.int32), bought["code"].to_numpy()[there])
    return csr_matrix((bought[measured].to_numpy(dtype=np.float64)[there], place), shape=(len(keys), n_goods))
