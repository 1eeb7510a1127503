"""Settings of what runs by itself: schedules, runs, what is kept, and alerts."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from dunnhumby_pipeline.settings.plain import without_secrets
from dunnhumby_pipeline.settings.section import Section
from dunnhumby_pipeline.settings.timetable import require_cron, require_time_zone

_OWNER = re.compile(r"team:[A-Za-z0-9_-]+|[\w.+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}")
CampaignType = Literal["TypeA", "TypeB", "TypeC"]


def require_address(setting: str, url: str) -> str:
    """`url` without a stroke at its end. Raises ValueError, naming the setting, for what is no address or a secret."""
    if without_secrets(url) != url:
        raise ValueError(f"{setting} is {without_secrets(url)!r}; expected an address without password or parameters")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable or any(letter in url for letter in ' ()<>"\n'):
        raise ValueError(f"{setting} is {url!r}; expected an address such as https://desk.example")
    return url.rstrip("/")


class Timetable(Section):
    """When one kind of work is begun by itself, and of which campaign types."""

    on: bool = Field(True, description="whether the schedule is on until it is switched in the UI")
    cron: str = Field(description="minute, hour, day of the month, month, day of the week")
    types: tuple[CampaignType, ...] | None = Field(
        None, min_length=1, description="campaign types it covers; by default those of `schedules.types`"
    )

    @field_validator("cron")
    @classmethod
    def _cron_is_one(cls, cron: str) -> str:
        return require_cron(cron)


class StudyTimetable(Timetable):
    """The study: what is stale is rebuilt. By default on Monday, before the week's work begins."""

    cron: str = Field("0 5 * * 1", description="minute, hour, day of the month, month, day of the week")
    old_after_days: int = Field(
        14, ge=1, le=366, description="days after which the UI calls list and pages old that nothing has rebuilt"
    )


class ChecksTimetable(Timetable):
    """The checks: each is carried out again on the tables as they lie there, which are not rebuilt."""

    cron: str = Field("0 6 * * *", description="minute, hour, day of the month, month, day of the week")


class ScoresTimetable(Timetable):
    """The scores: households of new raw files by the stored model; nothing is fitted."""

    cron: str = Field("30 6 * * *", description="minute, hour, day of the month, month, day of the week")


class ScheduleSettings(Section):
    """What the daemon begins by itself."""

    by: Literal["schedules", "automation"] = Field(
        "schedules",
        description="what rebuilds tables: the weekly schedule, or conditions of the tables, as soon as what they "
        "rest on has changed and no blocking check stands against it",
    )
    time_zone: str = Field("UTC", description="time zone of all schedules, such as Europe/Paris")
    types: tuple[CampaignType, ...] | None = Field(
        None,
        min_length=1,
        description="campaign types the schedules cover; by default every type in the data that has enough trials",
    )
    study: StudyTimetable = StudyTimetable()
    checks: ChecksTimetable = ChecksTimetable()
    scores: ScoresTimetable = ScoresTimetable()

    @field_validator("time_zone")
    @classmethod
    def _zone_is_known(cls, name: str) -> str:
        return require_time_zone(name)


class RunSettings(Section):
    """Runs that the daemon starts: the UI's and those of schedules. A command's run is its user's to end and repeat."""

    max_retries: int = Field(
        2, ge=0, le=10, description="how often a run is tried again whose process died; a failed step is never"
    )
    max_hours: float = Field(12.0, gt=0, le=24 * 14, description="hours after which a run is ended as failed")
    start_seconds: int = Field(600, ge=30, description="seconds that the process of a run may take to begin")
    cancel_seconds: int = Field(180, ge=10, description="seconds that a run may take to stop when it is told to")


class RetentionSettings(Section):
    """What is kept, and for how long. What gates, staleness and the comparison with the run before read always is."""

    on: bool = Field(True, description="whether old runs and lists are removed, every day at `retention.cron`")
    cron: str = Field("0 4 * * *", description="minute, hour, day of the month, month, day of the week")
    history_days: int = Field(180, ge=7, description="days that runs stay in the history")
    tick_days: int = Field(
        30, ge=1, description="days that ticks of schedules and sensors, and runs of daily checks, stay in the history"
    )
    lists: int = Field(
        26, ge=2, description="last lists of each campaign type whose decisions are kept; approved ones always are"
    )

    @field_validator("cron")
    @classmethod
    def _cron_is_one(cls, cron: str) -> str:
        return require_cron(cron)


class DeskSettings(Section):
    """What the UI says beside each table."""

    owners: tuple[str, ...] = Field(
        ("team:customer-insights",),
        min_length=1,
        description="who answers for the tables, as the UI shows it: team:NAME, or a mail address",
    )

    @field_validator("owners")
    @classmethod
    def _owners_are_such(cls, owners: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [owner for owner in owners if not _OWNER.fullmatch(owner)]
        if wrong:
            raise ValueError(
                f"desk.owners are {', '.join(map(repr, wrong))}; expected team:NAME (letters, digits, - and _), or a "
                "mail address such as desk@example.com"
            )
        twice = sorted({owner for owner in owners if owners.count(owner) > 1})
        if twice:
            raise ValueError(f"desk.owners names {', '.join(twice)} more than once")
        return owners

    pages_url: str = Field(
        "http://localhost:3001",
        description="where brief, report and lists are served for links in the UI: on this machine by `dunnhumby ui`, "
        "elsewhere by `dunnhumby pages` behind the address",
    )

    @field_validator("pages_url")
    @classmethod
    def _pages_have_an_address(cls, url: str) -> str:
        return require_address("desk.pages_url", url)


class AlertSettings(Section):
    """Alerts; where they go beside HOME/alerts.log stands in the environment (docs/operating.md), never here."""

    ui_url: str | None = Field(None, description="address of the UI, for links to runs, such as https://desk.example")
    seconds_between_looks: int = Field(30, ge=1, le=3600, description="seconds between two looks at what has changed")
    first_wait_seconds: float = Field(
        30, gt=0, description="seconds until a channel that failed is tried again; doubled every time it fails"
    )
    longest_wait_seconds: float = Field(3600, gt=0, description="most seconds until it is tried again")
    give_up_hours: float = Field(
        24, gt=0, description="hours after which a message that a channel does not take is put with the dead letters"
    )

    @field_validator("ui_url")
    @classmethod
    def _address_is_one(cls, url: str | None) -> str | None:
        return None if url is None else require_address("alerts.ui_url", url)
