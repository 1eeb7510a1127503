"""Settings for reading the data and for the engine that computes features."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from dunnhumby_pipeline.settings.plain import without_secrets
from dunnhumby_pipeline.settings.section import Section

# With less, DuckDB cannot sort one file of the sample.
LEAST_MEGABYTES = 100
_MOST_MEGABYTES = 1e9
_UNITS = {"K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}


class EngineSettings(Section):
    """The SQL engine that computes features."""

    kind: Literal["duckdb", "spark"] = Field(
        "duckdb", description="'duckdb' computes features on this machine, 'spark' on a cluster through Spark Connect"
    )
    remote: str | None = Field(
        None, description="address of the Spark Connect server, such as sc://host:15002; needed when kind is 'spark'"
    )
    connect_seconds: float = Field(30, gt=0, description="seconds to wait for the Spark Connect server to answer")
    memory_limit: str = Field("1200MB", description="memory DuckDB may use before it spills to disk")
    threads: int = Field(2, ge=1, le=1024, description="threads DuckDB may use")
    temp_directory: Path | None = Field(
        None, description="existing folder in which DuckDB spills; by default the system's folder for temporary files"
    )
    rows_at_once: int = Field(
        3_000_000, ge=1, description="lines DuckDB works on at once; with more, households are processed range by range"
    )

    money_decimals: int | None = Field(
        None,
        ge=0,
        le=9,
        description="decimals of the smallest unit of money, 2 for cents, to which amounts are rounded; without it, as "
        "many as the amounts have, and nothing is rounded",
    )

    @model_validator(mode="after")
    def _spark_has_an_address(self) -> EngineSettings:
        if self.remote is not None and not re.fullmatch(r"sc://[^/:;]+(:\d+)?(/.*)?", self.remote):
            raise ValueError(
                f"engine.remote is {without_secrets(self.remote)!r}; expected the address of a Spark Connect server, "
                "such as sc://host:15002"
            )
        if self.kind == "spark" and self.remote is None:
            raise ValueError(
                "engine.kind is 'spark' and engine.remote is not set; expected the address of a Spark Connect "
                "server, such as sc://host:15002 (DUNNHUMBY_ENGINE__REMOTE)"
            )
        return self

    @field_validator("memory_limit")
    @classmethod
    def _memory_is_a_size(cls, memory: str) -> str:
        if not re.fullmatch(r"\d+(\.\d+)?\s*([KMGT]i?B|%)", memory, flags=re.IGNORECASE):
            raise ValueError(f"engine.memory_limit is {memory!r}; expected a size with its unit, such as 2GB or 500MiB")
        size, unit = re.fullmatch(r"([\d.]+)\s*(\D+)", memory).groups()  # type: ignore[union-attr]
        factor = _UNITS[unit[0].upper()] / 1e6 if unit != "%" else 1
        least, most = (1, 100) if unit == "%" else (LEAST_MEGABYTES, _MOST_MEGABYTES)
        if not least <= float(size) * factor <= most:
            raise ValueError(
                f"engine.memory_limit is {memory!r}; expected {LEAST_MEGABYTES}MB to {_MOST_MEGABYTES / 1e6:.0f}TB, "
                "or 1% to 100% of this machine's memory"
            )
        return memory


class JourneySettings(Section):
    """Reading and cleaning the raw files."""

    max_reject_share: float = Field(
        0.01, ge=0, le=1, description="share of a file's rows that may be left out; beyond it nothing is loaded"
    )
