"""Every asset check, and the severity policy.

*Block* (ERROR): what makes every later number meaningless: schema and keys, weeks that contradict days,
campaigns without dates, incomplete features, segments that do not survive a refit, look-ahead, too few trials
of an arm in overlap or too little information in them, imbalance after weighting, a list without backing.
Assets downstream of a failed one do not run, the last targeting list stays in place marked stale, and
`targeting_list` refuses to build until the check passes again (`gates`).

*Warn* (WARN): what a reader must weigh: tables that shrank or grew, data that end early, odd weeks, rows that
name something no table has, many rejects, features that moved, cold stability, factors that explain little or
did not converge, small or renamed segments, segments that do not last, raw propensity AUC, share in overlap,
propensities at their bound, estimators of other signs, an effect where there can be none or one that little
would explain away, heterogeneity or value not proven. Downstream goes on. So do faults of what describes
segments (profiles, playbook, lifetime value): no later number rests on it.

A reference that the schema calls required blocks: a campaign without dates would change who is treated when.
Other references warn, beyond a share of the rows: a line without a product is spend all the same.

Checks of both kinds are declared blocking to dagster, so that what reads their results comes after them;
a failure at WARN stops nothing.
"""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pandas as pd

from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.engine.tables import TablePath, open_table, read_table
from dunnhumby_pipeline.orchestration.checks import causal, features, journey, segmentation, targeting
from dunnhumby_pipeline.orchestration.checks.verdict import Verdict
from dunnhumby_pipeline.orchestration.platform.partitions import campaign_types
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.storage import ROW_COUNT, mark_stale
from dunnhumby_pipeline.settings import CheckSettings

# How many runs back a check looks for the table's last change.
MOST_RUNS = 100
DATA_VERSION = "dagster/data_version"
BLOCK, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN
LIST = "targeting_list"

# Partitioned checks are a preview of dagster's, on purpose: see the docstring of `partitions`.
warnings.filterwarnings("ignore", message="Specifying a partitions_def on an AssetCheckSpec")


@dataclass(frozen=True)
class Sight:
    """What a check can see: the study, the history, and the campaign type of a partitioned asset."""

    study: Study
    history: dg.DagsterInstance
    campaign_type: str | None

    def path(self, table: str) -> TablePath:
        """Where a table lies: in the partition, or beside all partitions."""
        return self.study.table(table, self.campaign_type)

    def before(self, table: str) -> Mapping[str, Any] | None:
        """The metadata of a table as it was before it last changed, None when it never did.

        Runs that kept the table say nothing new: held against itself, a table that lost half its rows would pass.
        """
        found = self.history.fetch_materializations(dg.AssetKey(table), limit=MOST_RUNS).records
        made = [record.asset_materialization for record in found if record.asset_materialization is not None]
        versions = [(materialization.tags or {}).get(DATA_VERSION) for materialization in made]
        earlier = next((place for place, version in enumerate(versions) if version != versions[0]), None)
        if earlier is None:
            return None
        return {name: shown.value for name, shown in made[earlier].metadata.items()}


Look = Callable[[Sight], Verdict]
Judge = Callable[[pd.DataFrame, CheckSettings], Verdict]


@dataclass(frozen=True)
class StudyCheck:
    """A check as dagster runs it, with the severity of its failure."""

    definition: dg.AssetChecksDefinition
    severity: dg.AssetCheckSeverity
    partitioned: bool = True

    @property
    def key(self) -> dg.AssetCheckKey:
        return next(iter(self.definition.check_keys))


def _judged(
    verdict: Verdict, severity: dg.AssetCheckSeverity, study: Study, campaign_type: str | None
) -> dg.AssetCheckResult:
    """The result; a failed gate also marks the lists that now rest on it as stale."""
    if severity is BLOCK and not verdict.passed:
        for partition in [campaign_type] if campaign_type else schema.CAMPAIGN_TYPES:
            mark_stale(study.table(LIST, partition), f"not rebuilt: {verdict.message}")
    return dg.AssetCheckResult(
        # Comparisons of numpy numbers give numpy booleans, which dagster refuses.
        passed=bool(verdict.passed),
        severity=severity,
        description=verdict.message,
        metadata={name: float(value) for name, value in verdict.figures.items() if math.isfinite(value)},
    )


def _check(
    asset: str,
    name: str,
    description: str,
    severity: dg.AssetCheckSeverity,
    look: Look,
    *,
    partitioned: bool = True,
    reads: Sequence[str] = (),
) -> StudyCheck:
    """A check whose verdict is what `look` sees; `reads` names the tables it needs beside its own."""

    @dg.asset_check(
        asset=asset,
        name=name,
        description=description,
        blocking=True,
        partitions_def=campaign_types if partitioned else None,
        additional_deps=list(reads),
    )
    def check(context: dg.AssetCheckExecutionContext, study: dg.ResourceParam[Study]) -> dg.AssetCheckResult:
        campaign_type = context.partition_key if partitioned else None
        return _judged(look(Sight(study, context.instance, campaign_type)), severity, study, campaign_type)

    return StudyCheck(check, severity, partitioned)


def _table_check(asset: str, judge: Judge, severity: dg.AssetCheckSeverity, *, partitioned: bool = True) -> StudyCheck:
    """A check that judges one table by the thresholds in the settings, named and described as its judge."""

    def look(sight: Sight) -> Verdict:
        return judge(read_table(sight.path(asset)), sight.study.settings.checks)

    return _check(asset, judge.__name__, _first_line(judge), severity, look, partitioned=partitioned)


def _pair_check(asset: str, other: str, judge: Callable[..., Verdict], severity: dg.AssetCheckSeverity) -> StudyCheck:
    """A check that judges an unpartitioned table beside another one."""

    def look(sight: Sight) -> Verdict:
        return judge(read_table(sight.path(asset)), read_table(sight.path(other)), sight.study.settings.checks)

    return _check(asset, judge.__name__, _first_line(judge), severity, look, partitioned=False, reads=[other])


def _first_line(judge: Callable[..., Verdict]) -> str:
    return (judge.__doc__ or "").splitlines()[0]


def _journey_check(
    asset: str, judge: Callable[..., Verdict], severity: dg.AssetCheckSeverity, look: Look, reads: Sequence[str] = ()
) -> StudyCheck:
    return _check(asset, judge.__name__, _first_line(judge), severity, look, partitioned=False, reads=reads)


def _schema_check(table: schema.Table) -> StudyCheck:
    def look(sight: Sight) -> Verdict:
        return journey.schema_and_keys(table, sight.path(table.name), sight.study.settings.engine)

    described = f"Columns and types as declared, no null where none may be, {', '.join(table.key)} unique."
    return _check(table.name, "schema_and_keys", described, BLOCK, look, partitioned=False)


def _row_count_check(table: schema.Table) -> StudyCheck:
    def look(sight: Sight) -> Verdict:
        before = sight.before(table.name)
        n_before = None if before is None else int(before[ROW_COUNT])
        return journey.row_count(_n_rows(sight.path(table.name)), n_before, sight.study.settings.checks)

    return _journey_check(table.name, journey.row_count, WARN, look)


def _reference_check(table: schema.Table, reference: schema.Reference) -> StudyCheck:
    """Whether what the rows of a table refer to exists."""
    severity = BLOCK if reference.required else WARN

    def look(sight: Sight) -> Verdict:
        settings = sight.study.settings
        limit = 0.0 if reference.required else settings.checks.max_orphan_share
        paths = sight.path(table.name), sight.path(reference.table)
        return journey.references_hold(reference, *paths, limit, settings.engine)

    described = f"Every {', '.join(reference.columns)} is one of {reference.table}."
    name = journey.reference_name(reference)
    return _check(table.name, name, described, severity, look, partitioned=False, reads=[reference.table])


def _n_rows(path: TablePath) -> int:
    with open_table(path) as table:
        return int(table.metadata.num_rows)


def _see_weeks(sight: Sight) -> Verdict:
    return journey.weeks_agree(sight.path("transactions"), sight.study.settings.engine)


def _see_freshness(sight: Sight) -> Verdict:
    engine = sight.study.settings.engine
    now = journey.reach(sight.path("transactions"), sight.path("promotions"), engine)
    before = sight.before("transactions")
    last_day_before = None if before is None else before.get("last_day")
    return journey.freshness(now, last_day_before, datetime.now(UTC).date(), sight.study.settings.checks)


def _see_volume(sight: Sight) -> Verdict:
    settings = sight.study.settings
    return journey.weekly_volume(journey.complete_weeks(sight.path("transactions"), settings.engine), settings.checks)


def _see_look_ahead(sight: Sight) -> Verdict:
    trials = read_table(sight.path("first_campaign_cohort"))
    # The lines are those of all campaign types.
    return causal.no_look_ahead(trials, sight.study.table("transactions"), sight.study.settings.engine)


CHECKS: tuple[StudyCheck, ...] = (
    *(_schema_check(table) for table in schema.TABLES),
    *(_reference_check(table, reference) for table in schema.TABLES for reference in table.references),
    _journey_check("transactions", journey.weeks_agree, BLOCK, _see_weeks),
    *(_row_count_check(table) for table in schema.TABLES),
    _journey_check("transactions", journey.freshness, WARN, _see_freshness, ["promotions"]),
    _journey_check("transactions", journey.weekly_volume, WARN, _see_volume),
    _table_check("rejects", journey.rejected_share, WARN, partitioned=False),
    _table_check("customer_features", features.features_complete, BLOCK, partitioned=False),
    _table_check("feature_drift", features.features_steady, WARN, partitioned=False),
    _table_check("segment_stability", segmentation.warm_stability, BLOCK, partitioned=False),
    _table_check("segment_stability", segmentation.cold_stability, WARN, partitioned=False),
    _pair_check("segment_stability", "factor_selection", segmentation.fits_converge, WARN),
    _table_check("factor_selection", segmentation.variance_explained, WARN, partitioned=False),
    _table_check("segments", segmentation.smallest_segment, WARN, partitioned=False),
    _table_check("segment_identity", segmentation.identity_kept, WARN, partitioned=False),
    _table_check("segment_profiles", segmentation.profile_shares, WARN, partitioned=False),
    _pair_check("segment_playbook", "segments", segmentation.every_segment_advised, WARN),
    _table_check("clv_parameters", segmentation.parameters_in_range, WARN, partitioned=False),
    _table_check("clv_validation", segmentation.not_worse_than_naive, WARN, partitioned=False),
    _table_check("migration_summary", segmentation.segments_hold, WARN, partitioned=False),
    _check(
        "first_campaign_cohort",
        "no_look_ahead",
        "What a trial knows is what its look-back holds, recomputed from the lines.",
        BLOCK,
        _see_look_ahead,
        reads=["transactions"],
    ),
    _table_check("nuisances", causal.propensities_bounded, WARN),
    _table_check("propensity", causal.arms_in_overlap, BLOCK),
    _table_check("overlap_diagnostics", causal.effective_arms, BLOCK),
    _table_check("overlap_diagnostics", causal.overlap_share, WARN),
    _table_check("overlap_diagnostics", causal.propensity_auc, WARN),
    _table_check("covariate_balance", causal.balance_after_weighting, BLOCK),
    _table_check("average_effects", causal.estimators_agree, WARN),
    _table_check("negative_controls", causal.placebo_outcome, WARN),
    _table_check("negative_controls", causal.placebo_campaign, WARN),
    _table_check("sensitivity", causal.e_value, WARN),
    _table_check("cate_models", causal.heterogeneity, WARN),
    _table_check("policy_value", targeting.value_proven, WARN),
    _table_check(LIST, targeting.list_backed, BLOCK),
)
