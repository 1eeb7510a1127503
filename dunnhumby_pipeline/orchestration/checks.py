"""Every asset check, and the severity policy.

*Block* (ERROR): what makes every later number meaningless: schema and keys, incomplete features, segments
that do not survive a refit, look-ahead, too few trials of an arm in overlap, imbalance after weighting, a
list without backing. Assets downstream of a failed one do not run, the last targeting list stays in place
marked stale, and `targeting_list` refuses to build until the check passes again (`gates`).

*Warn* (WARN): what a reader must weigh: cold stability, raw propensity AUC, share in overlap, estimators
that contradict each other, heterogeneity or value not proven. Downstream goes on.

Checks of both kinds are declared blocking to dagster, so that what reads their results comes after them;
a failure at WARN stops nothing.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import dagster as dg
import pandas as pd

from dunnhumby_pipeline.journey import schema
from dunnhumby_pipeline.orchestration import verdicts
from dunnhumby_pipeline.orchestration.partitions import campaign_types
from dunnhumby_pipeline.orchestration.resources import Study
from dunnhumby_pipeline.orchestration.storage import mark_stale
from dunnhumby_pipeline.orchestration.verdicts import Verdict
from dunnhumby_pipeline.settings import CheckSettings

BLOCK, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN
LIST = "targeting_list"

# Partitioned checks are a preview of dagster's, on purpose: see the docstring of `partitions`.
warnings.filterwarnings("ignore", message="Specifying a partitions_def on an AssetCheckSpec")

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
        metadata={name: float(value) for name, value in verdict.figures.items()},
    )


def _schema_check(table: schema.Table) -> StudyCheck:
    @dg.asset_check(
        asset=table.name,
        name="schema_and_keys",
        description=f"Columns and types as declared, no null where none may be, {', '.join(table.key)} unique.",
        blocking=True,
    )
    def check(study: dg.ResourceParam[Study]) -> dg.AssetCheckResult:
        found = verdicts.schema_and_keys(table, study.table(table.name), study.settings.engine)
        return _judged(found, BLOCK, study, None)

    return StudyCheck(check, BLOCK, partitioned=False)


def _table_check(asset: str, judge: Judge, severity: dg.AssetCheckSeverity, *, partitioned: bool = True) -> StudyCheck:
    """A check that judges one table by the thresholds in the settings, named and described as its judge."""

    @dg.asset_check(
        asset=asset,
        name=judge.__name__,
        description=(judge.__doc__ or "").splitlines()[0],
        blocking=True,
        partitions_def=campaign_types if partitioned else None,
    )
    def check(context: dg.AssetCheckExecutionContext, study: dg.ResourceParam[Study]) -> dg.AssetCheckResult:
        campaign_type = context.partition_key if partitioned else None
        table = pd.read_parquet(study.table(asset, campaign_type))
        return _judged(judge(table, study.settings.checks), severity, study, campaign_type)

    return StudyCheck(check, severity, partitioned)


@dg.asset_check(
    asset="first_campaign_cohort",
    description="What a trial knows is what its look-back holds, recomputed from the lines.",
    blocking=True,
    partitions_def=campaign_types,
    additional_deps=["transactions"],
)
def no_look_ahead(context: dg.AssetCheckExecutionContext, study: dg.ResourceParam[Study]) -> dg.AssetCheckResult:
    trials = pd.read_parquet(study.table("first_campaign_cohort", context.partition_key))
    found = verdicts.no_look_ahead(trials, study.table("transactions"), study.settings.engine)
    return _judged(found, BLOCK, study, context.partition_key)


CHECKS: tuple[StudyCheck, ...] = (
    *(_schema_check(table) for table in schema.TABLES),
    _table_check("customer_features", verdicts.features_complete, BLOCK, partitioned=False),
    _table_check("segment_stability", verdicts.warm_stability, BLOCK, partitioned=False),
    _table_check("segment_stability", verdicts.cold_stability, WARN, partitioned=False),
    StudyCheck(no_look_ahead, BLOCK),
    _table_check("propensity", verdicts.arms_in_overlap, BLOCK),
    _table_check("overlap_diagnostics", verdicts.overlap_share, WARN),
    _table_check("overlap_diagnostics", verdicts.propensity_auc, WARN),
    _table_check("covariate_balance", verdicts.balance_after_weighting, BLOCK),
    _table_check("average_effects", verdicts.estimators_agree, WARN),
    _table_check("cate_models", verdicts.heterogeneity, WARN),
    _table_check("policy_value", verdicts.value_proven, WARN),
    _table_check(LIST, verdicts.list_backed, BLOCK),
)
