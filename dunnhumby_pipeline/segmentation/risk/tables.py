"""Who may fall and who fell, from trips to tables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dunnhumby_pipeline.contracts.frames import without_rows
from dunnhumby_pipeline.contracts.names import ALL_FOLDS, IN_USE
from dunnhumby_pipeline.contracts.registry import table
from dunnhumby_pipeline.segmentation.risk.holdout import held_out, left_over, sizing
from dunnhumby_pipeline.segmentation.risk.quarters import Quarters, households_of_value, sales_around
from dunnhumby_pipeline.segmentation.risk.reasons import reasons
from dunnhumby_pipeline.segmentation.risk.recovery import Recovered, fallers, recover, recovery_validation
from dunnhumby_pipeline.segmentation.risk.signs import NAMES, signs_of, usual_quarter
from dunnhumby_pipeline.segmentation.risk.walk_forward import (
    Fold,
    Learned,
    fitted_at,
    on_list,
    risk_calibration,
    risk_validation,
    walk,
)
from dunnhumby_pipeline.settings.risk import RiskSettings

AT_RISK, FALLEN = "at_risk", "fallen"


@dataclass(frozen=True)
class RiskTables:
    """Columns as in the contracts of these names."""

    at_risk: pd.DataFrame
    fallen: pd.DataFrame
    risk_validation: pd.DataFrame
    risk_calibration: pd.DataFrame
    recovery_validation: pd.DataFrame
    risk_holdout: pd.DataFrame


@dataclass(frozen=True)
class Chance:
    """What the tables rest on beside data and settings: seeds, the confidence of intervals, the power of tests."""

    seed: int
    lot_seed: int
    confidence: float
    power: float


def risk_tables(
    rhythm: pd.DataFrame, around: pd.DataFrame, quarters: Quarters, settings: RiskSettings, chance: Chance
) -> RiskTables:
    """All tables of risk, from `shopping_rhythm` of the look-backs and `trip_history` of the outcomes of `quarters`.

    Where the data are too short, or too few households fell to learn from, households have no chance or no expected
    recovery, and the `reason` of the validation says why.
    """
    frame = sales_around(rhythm, around, quarters)
    listed, validation, calibration, sizes = _falls(frame, quarters, settings, chance)
    fallen, recovery, sizes_of_fallen = _fallen(frame, quarters, settings, chance)
    return RiskTables(
        at_risk=listed,
        fallen=fallen,
        risk_validation=validation,
        risk_calibration=calibration,
        recovery_validation=recovery,
        risk_holdout=_as_promised("risk_holdout", pd.DataFrame([sizes, sizes_of_fallen])),
    )


def _falls(
    frame: pd.DataFrame, quarters: Quarters, settings: RiskSettings, chance: Chance
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, dict[str, object]]:
    households = households_of_value(frame, "quarter_sales", quarters, settings)
    learned = Learned(
        ends=households["end"],
        households=households["household_key"],
        signs=signs_of(households, quarters),
        sales=households["quarter_sales"],
        next_sales=households["next_sales"],
        fell=(households["next_sales"] <= (1 - settings.fall) * households["quarter_sales"]).to_numpy(),
    )
    folds = walk(learned, quarters, settings, chance.seed)
    today, forecast = fitted_at(quarters.today, learned, quarters, folds, settings, chance.seed)
    own = learned.rows(quarters.today)
    now, signs = households[own].reset_index(drop=True), learned.signs[own].reset_index(drop=True)
    if forecast is None:
        chances, listed = np.full(len(now), np.nan), np.zeros(len(now), dtype=bool)
        why = pd.Series([None] * len(now), dtype="str")
    else:
        chances, listed = today.chances[IN_USE], on_list(today.chances[IN_USE], settings.list_share)
        known = learned.known_by(quarters.today, quarters)
        why = reasons(forecast, signs, learned.signs.loc[known, list(NAMES)].median())
    usual = usual_quarter(now, quarters)
    found = pd.DataFrame(
        {
            "household_key": now["household_key"],
            "quarter_spend": now["quarter_sales"],
            "usual_spend": usual,
            "probability": chances,
            "expected_fall": chances * now["quarter_sales"] * today.share_lost,
            "at_risk": listed,
            "from_peak": usual <= (1 - settings.fall) * now["quarter_sales"],
            "reasons": why,
        }
    )
    found = found.join(held_out(found["household_key"], found["at_risk"], settings.holdout_share, chance.lot_seed))
    reason = _why_no_forecast(quarters, settings, today.reason) if forecast is None else None
    validation = _validated(folds, learned, quarters, settings, chance, reason)
    calibration = _as_promised(
        "risk_calibration", risk_calibration(folds, learned, settings, chance.confidence, chance.seed)
    )
    on = found[found["at_risk"]]
    sizes = sizing(
        AT_RISK, on, on["expected_fall"].mean(), _sd_of_listed(folds, learned, settings), settings, chance.power,
        chance.confidence,
    )  # fmt: skip
    order = ["probability", "household_key"]
    return (
        _as_promised(AT_RISK, found.sort_values(order, ascending=[False, True], ignore_index=True)),
        validation,
        calibration,
        sizes,
    )


def _validated(
    folds: tuple[Fold, ...],
    learned: Learned,
    quarters: Quarters,
    settings: RiskSettings,
    chance: Chance,
    reason: str | None,
) -> pd.DataFrame:
    """`risk_validation`; where no fold was judged, with the row of all folds that says why."""
    found = risk_validation(folds, learned, quarters, settings, chance.confidence, chance.seed)
    judged = [fold for fold in folds if fold.reason is None]
    if not judged:
        why = reason or _too_few_quarters(quarters)
        found = pd.concat([found, pd.DataFrame([_unjudged(quarters, why)])], ignore_index=True)
    return _as_promised("risk_validation", found)


def _unjudged(quarters: Quarters, reason: str) -> dict[str, object]:
    first = quarters.today
    place = {"fold": ALL_FOLDS, "first_day": first, "last_day": first + quarters.days - 1}
    return {**place, "forecast": IN_USE, "reason": reason}


def _why_no_forecast(quarters: Quarters, settings: RiskSettings, reason: str | None) -> str:
    needed, span = 2 * settings.quarter_days, quarters.last_day - quarters.first_day + 1
    if span < needed:
        return (
            f"a fall is learned from two quarters, {needed} days at risk.quarter_days = {settings.quarter_days}; "
            f"found {span} days, {quarters.first_day} to {quarters.last_day}"
        )
    return reason or ""


def _too_few_quarters(quarters: Quarters) -> str:
    return (
        f"a forecast is judged on a quarter that it has not learned from: {3 * quarters.days} days at the least; found "
        f"{quarters.last_day - quarters.first_day + 1} days, {quarters.first_day} to {quarters.last_day}"
    )


def _sd_of_listed(folds: tuple[Fold, ...], learned: Learned, settings: RiskSettings) -> float:
    """What spend and chance leave of the next quarter's sales of those that earlier lists would have held."""
    parts = []
    for fold in folds:
        if fold.reason is None:
            own = np.flatnonzero(learned.rows(fold.end))[on_list(fold.chances[IN_USE], settings.list_share)]
            parts.append(pd.DataFrame({"before": learned.sales.iloc[own], "after": learned.next_sales.iloc[own]}))
    if not parts:
        return float("nan")
    rows = pd.concat(parts)
    return left_over(rows[["before"]], rows["after"])


def _fallen(
    frame: pd.DataFrame, quarters: Quarters, settings: RiskSettings, chance: Chance
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, object]]:
    rows = fallers(frame, quarters, settings)
    recovered = recover(rows, quarters, settings)
    today = next((one for one in recovered if one.end == quarters.today), Recovered(quarters.today, 0, {}))
    now = rows[rows["fell"] & (rows["end"] == quarters.today)].reset_index(drop=True)
    back = today.expected[IN_USE] if IN_USE in today.expected else np.full(len(now), np.nan)
    lost = now["spend_before"] - now["spend_after"]
    found = pd.DataFrame(
        {
            "household_key": now["household_key"],
            "spend_before": now["spend_before"],
            "spend_after": now["spend_after"],
            "change": -lost,
            "change_share": -lost / now["spend_before"],
            "days_since_trip": quarters.last_day - now["last_trip"],
            "expected_recovery": back,
            "expected_shortfall": lost - back,
        }
    )
    everyone = pd.Series(True, index=found.index)
    found = found.join(held_out(found["household_key"], everyone, settings.holdout_share, chance.lot_seed))
    validation = recovery_validation(recovered, rows, quarters, chance.confidence)
    if validation.empty:
        why = today.reason or _why_no_recovery(quarters)
        validation = pd.DataFrame([_unjudged(quarters, why)])
    past = rows[rows["fell"] & rows["next_sales"].notna()]
    sd = left_over(past[["spend_before", "spend_after", "usual_spend"]], past["next_sales"])
    sizes = sizing(FALLEN, found, found["expected_shortfall"].mean(), sd, settings, chance.power, chance.confidence)
    return (
        _as_promised(FALLEN, found.sort_values(["change", "household_key"], ignore_index=True)),
        _as_promised("recovery_validation", validation),
        sizes,
    )


def _why_no_recovery(quarters: Quarters) -> str:
    return (
        "what comes back is learned from a fall of one quarter to the next and the quarter after it, and judged a "
        f"quarter later: {4 * quarters.days} days at the least, and households that fell in each; found "
        f"{quarters.last_day - quarters.first_day + 1} days, {quarters.first_day} to {quarters.last_day}"
    )


def _as_promised(name: str, found: pd.DataFrame) -> pd.DataFrame:
    """`found` with the columns of its contract, in their order: counts of what there is none of are 0."""
    promised = without_rows(table(name))
    if found.empty:
        return promised
    frame = found.reindex(columns=promised.columns)
    for column in table(name).columns:
        if column.type == "BIGINT" and not column.nullable:
            frame[column.name] = frame[column.name].fillna(0).astype("int64")
        elif column.type == "BIGINT":
            frame[column.name] = frame[column.name].astype("Int64")
        elif column.type == "BOOLEAN":
            frame[column.name] = frame[column.name].astype("boolean").fillna(False).astype(bool)
        else:
            frame[column.name] = frame[column.name].astype(promised[column.name].dtype)
    return frame
