"""Settings for reading the data and for the engine that computes features."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from dunnhumby_pipeline.settings.section import Section


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
    threads: int = Field(2, ge=1, description="threads DuckDB may use")
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
                f"engine.remote is {self.remote!r}; expected the address of a Spark Connect server, "
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
        return memory


class JourneySettings(Section):
    """Reading and cleaning the raw files."""

    max_reject_share: float = Field(
        0.01, ge=0, le=1, description="share of a file's rows that may be left out; beyond it nothing is loaded"
    )
