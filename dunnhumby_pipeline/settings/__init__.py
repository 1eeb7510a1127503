"""Every tunable, once: its default, unit, bound and one-line meaning.

Values come from, in order: arguments, environment variables (`DUNNHUMBY_ECONOMICS__MARGIN=0.25`),
`dunnhumby.toml` in the home folder, the defaults in these modules.
"""

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
from dunnhumby_pipeline.settings.desk import AlertSettings, RetentionSettings, RunSettings, ScheduleSettings, Timetable
from dunnhumby_pipeline.settings.economics import AS_REDEEMED, REFERENCE_STUDY, CostScenario, EconomicsSettings
from dunnhumby_pipeline.settings.experiment import ExperimentSettings
from dunnhumby_pipeline.settings.history import HistorySettings
from dunnhumby_pipeline.settings.mapping import MappingSettings
from dunnhumby_pipeline.settings.needs import NeedSettings
from dunnhumby_pipeline.settings.own_file import place_of, read_own_file
from dunnhumby_pipeline.settings.places import require_home, require_writable
from dunnhumby_pipeline.settings.plain import one_line, without_secrets
from dunnhumby_pipeline.settings.policies import (
    ABOVE_BREAK_EVEN,
    BUDGET,
    BY_NEED,
    BY_SEGMENT,
    CAPACITY,
    CONSERVATIVE,
    CURRENT_PRACTICE,
    MINIMAX_REGRET,
    POLICY_TREE,
    TREAT_ALL,
    TREAT_NONE,
    PolicySettings,
    needs_interval,
    ranks,
    risk_adjusted_policy,
    tells_apart,
    top_policy,
)
from dunnhumby_pipeline.settings.risk import RiskSettings
from dunnhumby_pipeline.settings.scrutiny import PowerSettings, RefutationSettings
from dunnhumby_pipeline.settings.section import Section
from dunnhumby_pipeline.settings.study import (
    ALERT_VARIABLES,
    BROWSER_VARIABLE,
    FORGOTTEN_FILE,
    HOME_VARIABLE,
    NEED_NAMES_FILE,
    PLAYBOOK_FILE,
    RAW_VARIABLE,
    SETTINGS_FILE,
    STORES,
    Home,
    Settings,
    SettingsError,
    load_settings,
    resolve_raw,
)

__all__ = [
    "ABOVE_BREAK_EVEN",
    "ALERT_VARIABLES",
    "AS_REDEEMED",
    "BROWSER_VARIABLE",
    "BUDGET",
    "BY_NEED",
    "BY_SEGMENT",
    "CAPACITY",
    "CONSERVATIVE",
    "CURRENT_PRACTICE",
    "FORGOTTEN_FILE",
    "HOME_VARIABLE",
    "MINIMAX_REGRET",
    "NEED_NAMES_FILE",
    "PLAYBOOK_FILE",
    "POLICY_TREE",
    "RAW_VARIABLE",
    "REFERENCE_STUDY",
    "SETTINGS_FILE",
    "STORES",
    "TREAT_ALL",
    "TREAT_NONE",
    "ActionSettings",
    "AlertSettings",
    "CateSettings",
    "CheckSettings",
    "ContactSettings",
    "CostScenario",
    "EconomicsSettings",
    "EffectSettings",
    "EngineSettings",
    "ExperimentSettings",
    "HistorySettings",
    "Home",
    "JourneySettings",
    "LifetimeValueSettings",
    "MappingSettings",
    "MigrationSettings",
    "NeedSettings",
    "NuisanceSettings",
    "OverlapSettings",
    "PolicySettings",
    "PowerSettings",
    "ProfileSettings",
    "RefutationSettings",
    "RetentionSettings",
    "RiskSettings",
    "RunSettings",
    "ScheduleSettings",
    "Section",
    "SegmentationSettings",
    "SensitivitySettings",
    "Settings",
    "SettingsError",
    "StatusSettings",
    "Timetable",
    "TrialSettings",
    "ValidationSettings",
    "load_settings",
    "needs_interval",
    "one_line",
    "place_of",
    "ranks",
    "read_own_file",
    "require_home",
    "require_writable",
    "resolve_raw",
    "risk_adjusted_policy",
    "tells_apart",
    "top_policy",
    "without_secrets",
]
