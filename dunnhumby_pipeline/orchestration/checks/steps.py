"""The checks as dagster carries them out: one step for the tables of each producing step.

Each check can be carried out alone; together they read a table once. Only a check that blocks is labelled blocking.
What reads a table still comes after all of its checks: every table has a blocking check, of its contract, in
the same step as its warnings.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence

import dagster as dg

from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.orchestration.checks.check import Check, Sight
from dunnhumby_pipeline.orchestration.checks.explained import page
from dunnhumby_pipeline.orchestration.checks.gates import Gates
from dunnhumby_pipeline.orchestration.checks.registry import CHECKS, LIST
from dunnhumby_pipeline.orchestration.checks.verdict import Verdict
from dunnhumby_pipeline.orchestration.platform.history import target_of
from dunnhumby_pipeline.orchestration.platform.keys import asset_key
from dunnhumby_pipeline.orchestration.platform.metrics import by_type, in_numbers
from dunnhumby_pipeline.orchestration.platform.partitions import campaign_types
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.storage import mark_stale

# Partitioned checks are a preview of dagster's, on purpose: see the docstring of `partitions`.
warnings.filterwarnings("ignore", message="Specifying a partitions_def on an AssetCheckSpec")


def check_steps(checks: tuple[Check, ...] = CHECKS) -> tuple[dg.AssetChecksDefinition, ...]:
    """The steps that carry out `checks`: 'check_fit_nuisances' those of the tables that fit_nuisances makes."""
    by_step: dict[str, list[Check]] = {}
    for check in checks:
        by_step.setdefault(check.contract.made_by, []).append(check)
    return tuple(_step(name, of_step) for name, of_step in by_step.items())


def _step(made_by: str, checks: Sequence[Check]) -> dg.AssetChecksDefinition:
    [partitioned] = {check.contract.partitioned for check in checks}

    @dg.multi_asset_check(
        name=f"check_{made_by}",
        description=f"Checks of the tables that {made_by} makes.",
        specs=[_spec(check) for check in checks],
        can_subset=True,
    )
    def judge(
        context: dg.AssetCheckExecutionContext, study: dg.ResourceParam[Study], gates: dg.ResourceParam[Gates]
    ) -> Iterator[dg.AssetCheckResult | dg.AssetCheckEvaluation | dg.Output[None]]:
        selected = [check for check in checks if check.key in context.selected_asset_check_keys]
        if not partitioned or context.has_partition_key:
            sight = Sight(study, context.instance, context.partition_key if partitioned else None)
            for check in selected:
                # Each as it is found: a judgement that crashes hides none of those before it.
                yield _result(check, _judged(check, sight, gates), sight.campaign_type)
            return
        # "Execute all" of the UI names no partition.
        found: dict[dg.AssetCheckKey, dict[str, Verdict]] = {check.key: {} for check in selected}
        for campaign_type in schema.CAMPAIGN_TYPES:
            sight = Sight(study, context.instance, campaign_type)
            for check in selected:
                if check.can_judge(sight):
                    verdict = _judged(check, sight, gates)
                    found[check.key][campaign_type] = verdict
                    yield _evaluation(check, verdict, campaign_type, context.instance)
        for check in selected:
            # As an AssetCheckResult dagster would look for the partition, which there is none of, and fail.
            yield dg.Output(None, _spec(check).get_python_identifier())
            yield _summed_up(check, found[check.key])

    return judge


def _spec(check: Check) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        check.name,
        asset=asset_key(check.table),
        description=page(check),
        blocking=check.blocks,
        partitions_def=campaign_types if check.contract.partitioned else None,
        additional_deps=[asset_key(table) for table in check.reads],
    )


def _judged(check: Check, sight: Sight, gates: Gates) -> Verdict:
    verdict = check.verdict(sight)
    if not verdict.passed and (check.key in gates.keys or (check.blocks and check.table == LIST)):
        _mark_lists(sight.study, sight.campaign_type, verdict)
    return verdict


def _result(check: Check, verdict: Verdict, campaign_type: str | None) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=asset_key(check.table),
        check_name=check.name,
        # Comparisons of numpy numbers give numpy booleans, which dagster refuses.
        passed=bool(verdict.passed),
        severity=check.severity,
        description=verdict.message,
        metadata=_metrics(verdict, campaign_type),
    )


def _evaluation(
    check: Check, verdict: Verdict, campaign_type: str, history: dg.DagsterInstance
) -> dg.AssetCheckEvaluation:
    """What was found of one campaign type in a run that has no partition."""
    found = _result(check, verdict, campaign_type)
    target = target_of(history, check.key.asset_key, campaign_type)
    return dg.AssetCheckEvaluation(
        **found._asdict(), blocking=check.blocks, partition=campaign_type, target_materialization_data=target
    )


def _summed_up(check: Check, found: Mapping[str, Verdict]) -> dg.AssetCheckEvaluation:
    """What was found of all campaign types that exist; that none does yet is nothing to stop for."""
    missing = f"no campaign type has {', '.join((check.table, *check.reads))} yet; run the study first"
    said = "; ".join(f"{campaign_type}: {verdict.message}" for campaign_type, verdict in found.items())
    passed = bool(found) and all(verdict.passed for verdict in found.values())
    result = _result(check, Verdict(passed, said or missing), None)
    blocking = check.blocks and bool(found)
    return dg.AssetCheckEvaluation(**result._asdict(), blocking=blocking)


def _metrics(verdict: Verdict, campaign_type: str | None) -> dict[str, float]:
    return by_type(campaign_type, in_numbers(verdict.metrics))


def _mark_lists(study: Study, campaign_type: str | None, verdict: Verdict) -> None:
    """The lists that now rest on a failed gate are stale."""
    for partition in [campaign_type] if campaign_type else schema.CAMPAIGN_TYPES:
        mark_stale(study.table(LIST, partition), f"not rebuilt: {verdict.message}")
