"""What every reader of a frame needs: its columns checked, its waves in order. No matplotlib here."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

ALL_WAVES = "all"


def require(frame: pd.DataFrame, table: str, columns: Iterable[str]) -> pd.DataFrame:
    """`frame` itself; ValueError naming the table and each missing column, or saying that it is empty."""
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise ValueError(f"{table} lacks the column(s) {', '.join(missing)}; it has {', '.join(frame.columns)}")
    if frame.empty:
        raise ValueError(f"{table} has no rows")
    return frame


def wave_rank(wave: object) -> tuple[int, int, str]:
    """Sort key of a wave: all waves together first, then by campaign number, then by text."""
    text = str(wave)
    if text == ALL_WAVES:
        return (0, 0, "")
    return (1, int(text), "") if text.isdigit() else (2, 0, text)


def in_wave_order(frame: pd.DataFrame, column: str = "wave") -> pd.DataFrame:
    """Rows of `frame` in the order of `wave_rank`; rows of one wave keep their order."""
    ranks = [wave_rank(wave) for wave in frame[column]]
    return frame.iloc[sorted(range(len(frame)), key=ranks.__getitem__)]
