"""What lies beside the report."""

from __future__ import annotations

from pydantic import Field

from dunnhumby_pipeline.settings.section import Section


class DeliverableSettings(Section):
    """The packed tables beside the report."""

    household_tables: bool = Field(
        True,
        description="whether tables about single households are packed, too, in a file of their own that `file_mode`, "
        "or without it the owner alone, may read",
    )
    # Of the sample this leaves out the promotions, which are as the retailer gave them and 70 % of all bytes.
    largest_table_mb: float = Field(
        25.0, gt=0, description="largest file of a table that is packed, in MB; the list of contents names larger ones"
    )
