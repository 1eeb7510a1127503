"""The smallest unit of money in the lines: what sums of money are counted in, so that they are exact in any order.

Sums of whole units are exact in float64 below 2 ** 53 of them, on any engine, whatever the order of the rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from dunnhumby_pipeline.settings import EngineSettings

# Decimals of cents, and the most that are told apart.
CENTS, MOST_DECIMALS = 2, 9
AMOUNTS = ("sales_value", "retail_disc", "coupon_disc", "coupon_match_disc")
# Text becomes the nearest float64, and a discount may be the difference of two: this far from a whole unit is noise.
_NOISE, _RELATIVE_NOISE = 1e-10, 1e-15
_EXACT = 2.0**53


@dataclass(frozen=True)
class MoneyUnit:
    """10 ** -`decimals` $, and how it is known: 'set', 'found', or 'finest' where no unit divides every amount."""

    decimals: int
    known: Literal["set", "found", "finest"]

    @property
    def words(self) -> str:
        """The unit in a sentence, for those who read what sums rest on."""
        unit = f"{10.0**-self.decimals:.{max(self.decimals, 0)}f}"
        return {
            "set": f"{unit}, as engine.money_decimals sets it; amounts are rounded to it",
            "found": f"{unit}, the largest that divides every amount; nothing is rounded",
            "finest": f"{unit}; amounts have more decimals than that, and are rounded to it so that sums are exact",
        }[self.known]


def money_unit(fetch: Callable[[str], Sequence[Sequence[Any]]], lines: str, settings: EngineSettings) -> MoneyUnit:
    """The smallest unit of money in `lines`, a SQL relation of transactions: 2 decimals for cents, 0 for yen.

    `fetch` gives the rows of a query. As `settings.money_decimals` has it, or the fewest decimals with which every
    amount is a whole number of units. Amounts with more than nine decimals, as a conversion leaves them, are counted
    in the finest unit whose sum over all lines is still exact, nine decimals at most.
    """
    if settings.money_decimals is not None:
        return MoneyUnit(settings.money_decimals, "set")
    for decimals in range(MOST_DECIMALS + 1):
        # The first amount that is in parts answers: only the unit that is found reads every line.
        if not fetch(f"SELECT 1 FROM {lines} WHERE {_in_parts(decimals)} LIMIT 1"):
            return MoneyUnit(decimals, "found")
    [[total]] = fetch(f"SELECT {' + '.join(f'coalesce(sum(abs({name})), 0)' for name in AMOUNTS)} FROM {lines}")
    return MoneyUnit(max(0, min(MOST_DECIMALS, math.floor(math.log10(_EXACT / float(total))))), "finest")


def _in_parts(decimals: int) -> str:
    """SQL: whether an amount is no whole number of 10 ** -decimals."""
    tests = []
    for name in AMOUNTS:
        units = f"{name} * CAST(1e{decimals} AS DOUBLE)"
        noise = f"CAST({_NOISE} AS DOUBLE) + CAST({_RELATIVE_NOISE} AS DOUBLE) * abs({units})"
        tests.append(f"abs({units} - round({units})) > {noise}")
    return " OR ".join(tests)
