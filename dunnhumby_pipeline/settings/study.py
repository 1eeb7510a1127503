"""All settings of a study, where it lives, and how both are found."""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tomllib import TOMLDecodeError
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from dunnhumby_pipeline.settings.campaigns import (
    CateSettings,
    EffectSettings,
    NuisanceSettings,
    OverlapSettings,
    SensitivitySettings,
    TrialSettings,
    ValidationSettings,
)
from dunnhumby_pipeline.settings.checks import CheckSettings
from dunnhumby_pipeline.settings.contact import ContactSettings
from dunnhumby_pipeline.settings.customers import (
    ActionSettings,
    LifetimeValueSettings,
    MigrationSettings,
    ProfileSettings,
    SegmentationSettings,
    StatusSettings,
)
from dunnhumby_pipeline.settings.data import EngineSettings, JourneySettings
from dunnhumby_pipeline.settings.deliverables import DeliverableSettings
from dunnhumby_pipeline.settings.desk import (
    AlertSettings,
    DeskSettings,
    RetentionSettings,
    RunSettings,
    ScheduleSettings,
)
from dunnhumby_pipeline.settings.economics import EconomicsSettings, require_affordable
from dunnhumby_pipeline.settings.experiment import ExperimentSettings
from dunnhumby_pipeline.settings.history import HistorySettings
from dunnhumby_pipeline.settings.mapping import MappingSettings
from dunnhumby_pipeline.settings.needs import NeedSettings
from dunnhumby_pipeline.settings.plain import without_secrets
from dunnhumby_pipeline.settings.policies import PolicySettings
from dunnhumby_pipeline.settings.renamed import hint
from dunnhumby_pipeline.settings.risk import RiskSettings
from dunnhumby_pipeline.settings.scrutiny import PowerSettings, RefutationSettings
from dunnhumby_pipeline.settings.section import Section

HOME_VARIABLE = "DUNNHUMBY_HOME"
RAW_VARIABLE = "DUNNHUMBY_RAW"
# Addresses that alerts are sent to: all of them, those from warnings on, those that block. They hold secrets, and so
# are no settings: a settings file is shown, copied and kept.
ALERT_VARIABLES = ("DUNNHUMBY_ALERT_URLS", "DUNNHUMBY_ALERT_URLS_WARN", "DUNNHUMBY_ALERT_URLS_BLOCK")
# The browser that tests and pictures of the documents are made with; no command reads it.
BROWSER_VARIABLE = "DUNNHUMBY_BROWSER"
SETTINGS_FILE = "dunnhumby.toml"
PLAYBOOK_FILE = "playbook.toml"
FORGOTTEN_FILE = "forgotten.json"
NEED_NAMES_FILE = "needs.toml"
# Of a value that cannot be used, so much is shown.
LONGEST = 200
# Where somebody may have written a password.
_NOT_SHOWN = ("history", "history.user", "history.database")
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


class Settings(BaseSettings):
    """All settings of a study."""

    model_config = SettingsConfigDict(env_prefix="DUNNHUMBY_", env_nested_delimiter="__", frozen=True, extra="forbid")

    seed: int = Field(20261122, ge=0, description="every stage derives its own seed from this one")
    confidence: float = Field(0.95, gt=0.5, lt=1, description="confidence of every interval")
    warehouse: str | None = Field(
        None,
        min_length=1,
        description="folder, or URL of an object store (s3://, gs://, az://), of the tables; by default HOME/warehouse",
    )
    file_mode: Literal["0600", "0640", "0644", "0660", "0664"] | None = Field(
        None,
        description="permissions of the files that are written, such as 0640 for owner and group alone; without it "
        "those that the system gives",
    )
    journey: JourneySettings = JourneySettings()
    mapping: MappingSettings = MappingSettings()
    engine: EngineSettings = EngineSettings()
    segmentation: SegmentationSettings = SegmentationSettings()
    profile: ProfileSettings = ProfileSettings()
    status: StatusSettings = StatusSettings()
    actions: ActionSettings = ActionSettings()
    needs: NeedSettings = NeedSettings()
    lifetime_value: LifetimeValueSettings = LifetimeValueSettings()
    migration: MigrationSettings = MigrationSettings()
    risk: RiskSettings = RiskSettings()
    trial: TrialSettings = TrialSettings()
    nuisance: NuisanceSettings = NuisanceSettings()
    overlap: OverlapSettings = OverlapSettings()
    effects: EffectSettings = EffectSettings()
    sensitivity: SensitivitySettings = SensitivitySettings()
    cate: CateSettings = CateSettings()
    power: PowerSettings = PowerSettings()
    refutation: RefutationSettings = RefutationSettings()
    validation: ValidationSettings = ValidationSettings()
    economics: EconomicsSettings = EconomicsSettings()
    policy: PolicySettings = PolicySettings()
    contact: ContactSettings = ContactSettings()
    experiment: ExperimentSettings = ExperimentSettings()
    checks: CheckSettings = CheckSettings()
    deliverables: DeliverableSettings = DeliverableSettings()
    schedules: ScheduleSettings = ScheduleSettings()
    history: HistorySettings = HistorySettings()
    runs: RunSettings = RunSettings()
    retention: RetentionSettings = RetentionSettings()
    alerts: AlertSettings = AlertSettings()
    desk: DeskSettings = DeskSettings()

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

    @model_validator(mode="after")
    def _margins_are_shares(self) -> Settings:
        most = max(self.trial.margin_weights.values(), default=1.0)
        if most * self.economics.margin > 1:
            raise ValueError(
                f"economics.margin x trial.margin_weights must be at most 1, found {self.economics.margin:g} x {most:g}"
            )
        other = [one.name for one in self.economics.scenarios if one.margin not in (None, self.economics.margin)]
        if self.trial.margin_weights and other:
            raise ValueError(
                f"economics.scenarios {other} have margins of their own, which hold for all departments alike; with "
                "trial.margin_weights leave them out"
            )
        return self

    @model_validator(mode="after")
    def _budget_pays_for_a_contact(self) -> Settings:
        require_affordable(self.policy.budget, self.economics.known_cost)
        return self

    @field_validator("warehouse")
    @classmethod
    def _store_is_known(cls, place: str | None) -> str | None:
        # One letter and a colon are a drive.
        url = re.fullmatch(r"(\w{2,}):(//)?(.*)", place or "")
        if url is None or place is None or place.startswith("file://"):
            return place
        protocol, slashes, rest = url.groups()
        if without_secrets(place) != place:
            raise ValueError(
                f"warehouse is {without_secrets(place)!r}; expected a URL without password or parameters: give the "
                "store's client its credentials in the environment"
            )
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
        """`root`, else the variable DUNNHUMBY_HOME unless it is empty, else `data` in the working directory.

        Raises SettingsError for what names no folder.
        """
        chosen = root if root is not None else os.environ.get(HOME_VARIABLE) or "data"
        try:
            return cls(Path(chosen).expanduser().resolve())
        except (OSError, RuntimeError, ValueError) as error:
            raise SettingsError(f"the home is {str(chosen)!r}; expected a folder, found: {error}") from error

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
        return file if file.exists() else None

    @property
    def need_names(self) -> Path | None:
        """The user's own names of needs, when there are; without them the packaged ones hold."""
        file = self.root / NEED_NAMES_FILE
        return file if file.exists() else None

    @property
    def experiments(self) -> Path:
        """Experiments as they were planned, and the ledger of what they found."""
        return self.root / "experiments"

    @property
    def ledger(self) -> Path:
        """What every experiment found, a line each; it lasts across runs."""
        return self.experiments / "ledger.jsonl"

    @property
    def looks(self) -> Path:
        """Every time outcomes of an experiment were read, a line each; it lasts across runs."""
        return self.experiments / "looks.jsonl"

    @property
    def lists(self) -> Path:
        """Versions of the targeting lists, and those that were approved, each frozen with its hash."""
        return self.root / "lists"

    @property
    def list_versions(self) -> Path:
        """Every list that differed from the one before it, a line each; it lasts across runs."""
        return self.lists / "versions.jsonl"

    @property
    def approvals(self) -> Path:
        """Who approved which list and when, a line each; it lasts across runs."""
        return self.lists / "approvals.jsonl"

    @property
    def forgotten(self) -> Path:
        """The households that `dunnhumby forget` has erased, as salted hashes: every load leaves them out."""
        return self.root / FORGOTTEN_FILE

    @property
    def alerts_log(self) -> Path:
        return self.root / "alerts.log"

    @property
    def alerts(self) -> Path:
        """What was last seen, open incidents, messages to be sent, and those that could not be."""
        return self.root / "alerts"


def load_settings(home: Home | None = None, **overrides: Any) -> Settings:
    """Settings from arguments, environment and the file in `home` (by default the resolved home).

    Raises SettingsError, which names the setting or file, what was expected and what was found.
    """
    unknown = _unknown_variables()
    if unknown:
        raise SettingsError(
            f"environment variables {', '.join(unknown)} name no setting; expected DUNNHUMBY_ followed by one of "
            f"{', '.join(name.upper() for name in Settings.model_fields)}, or "
            f"{', '.join((HOME_VARIABLE, RAW_VARIABLE, *ALERT_VARIABLES))}"
        )
    file = (home or Home.resolve()).root / SETTINGS_FILE
    if file.exists() and not file.is_file():
        raise SettingsError(f"{file} is not a file; expected a TOML file of settings, or nothing there")

    class HomeSettings(Settings):
        model_config = SettingsConfigDict(toml_file=file)

    try:
        return HomeSettings(**overrides)
    except TOMLDecodeError as error:
        raise SettingsError(f"{file} is not TOML: {error}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{file} is not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8") from error
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}") from error
    except RecursionError as error:
        raise SettingsError(f"{file} is nested too deeply; expected sections of settings") from error
    except ValidationError as error:
        raise SettingsError(
            f"a setting cannot be used: {found_wrong(error)} (in the environment, or in {file})"
        ) from error
    except ValueError as error:
        # A number of more digits than Python reads.
        raise SettingsError(f"{file} cannot be read: {error}") from error


def found_wrong(error: ValidationError) -> str:
    """Everything that pydantic found wrong, in words: where, what was expected, what was found."""
    return without_secrets("; ".join(_wrong(problem) for problem in error.errors()))


def _wrong(problem: Mapping[str, Any]) -> str:
    place = [str(part) for part in problem["loc"]]
    setting = ".".join(place)
    # What is said of several sections names them itself.
    found = "" if setting in _NOT_SHOWN else f", found {_short(problem['input'])}"
    said = f"{setting}: {problem['msg']}{found}" if place else str(problem["msg"])
    advice = hint(setting, problem["input"], _names_beside(place[:-1]) if problem["type"] == "extra_forbidden" else ())
    return f"{said}; {advice}" if advice else said


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}..."


def _names_beside(section: Sequence[str]) -> tuple[str, ...]:
    """The settings of a section, or the sections themselves."""
    if not section:
        return tuple(Settings.model_fields)
    of = Settings.model_fields.get(section[0])
    kind = of.annotation if of is not None else None
    return tuple(kind.model_fields) if isinstance(kind, type) and issubclass(kind, Section) else ()


def _unknown_variables() -> list[str]:
    """Environment variables with our prefix that set nothing: misspelt, and so silently without effect."""
    prefix = "DUNNHUMBY_"
    known = {HOME_VARIABLE, RAW_VARIABLE, BROWSER_VARIABLE, *ALERT_VARIABLES}
    names = {name.upper() for name in Settings.model_fields}
    ours = [name for name in os.environ if name.upper().startswith(prefix) and name not in known]
    return sorted(name for name in ours if name.upper().removeprefix(prefix).split("__")[0] not in names)


def resolve_raw(raw: str | Path | None = None) -> Path | None:
    """`raw`, else the environment variable DUNNHUMBY_RAW, as an absolute path; None when neither is given."""
    chosen = raw if raw is not None else os.environ.get(RAW_VARIABLE)
    return Path(chosen).expanduser().resolve() if chosen else None
