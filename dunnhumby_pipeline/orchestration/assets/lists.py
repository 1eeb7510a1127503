"""The targeting list as it is sent: its files, its version, and what was approved. One partition per campaign type."""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg
import pandas as pd

from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.step import step


@step()
def write_list(
    context: dg.AssetExecutionContext,
    targeting_list: pd.DataFrame,
    decision_groups: pd.DataFrame,
    segments: pd.DataFrame,
    household_value_need: pd.DataFrame,
    campaigns: pd.DataFrame,
    campaign_targets: pd.DataFrame,
    study: dg.ResourceParam[Study],
) -> Iterator[dg.Output]:
    """The list by segment, need and value tier, and both as CSV files."""
    from dunnhumby_pipeline.engine.spreadsheet import write_csv
    from dunnhumby_pipeline.targeting.decision_summary import SEGMENT, Grouping, decision_summary, last_reached

    of_households = household_value_need.set_index("household_key")
    names = segments.drop_duplicates("segment").set_index("segment")["segment_name"].to_dict()
    groupings = [
        Grouping(SEGMENT, segments.set_index("household_key")["segment"], names),
        Grouping("need", of_households["need"], {}),
        Grouping("value tier", of_households["clv_tier"], {}),
    ]
    reached = last_reached(campaigns, campaign_targets, context.partition_key)
    summary = decision_summary(targeting_list, decision_groups, groupings, reached)
    yield dg.Output(summary, "decision_summary")
    with study.staging() as staging:
        for name, frame in (("targeting_list_csv", targeting_list), ("decision_summary_csv", summary)):
            write_csv(frame, staging / f"{name}.csv")
            yield dg.Output(staging / f"{name}.csv", name)


@step(deps=["targeting_list_csv"], follows_approvals=True)
def follow_list(
    context: dg.AssetExecutionContext, targeting_list: pd.DataFrame, study: dg.ResourceParam[Study]
) -> Iterator[dg.Output]:
    """The list's version and hash, how far it differs from earlier ones, and which were approved."""
    from dunnhumby_pipeline.targeting.list_ledger import file_hash
    from dunnhumby_pipeline.targeting.list_tables import followed

    campaign_type, home = context.partition_key, study.home
    found = file_hash(study.table("targeting_list_csv", campaign_type))
    now = datetime.now(UTC).isoformat(timespec="seconds")
    tables = followed(targeting_list, found, campaign_type, home.lists, home.list_versions, home.approvals, now)
    yield from (dg.Output(table, name) for name, table in tables.items())
