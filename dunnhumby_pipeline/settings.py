"""Every tunable, once: its default, unit, bound and one-line meaning.

Values come from, in order: arguments, environment variables (`DUNNHUMBY_ECONOMICS__MARGIN=0.25`),
`dunnhumby.toml` in the home folder, the defaults below.
"""

from __future__ import annotations

import os
import re
import zlib
from dataclasses import dataclass
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from tomllib import TOMLDecodeError
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

HOME_VARIABLE = "DUNNHUMBY_HOME"
RAW_VARIABLE = "DUNNHUMBY_RAW"
SETTINGS_FILE = "dunnhumby.toml"
PLAYBOOK_FILE = "playbook.toml"
# Stores that put a whole object in the place of the old one in a single step, and the package that speaks to each.
STORES = {
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "az": "adlfs",
    "abfs": "adlfs",
    "abfss": "adlfs",
    "memory": "fsspec",
}


class SettingsError(ValueError):
    """A setting cannot be used. The message names it, what was expected, what was found, and where."""


class Section(BaseModel):
    """A group of settings: immutable, and a misspelt name is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class EngineSettings(Section):
    """The SQL engine that computes features."""

    kind: Literal["duckdb", "spark"] = Field(
        "duckdb", description="'duckdb' computes features on this machine, 'spark' on a cluster through Spark Connect"
    )
    remote: str | None = Field(
        None, description="address of the Spark Connect server, such as sc://host:15002; needed when kind is 'spark'"
    )
    connect_seconds: float = Field(30, gt=0, description="seconds to wait for the Spark Connect server to answer")
    memory_limit: str = Field("2GB", description="memory DuckDB may use before it spills to disk")
    threads: int = Field(2, ge=1, description="threads DuckDB may use")
    temp_directory: Path | None = Field(
        None, description="existing folder in which DuckDB spills; by default the system's folder for temporary files"
    )
    rows_at_once: int = Field(
        3_000_000, ge=1, description="lines DuckDB works on at once; beyond, households go range by range"
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


class SegmentationSettings(Section):
    """Features, factors and segments."""

    feature_groups: tuple[Literal["recency", "frequency", "monetary", "behaviour", "category", "time"], ...] = Field(
        ("recency", "frequency", "monetary", "behaviour", "category", "time"),
        min_length=1,
        description="groups of features that are factored",
    )
    twin_correlation: float = Field(
        0.9, gt=0, le=1, description="correlation within a group from which on the later of two features is left out"
    )
    treatment: Literal["percentile", "log"] = Field(
        "percentile", description="'percentile' or 'log': what heavy tails are tamed with"
    )
    n_factors: int | None = Field(
        None, ge=2, le=15, description="NMF factors; without it, chosen by stability first and then by the elbow"
    )
    n_segments: int | None = Field(
        None, ge=2, le=20, description="segments; without it, the most that come back on other households"
    )
    max_factors: int = Field(10, ge=2, le=15, description="largest number of factors in the factor scan")
    segment_range: tuple[int, int] = Field((3, 10), description="fewest and most segments among the candidates")
    n_bootstraps: int = Field(25, ge=2, description="bootstrap refits behind stability figures")
    n_factor_refits: int = Field(10, ge=0, description="refits on half of the households behind the factor scan")
    factor_stability_floor: float = Field(
        0.95, ge=0, le=1, description="correlation with its refits that the worst factor of a stable number reaches"
    )
    stability_target: float = Field(
        0.8, ge=0, le=1, description="cold ARI that three of four refits must reach for segments to be added"
    )
    min_segments: int = Field(4, ge=2, le=20, description="fewest segments that are worth a campaign of their own")
    min_share: float = Field(0.04, ge=0, lt=0.5, description="smallest useful segment, as a share of households")
    mixtures: bool = Field(True, description="also score Gaussian mixtures, as a second opinion")
    min_jaccard: float = Field(
        0.5, gt=0, le=1, description="overlap with its match of the run before under which a segment gets a new name"
    )
    max_households: int = Field(
        20_000, ge=100, description="households fitted at most; beyond, that many are drawn, and all are scored"
    )

    @field_validator("segment_range")
    @classmethod
    def _range_is_one(cls, found: tuple[int, int]) -> tuple[int, int]:
        if not 2 <= found[0] <= found[1] <= 20:
            raise ValueError(
                f"segmentation.segment_range must be two numbers from 2 to 20, the smaller first, found {list(found)}"
            )
        return found


class ProfileSettings(Section):
    """What segments are described by."""

    tier_shares: tuple[float, float] = Field(
        (0.2, 0.3), description="shares of households in the high and the mid value tier; the rest are low"
    )
    min_need_factors: int = Field(
        3,
        ge=2,
        description="fewest need factors among those of the segments; with fewer, needs are factored by themselves",
    )
    n_needs: int = Field(3, ge=2, le=6, description="needs, when they are factored by themselves")
    min_department_share: float = Field(
        0.002, ge=0, lt=1, description="departments with a smaller share of all sales are not ranked by lift"
    )

    @field_validator("tier_shares")
    @classmethod
    def _tiers_leave_a_rest(cls, shares: tuple[float, float]) -> tuple[float, float]:
        if min(shares) <= 0 or sum(shares) >= 1:
            raise ValueError(
                f"profile.tier_shares must be above 0 and leave a low tier (sum below 1), found {list(shares)}"
            )
        return shares


class LifetimeValueSettings(Section):
    """Customer lifetime value."""

    forecast: Literal["stacked", "model"] = Field(
        "stacked",
        description="what the tiers rest on: 'model' is BG/NBD with Gamma-Gamma; 'stacked' weighs it with past spend",
    )
    min_households: int = Field(30, ge=10, description="fewest households from which the models are estimated")
    max_households: int = Field(
        50_000, ge=1000, description="households the models are estimated from at most; beyond, every so many-th one"
    )
    # CDNOW's customers leave after one trip in four; at one in 200 a weekly shopper stays for years.
    min_dropout: float = Field(
        0.005, ge=0, lt=1, description="mean chance of leaving after a trip under which nobody is known to leave"
    )
    min_spend_shape: float = Field(
        1.05, ge=1, description="shape q of spend a trip under which its mean over households is next to infinite"
    )
    n_bins: int = Field(10, ge=2, le=50, description="bins of households in the calibration table")


class MigrationSettings(Section):
    """Segments over rolling look-backs."""

    step_days: int = Field(28, ge=7, description="days between the ends of two periods")
    look_back_days: int = Field(84, ge=28, description="days that each period sees")
    warning_steps: int = Field(3, ge=1, description="periods back from the last to which the early warning compares it")
    warning_fall: float = Field(
        0.25, ge=0, le=1, description="smallest fall of spend, as a share, that the early warning lists"
    )


class TrialSettings(Section):
    """The sequential target trial."""

    look_back_days: int = Field(182, ge=28, description="days before the index day that covariates see")
    min_history_days: int = Field(28, ge=1, description="fewest days of data before a wave's first day")
    follow_up_days: int = Field(28, ge=0, description="days after the wave's end that outcomes see")


class NuisanceSettings(Section):
    """Cross-fitted propensity and outcome models."""

    n_folds: int = Field(5, ge=2, le=20, description="folds, grouped by household")
    propensity_bound: float = Field(
        0.01, gt=0, lt=0.5, description="propensities are kept this far from 0 and 1; how many is reported"
    )


class OverlapSettings(Section):
    """The region of propensity in which both arms are found."""

    lower: float = Field(0.1, gt=0, lt=0.5, description="lowest propensity in overlap")
    upper: float = Field(0.9, gt=0.5, lt=1, description="highest propensity in overlap")


class CateSettings(Section):
    """Models of the conditional effect."""

    n_trees: int = Field(200, ge=4, multiple_of=4, description="trees of the causal forest")
    min_leaf: int = Field(25, ge=5, description="fewest trials in a leaf of the causal forest")
    max_samples: float = Field(0.45, gt=0, le=0.5, description="share of trials each tree sees")
    n_jobs: int = Field(2, ge=1, description="threads that grow the causal forest; the forest is the same")
    gain_in_se: float = Field(
        1.0,
        ge=0,
        description="standard errors by which a model must beat the constant effect out of fold to be chosen",
    )
    n_bootstraps: int = Field(100, ge=20, description="household bootstraps behind intervals of the R-learner")
    n_outcome_bootstraps: int = Field(
        30, ge=10, description="household bootstraps behind intervals of the T-learner, which cost more"
    )


class EconomicsSettings(Section):
    """What an effect is worth."""

    margin: float = Field(0.30, gt=0, le=1, description="profit per $ of sales")
    contact_cost: float = Field(12.73, ge=0, description="$ per targeted household, when the cost is fixed")
    cost_source: Literal["fixed", "estimated"] = Field(
        "fixed", description="'fixed' uses contact_cost; 'estimated' uses the coupon discounts in the data"
    )


TREAT_NONE, TREAT_ALL, ABOVE_BREAKEVEN = "treat_none", "treat_all", "cate_above_breakeven"


def top_policy(share: float) -> str:
    """Name of the policy that targets the `share` with the largest effects: 'top_20%'."""
    return f"top_{share:.0%}"


class PolicySettings(Section):
    """Which households a policy targets."""

    chosen: str = Field(ABOVE_BREAKEVEN, description="the policy the targeting list follows")
    top_shares: tuple[float, ...] = Field(
        (0.1, 0.2, 0.3, 0.5), description="shares of households that the top-k policies target"
    )
    curve_steps: int = Field(20, ge=4, le=100, description="points of the ROI curve")

    @model_validator(mode="after")
    def _names_are_known_and_distinct(self) -> PolicySettings:
        wrong = [share for share in self.top_shares if not 0 < share < 1]
        if wrong:
            raise ValueError(f"policy.top_shares must lie between 0 and 1, found {wrong}")
        if len(set(self.names)) < len(self.names):
            raise ValueError(f"policy.top_shares must differ by at least a percent, found {list(self.top_shares)}")
        if self.chosen not in self.names:
            raise ValueError(f"policy.chosen is {self.chosen!r}; expected one of {', '.join(self.names)}")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The policies there are, by name."""
        return (TREAT_NONE, TREAT_ALL, ABOVE_BREAKEVEN, *(top_policy(share) for share in self.top_shares))


class CheckSettings(Section):
    """Thresholds of the asset checks. The severity policy is in `orchestration/checks.py`."""

    # With segments of one size, 0.7 is about one household in eight that a refit moves to another segment.
    warm_ari_floor: float = Field(0.70, ge=0, le=1, description="lowest mean warm-started ARI (block)")
    # The reference study's five factors and seven segments have 0.63 on the sample.
    cold_ari_floor: float = Field(0.65, ge=0, le=1, description="lowest mean cold bootstrap ARI (warn)")
    # Half of what a candidate needs: a refit keeps its segments while customers move between them.
    min_segment_share: float = Field(0.02, ge=0, lt=0.5, description="smallest segment, share of households (warn)")
    # Below a half, segments miss more of what differs between households than they see.
    min_centred_r2: float = Field(0.50, ge=0, le=1, description="lowest column-centred R2 of the factors (warn)")
    # A fit that is broken off can differ from another for that alone.
    min_converged: float = Field(0.95, ge=0, le=1, description="lowest share of factor fits that converge (warn)")
    # On the sample it is 0.51, and three of four households stay; at 0.4 it is about two of three.
    migration_ari_floor: float = Field(0.40, ge=0, le=1, description="lowest mean ARI of neighbouring periods (warn)")
    min_trials_per_arm: int = Field(50, ge=2, description="fewest trials of each arm in overlap (block)")
    # Rubin (2001): beyond a quarter of a standard deviation, regression no longer mends the difference.
    max_weighted_smd: float = Field(
        0.25, gt=0, description="largest standardised mean difference after overlap weighting (block)"
    )
    max_propensity_auc: float = Field(0.85, gt=0.5, le=1, description="highest propensity AUC (warn)")
    min_overlap_share: float = Field(0.50, ge=0, le=1, description="lowest share of trials in overlap (warn)")
    max_rows_lost: float = Field(
        0.05, ge=0, le=1, description="largest share of a table's rows that may be gone since the run before (warn)"
    )
    max_rows_gained: float = Field(
        2.0, ge=1, description="largest number of times its rows of the run before that a table may have (warn)"
    )
    day_one: date | None = Field(
        None, description="calendar date of day 1, such as 2016-03-22; without it nobody can say how old the data are"
    )
    max_age_days: int = Field(14, ge=0, description="most days since the last day of the lines, given day_one (warn)")
    max_promotion_lag_weeks: int = Field(
        2, ge=0, description="most weeks by which promotions may end before the lines (warn)"
    )
    max_week_deviation: float = Field(
        0.35, gt=0, description="largest difference of a week's lines from the weeks around it, as a share (warn)"
    )
    max_orphan_share: float = Field(
        0.01, ge=0, le=1, description="largest share of rows that name something no table has (warn)"
    )
    many_rejects: float = Field(
        0.0075, ge=0, le=1, description="share of a file's rows left out that is worth a look (warn)"
    )
    max_psi: float = Field(
        0.2, gt=0, description="largest population stability index of a feature since the run before (warn)"
    )


class Settings(BaseSettings):
    """All settings of a study."""

    model_config = SettingsConfigDict(env_prefix="DUNNHUMBY_", env_nested_delimiter="__", frozen=True, extra="forbid")

    seed: int = Field(20261122, ge=0, description="every stage derives its own seed from this one")
    confidence: float = Field(0.95, gt=0.5, lt=1, description="confidence of every interval")
    campaign_types: tuple[Literal["TypeA", "TypeB", "TypeC"], ...] = Field(
        ("TypeA",), description="campaign types the scheduled study covers"
    )
    warehouse: str | None = Field(
        None,
        min_length=1,
        description="folder, or URL of an object store (s3://, gs://, az://), of the tables; by default HOME/warehouse",
    )
    journey: JourneySettings = JourneySettings()
    engine: EngineSettings = EngineSettings()
    segmentation: SegmentationSettings = SegmentationSettings()
    profile: ProfileSettings = ProfileSettings()
    lifetime_value: LifetimeValueSettings = LifetimeValueSettings()
    migration: MigrationSettings = MigrationSettings()
    trial: TrialSettings = TrialSettings()
    nuisance: NuisanceSettings = NuisanceSettings()
    overlap: OverlapSettings = OverlapSettings()
    cate: CateSettings = CateSettings()
    economics: EconomicsSettings = EconomicsSettings()
    policy: PolicySettings = PolicySettings()
    checks: CheckSettings = CheckSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @field_validator("warehouse")
    @classmethod
    def _store_is_known(cls, place: str | None) -> str | None:
        # One letter and a colon are a drive.
        url = re.fullmatch(r"(\w{2,}):(//)?(.*)", place or "")
        if url is None or place is None or place.startswith("file://"):
            return place
        protocol, slashes, rest = url.groups()
        if protocol not in STORES or not slashes or not rest.strip("/"):
            raise ValueError(
                f"warehouse is {place!r}; expected a folder, or a bucket and a folder in it, such as "
                f"s3://bucket/study, in one of {', '.join(f'{known}://' for known in STORES)}"
            )
        if find_spec(STORES[protocol]) is None:
            raise ValueError(
                f"warehouse is {place!r}, and {STORES[protocol]}, which reads and writes {protocol}://, is not "
                f"installed; pip install {STORES[protocol]}, or name a folder"
            )
        return place

    def seed_for(self, stage: str) -> int:
        """A seed of the stage's own, the same in every run and process: CRC-32 of seed and name."""
        return zlib.crc32(f"{self.seed}:{stage}".encode())


@dataclass(frozen=True)
class Home:
    """Where a study lives on disk: the user's raw files, the run history, tables and reports unless set elsewhere."""

    root: Path

    @classmethod
    def resolve(cls, root: str | Path | None = None) -> Home:
        """`root`, else the environment variable DUNNHUMBY_HOME, else `data` in the working directory."""
        chosen = root if root is not None else os.environ.get(HOME_VARIABLE, "data")
        return cls(Path(chosen).expanduser().resolve())

    @property
    def raw(self) -> Path:
        return self.root / "raw"

    @property
    def warehouse(self) -> Path:
        return self.root / "warehouse"

    @property
    def dagster_home(self) -> Path:
        return self.root / "dagster_home"

    @property
    def playbook(self) -> Path | None:
        """The user's own marketing playbook, when there is one; without it the packaged one holds."""
        file = self.root / PLAYBOOK_FILE
        return file if file.is_file() else None

    @property
    def alerts_log(self) -> Path:
        return self.root / "alerts.log"


def load_settings(home: Home | None = None, **overrides: Any) -> Settings:
    """Settings from arguments, environment and the file in `home` (by default the resolved home).

    Raises SettingsError, which names the setting or file, what was expected and what was found.
    """
    unknown = _unknown_variables()
    if unknown:
        raise SettingsError(
            f"environment variables {', '.join(unknown)} name no setting; expected DUNNHUMBY_ followed by one of "
            f"{', '.join(name.upper() for name in Settings.model_fields)}, {HOME_VARIABLE} or {RAW_VARIABLE}"
        )
    file = (home or Home.resolve()).root / SETTINGS_FILE

    class HomeSettings(Settings):
        model_config = SettingsConfigDict(toml_file=file)

    try:
        return HomeSettings(**overrides)
    except TOMLDecodeError as error:
        raise SettingsError(f"{file} is not TOML: {error}") from error
    except ValidationError as error:
        raise SettingsError(
            f"a setting cannot be used: {found_wrong(error)} (in the environment, or in {file})"
        ) from error


def found_wrong(error: ValidationError) -> str:
    """Everything that pydantic found wrong, in words: where, what was expected, what was found."""
    return "; ".join(
        f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}, found {problem['input']!r}"
        for problem in error.errors()
    )


def _unknown_variables() -> list[str]:
    """Environment variables with our prefix that set nothing: misspelt, and so silently without effect."""
    prefix = "DUNNHUMBY_"
    known = {HOME_VARIABLE, RAW_VARIABLE}
    names = {name.upper() for name in Settings.model_fields}
    ours = [name for name in os.environ if name.upper().startswith(prefix) and name not in known]
    return sorted(name for name in ours if name.upper().removeprefix(prefix).split("__")[0] not in names)


def resolve_raw(raw: str | Path | None = None) -> Path | None:
    """`raw`, else the environment variable DUNNHUMBY_RAW, as an absolute path; None when neither is given."""
    chosen = raw if raw is not None else os.environ.get(RAW_VARIABLE)
    return Path(chosen).expanduser().resolve() if chosen else None
