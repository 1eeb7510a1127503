"""What each segment buys: its share of sales by department, against that of all households."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from dunnhumby_pipeline.engine.frames import Relation, Relations
from dunnhumby_pipeline.settings import EngineSettings

if TYPE_CHECKING:
    import ibis.expr.types as ir

NO_DEPARTMENT = "(no product)"


def department_sales() -> ir.Table:
    """Sales ($) by segment and department, over the unbound tables `transactions`, `products` and `segments`.

    Lines without a product have the department '(no product)'.
    """
    import ibis

    from dunnhumby_pipeline.engine.compile import unbound
    from dunnhumby_pipeline.features.windows import in_dollars, in_units

    lines, products = unbound("transactions"), unbound("products")
    segments = ibis.table({"household_key": "int64", "segment": "string"}, name="segments")
    slim = lines.select("household_key", "product_id", sales=in_units(lines.sales_value))
    joined = slim.join(segments, "household_key")
    by_product = joined.group_by("segment", "product_id").agg(sales=joined.sales.sum())
    departments = products.select("product_id", department=products.department.fill_null(NO_DEPARTMENT))
    named = by_product.left_join(departments, "product_id")
    named = named.mutate(department=named.department.fill_null(NO_DEPARTMENT))
    return (
        named.group_by("segment", "department")
        .agg(sales=in_dollars(named.sales.sum()))
        .order_by("segment", "department")
    )


def segment_department_sales(
    transactions: Relation, products: Relation, segments: pd.DataFrame, engine: EngineSettings
) -> pd.DataFrame:
    """`department_sales` of the households in `segments` (household_key, segment): segment, department, sales ($)."""
    from dunnhumby_pipeline.engine.run import run

    plain = segments[["household_key", "segment"]].astype({"segment": "str"})
    relations: Relations = {"transactions": transactions, "products": products, "segments": plain}
    return run(department_sales(), relations, engine)


def segment_departments(sales: pd.DataFrame, min_share: float) -> pd.DataFrame:
    """Share of sales and lift of each department in each segment.

    `sales`: segment, department, sales ($), as of `department_sales`; a pair that is not there sold $0.
    Columns: segment, department, sales, share (of the segment's sales; NaN for a segment without any),
    overall_share (of all sales), lift (share / overall_share), enough_sales (whether overall_share is at least
    `min_share`), lift_rank (1 = largest lift of the segment, among departments with enough sales; null for others).
    A department of which little is sold has a large lift by chance, so it is not ranked.
    """
    wide = sales.pivot(index="segment", columns="department", values="sales").fillna(0.0)
    overall = wide.sum() / wide.to_numpy().sum()
    wide = wide.loc[:, overall > 0]
    totals = wide.sum(axis=1)
    long = wide.stack().rename("sales").reset_index()
    long["share"] = long["sales"] / long["segment"].map(totals.where(totals > 0))
    long["overall_share"] = long["department"].map(overall)
    long["lift"] = long["share"] / long["overall_share"]
    long["enough_sales"] = long["overall_share"] >= min_share
    ranked = long["lift"].where(long["enough_sales"])
    long["lift_rank"] = ranked.groupby(long["segment"]).rank(method="first", ascending=False).astype("Int64")
    return long
