"""What households bought, by commodity: how often and for how much, in each window of days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.engine.frames import Relation, Relations
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


def goods_in_baskets(source: Source, *, sales: bool = True) -> ir.Table:
    """household_key, basket_id, day, code, sales (units of money), over the unbound tables and `goods` (goods, code).

    Lines as `_goods_lines` has them: a basket of many lines has few kinds of goods, and is in many windows. Without
    `sales` there is no such column, and a basket has a kind of goods once, on the first day that it was bought.
    """
    import ibis

    from dunnhumby_pipeline.engine.compile import unbound
    from dunnhumby_pipeline.features.departments import is_fuel
    from dunnhumby_pipeline.features.windows import in_units

    lines, products = unbound("transactions"), unbound("products")
    codes = ibis.table({"goods": "string", "code": "int32"}, name="goods")
    known = products.filter(~is_fuel(products)).select("product_id", goods=products[_COLUMN[source]].strip())
    coded = known.join(codes, "goods").select("product_id", "code")
    slim = lines.select("household_key", "basket_id", "day", "product_id", sales=in_units(lines.sales_value))
    t = slim.filter(slim.sales > 0).join(coded, "product_id")
    if not sales:
        return t.group_by("household_key", "basket_id", "code").agg(day=t.day.min())
    return t.group_by("household_key", "basket_id", "day", "code").agg(sales=t.sales.sum())


def goods_bought(source: Source, *, sales: bool = True) -> ir.Table:
    """window, household_key, code, baskets, sales ($), over the unbound tables, `windows` and `goods` (goods, code).

    Goods go by their code, so that many households fit in memory. Without `sales`, which take as long again, there
    is no such column, and baskets are those whose first line of the goods lies in the window.
    """
    from dunnhumby_pipeline.features.windows import in_dollars, windows_table, within

    t = within(goods_in_baskets(source, sales=sales), windows_table())
    if sales:
        found = {"baskets": t.basket_id.nunique().cast("int32"), "sales": in_dollars(t.sales.sum())}
    else:
        found = {"baskets": t.count().cast("int32")}
    return t.group_by("window", "household_key", "code").agg(**found).order_by("window", "household_key", "code")


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
    windows: pd.DataFrame,
    goods: Goods,
    transactions: Relation,
    products: Relation,
    engine: EngineSettings,
    calendar: pd.DataFrame | None = None,
    *,
    sales: bool = True,
) -> pd.DataFrame:
    """`goods_bought` in each of `windows` (window, first_day, index_day): lines before a window's index day alone.

    With a `calendar`, windows are on the days that it moves lines to (`features.calendar`).
    """
    from dunnhumby_pipeline.engine.run import run
    from dunnhumby_pipeline.features.calendar import on_calendar

    codes = pd.DataFrame({"goods": list(goods.names), "code": np.arange(len(goods.names), dtype="int32")})
    relations: Relations = {
        "transactions": transactions,
        "products": products,
        "windows": windows,
        "goods": codes.astype({"goods": "str"}),
    }
    bought = goods_bought(goods.source, sales=sales)
    if calendar is None:
        return run(bought, relations, engine)
    return run(
        on_calendar(bought, goods_in_baskets(goods.source, sales=sales)), {**relations, "calendar": calendar}, engine
    )


def as_matrices(bought: pd.DataFrame, households: Sequence[int] | NDArray[np.int64], n_goods: int) -> Bought:
    """`bought` (household_key, code, baskets, sales) of one window, a row for each of the sorted `households`."""
    return Bought(
        np.asarray(households, dtype=np.int64), *(as_matrix(bought, name, households, n_goods) for name in _MEASURED)
    )


def as_matrix(
    bought: pd.DataFrame, measured: str, households: Sequence[int] | NDArray[np.int64], n_goods: int
) -> csr_matrix:
    """The column `measured` of `bought` (household_key, code) of one window, households (n,) by goods (p)."""
    from scipy.sparse import csr_matrix

    keys = np.asarray(households, dtype=np.int64)
    row = np.searchsorted(keys, bought["household_key"].to_numpy())
    row = np.minimum(row, max(len(keys) - 1, 0))
    there = keys[row] == bought["household_key"].to_numpy() if len(keys) else np.zeros(0, dtype=bool)
    place = (row[there].astype(np.int32), bought["code"].to_numpy()[there])
    return csr_matrix((bought[measured].to_numpy(dtype=np.float64)[there], place), shape=(len(keys), n_goods))
