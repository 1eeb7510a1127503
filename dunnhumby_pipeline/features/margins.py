"""Margins of departments, as multiples of the average one."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from dunnhumby_pipeline.engine.tables import TablePath, read_table


class MarginError(ValueError):
    """A margin is given for what is no department. The message names it and those that there are."""


def weights_table(margin_weights: Mapping[str, float], products: TablePath) -> pd.DataFrame:
    """`margin_weights` as a frame: department, weight; without any, one row for no department.

    Raises MarginError naming those that are not a department of `products`.
    """
    if margin_weights:
        departments = read_table(products, ["department"])["department"].dropna().unique()
        unknown = sorted(set(margin_weights) - set(departments))
        if unknown:
            raise MarginError(
                f"trial.margin_weights names {', '.join(map(repr, unknown))}; the departments of the products are "
                f"{', '.join(sorted(departments))}"
            )
    # Spark takes no table without rows.
    rows: list[tuple[str | None, float]] = [*margin_weights.items()] or [(None, 1.0)]
    frame = pd.DataFrame(rows, columns=["department", "weight"])
    return frame.astype({"department": "str", "weight": "float64"})
