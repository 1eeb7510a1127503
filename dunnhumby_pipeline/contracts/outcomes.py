"""What a trial is measured by over its outcome window: each outcome's column, words, unit and scale, once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dunnhumby_pipeline.contracts.names import GROSS_PROFIT, MARGIN_WEIGHTED, REDEEMED, SPEND, VISITS, WITHOUT_FUEL
from dunnhumby_pipeline.contracts.table import Column, SqlType


@dataclass(frozen=True)
class Outcome:
    """One outcome. `name` is its column; `label` heads figures and tables, `noun` stands in sentences.

    `unit` is that of its effects as shown, which are `scale` times those in the tables; `counted_in` that of the
    column. `measured` says what is measured, and `measure` how: from a household's baskets in the window (day, and in
    units of money sales, without_fuel, weighed, match and weighed_before_match; margin, profit per $ of sales;
    one_dollar, how many units $1 is), an expression that sums them up, in units of money where `in_dollars`; None for
    what is not bought. `always`: every study estimates the effect on it. `sources`: the columns it is computed from.
    """

    name: str
    label: str
    noun: str
    unit: str
    counted_in: str
    measured: str
    meaning: str
    measure: Callable[[Any], Any] | None
    scale: float = 1.0
    whole: bool = False
    always: bool = False
    sources: str = ""

    @property
    def in_dollars(self) -> bool:
        """Whether it is an amount of money."""
        return self.unit == "$"

    @property
    def sign(self) -> str:
        """What stands before an effect: the $ of an amount."""
        return "$" if self.in_dollars else ""

    @property
    def column(self) -> Column:
        """Its column in the table of trials."""
        kind: SqlType = "BIGINT" if self.whole else "DOUBLE"
        return Column(self.name, kind, self.meaning, self.counted_in, sources=self.sources)


_ALL: tuple[Outcome, ...] = (
    Outcome(
        SPEND,
        "Spend",
        "spend",
        "$",
        "$",
        measured="spend in $",
        meaning="spend in the outcome window",
        measure=lambda baskets: baskets.sales.sum(),
        always=True,
        sources="transactions.sales_value",
    ),
    Outcome(
        VISITS,
        "Visits",
        "number of visits",
        "visits",
        "visits",
        measured="visits, in baskets",
        meaning="visits in the outcome window: distinct baskets",
        measure=lambda baskets: baskets.count(),
        always=True,
        sources="transactions.basket_id",
    ),
    Outcome(
        REDEEMED,
        "Redemption",
        "rate of redemption",
        "% points",
        "0/1",
        measured="whether any coupon of the campaign was redeemed",
        meaning="whether a coupon of the campaign was redeemed in the outcome window",
        measure=None,
        scale=100.0,
        whole=True,
        always=True,
        sources="coupon_redemptions.household_key coupon_redemptions.campaign",
    ),
    Outcome(
        WITHOUT_FUEL,
        "Spend without fuel",
        "spend",
        "$",
        "$",
        measured="spend in $, fuel left out",
        meaning="spend in the outcome window outside the department FUEL",
        measure=lambda baskets: baskets.without_fuel.sum(),
        sources="transactions.sales_value products.department products.sub_commodity_desc",
    ),
    Outcome(
        MARGIN_WEIGHTED,
        "Margin-weighted spend",
        "spend",
        "$",
        "$",
        measured="spend in $, each department weighed by its margin",
        meaning="spend in the outcome window, weighted by the departments' margins",
        measure=lambda baskets: baskets.weighed.sum(),
        sources="transactions.sales_value products.department",
    ),
    # Of a line: margin x sales - (1 - margin) x match, as sales are net of the retailer's match.
    Outcome(
        GROSS_PROFIT,
        "Gross profit",
        "gross profit",
        "$",
        "$",
        measured="gross profit in $ (margin x sales - (1 - margin) x the retailer's coupon match)",
        meaning="gross profit in the outcome window, before the cost of a contact: margin x sales - (1 - margin) x "
        "the retailer's coupon match, by the departments' margins where they are given",
        measure=lambda baskets: baskets.margin.max() * baskets.weighed_before_match.sum() - baskets.match.sum(),
        always=True,
        sources="transactions.sales_value transactions.coupon_match_disc products.department",
    ),
)
# By name, in the order of the columns of trials.
OUTCOMES: dict[str, Outcome] = {outcome.name: outcome for outcome in _ALL}
MEASURED = tuple(OUTCOMES)
ALWAYS_ESTIMATED = tuple(outcome.name for outcome in _ALL if outcome.always)
AMOUNTS = tuple(outcome.name for outcome in _ALL if outcome.in_dollars)
# Amounts of sales, whose effects are of one size; profit is a part of them.
SALES = tuple(outcome.name for outcome in _ALL if outcome.noun == "spend")
# How each of those that are bought is measured; a household that did not come has 0 of it.
BOUGHT = {outcome.name: outcome.measure for outcome in _ALL if outcome.measure is not None}


def shape() -> tuple[object, ...]:
    """What tables rest on of these declarations: all but the label and the meaning."""
    return tuple(
        (o.name, o.noun, o.unit, o.counted_in, o.measured, o.scale, o.whole, o.always, _code(o.measure)) for o in _ALL
    )


def _code(measure: Callable[[Any], Any] | None) -> tuple[object, ...]:
    return (
        ()
        if measure is None
        else (measure.__code__.co_code.hex(), measure.__code__.co_names, measure.__code__.co_consts)
    )
