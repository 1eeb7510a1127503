"""Purchases in a window: the outcomes of a trial."""

from __future__ import annotations

import ibis.expr.types as ir

from dunnhumby_pipeline.features.baskets import baskets
from dunnhumby_pipeline.features.windows import WINDOW_KEY, windows_table, within


def purchases() -> ir.Table:
    """Spend and trips of each household in each window: purchase_amount ($), purchase_count (baskets).

    Over the unbound tables `transactions` and `windows`. Households without a line in a window have
    no row: their amount and count are 0 by definition, for the caller to say.
    """
    in_window = within(baskets(), windows_table())
    return (
        in_window.group_by(WINDOW_KEY)
        .agg(purchase_amount=in_window.sales.sum() / 100, purchase_count=in_window.count())
        .order_by(WINDOW_KEY)
    )
