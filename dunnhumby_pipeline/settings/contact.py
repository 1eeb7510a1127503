"""Settings of whom a campaign may contact, whatever the effect: opt-outs, rest between contacts, a random holdout."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from dunnhumby_pipeline.settings.section import Section


class ContactSettings(Section):
    """Permission before effect: who may be contacted at all, and who of the targets is held out."""

    opt_out_file: Path | None = Field(
        None,
        description="CSV file with the column household_key, of households that are never contacted; a relative path "
        "starts at the home",
    )
    least_days: int | None = Field(
        None, ge=1, description="days that must lie between contacts, of whatever campaign type; without it, none"
    )
    most_contacts: int | None = Field(
        None,
        ge=1,
        description="contacts that a household may have within `contact_days`, of all campaign types; without it, any "
        "number",
    )
    contact_days: int = Field(182, ge=1, description="days to the last one over which contacts are counted")
    holdout_share: float = Field(
        0.10,
        ge=0,
        le=0.5,
        description="share of the targets that is drawn by lot and not contacted, so that what the campaign does can "
        "be measured; 0 for none",
    )
