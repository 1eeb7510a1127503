"""Which campaign types the schedules cover: those of the settings, else every type in the data that has enough."""

from __future__ import annotations

from collections.abc import Sequence

from dunnhumby_pipeline.contracts.schema import CAMPAIGN_TYPES
from dunnhumby_pipeline.engine.tables import read_table
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.settings import Timetable


def covered(study: Study, timetable: Timetable) -> tuple[list[str], dict[str, str]]:
    """The campaign types that a schedule covers, and why each of the others is left out.

    A type has enough when its campaigns can be studied and either arm can reach `checks.min_trials_per_arm`: by the
    trials that were built where they are of today's campaigns and windows, else by how many households were targeted.
    Where no tables are loaded yet, every type that the raw files name is covered. Raises JourneyError when there is no
    input that can be read.
    """
    named = timetable.types or study.settings.schedules.types
    if named is not None:
        return _in_order(named), {
            name: "not among the types of the schedule" for name in CAMPAIGN_TYPES if name not in named
        }
    tables = study.journey_tables()
    if not all(tables[name].is_file() for name in ("campaigns", "campaign_targets", "transactions")):
        found = _in_raw_files(study)
        return found, {name: "the raw files have no campaign of it" for name in CAMPAIGN_TYPES if name not in found}
    lacking = {name: _lacking(study, name) for name in CAMPAIGN_TYPES}
    enough = [name for name, reason in lacking.items() if reason is None]
    return enough, {name: reason for name, reason in lacking.items() if reason is not None}


def _in_order(named: Sequence[str]) -> list[str]:
    return [name for name in CAMPAIGN_TYPES if name in named]


def _in_raw_files(study: Study) -> list[str]:
    from dunnhumby_pipeline.engine.duck import connect

    campaigns = study.source().inputs["campaigns"]
    with connect(study.settings.engine) as connection:
        rows = connection.execute(f"SELECT DISTINCT trim(CAST(description AS VARCHAR)) FROM ({campaigns.select})")
        said = {str(name).lower() for (name,) in rows.fetchall()}
    return [name for name in CAMPAIGN_TYPES if name.lower() in said]


def _lacking(study: Study, campaign_type: str) -> str | None:
    """Why a type cannot be studied, in words; None when it has enough."""
    from dunnhumby_pipeline.causal.design.campaigns import plan_campaigns, reasons_in_words, same_windows
    from dunnhumby_pipeline.features.windows import observed_days

    tables, settings = study.journey_tables(), study.settings
    days = observed_days(tables["transactions"], settings.engine)
    planned = plan_campaigns(read_table(tables["campaigns"]), campaign_type, *days, settings.trial)
    used = planned.loc[planned["used"]]
    if used.empty:
        return f"no campaign can be studied: {reasons_in_words(planned)}"
    least = settings.checks.min_trials_per_arm
    windows, built = (study.table(name, campaign_type) for name in ("trial_campaigns", "first_campaign_cohort"))
    if windows.is_file() and built.is_file() and same_windows(read_table(windows), planned):
        treated = read_table(built, ["treated"])["treated"]
        arms = {"treated": int((treated == 1).sum()), "control": int((treated == 0).sum())}
        few = [f"{n} {arm} trials" for arm, n in arms.items() if n < least]
        return f"{' and '.join(few)}, fewer than {least}" if few else None
    targets = read_table(tables["campaign_targets"], ["household_key", "campaign"])
    reached = targets.loc[targets["campaign"].isin(used["campaign"]), "household_key"].nunique()
    return f"{reached} households were targeted, fewer than {least}" if reached < least else None
