"""Jobs over the assets: everything, the customers, one campaign type, its decision, the certificate, the pages.

Beside them stand `score_only` and `housekeeping`, which make no table. A selection of one's own, and the launchpad of
its run, start from any of these or from the asset graph.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg

from dunnhumby_pipeline.contracts.registry import TABLES, made_by
from dunnhumby_pipeline.orchestration.platform.keys import asset_key
from dunnhumby_pipeline.orchestration.platform.partitions import campaign_types

STUDY_JOB = "full_study"
CUSTOMERS_JOB, CAMPAIGN_JOB, DECISION_JOB = "customers", "campaign", "decision"
CERTIFY_JOB, REPORT_JOB = "certify", "report_only"
ECONOMICS = "economics"
# The tag of a run that makes its tables with as many draws as a certificate needs.
CERTIFY = "dunnhumby/certify"
CERTIFIED_STEPS = ("study_power", "refute_effects", "split_households", "certify_learners", "certify_policies")
_PAGES = ("campaign_report", "campaign_brief")
# What a certificate makes: its steps' tables, and the pages that tell of them.
CERTIFIED = (*(table.name for step in CERTIFIED_STEPS for table in made_by(step)), *_PAGES)


@dataclass(frozen=True)
class AssetJob:
    """A job over tables: its name, which of them it makes (None: all, raw files observed), and what it is for."""

    name: str
    tables: tuple[str, ...] | None
    description: str
    raw: bool = False
    tags: tuple[tuple[str, str], ...] = ()

    def declared(self) -> Any:
        """The job as dagster has it, with every check of what it makes; of a campaign type where its tables are."""
        return dg.define_asset_job(
            self.name, selection=self._selection(), description=self.description, tags=dict(self.tags)
        )

    def _selection(self) -> dg.AssetSelection:
        if self.tables is None:
            return dg.AssetSelection.all(include_sources=True)
        made = dg.AssetSelection.assets(*(asset_key(name) for name in self.tables))
        return made | dg.AssetSelection.key_prefixes("raw", include_sources=True) if self.raw else made


def decision_job(terms: Mapping[str, Any]) -> Any:
    """The job that decides again at other costs, by another budget or policy; no effect is estimated again.

    `terms`: what the settings say, as its launchpad shows it to be changed.
    """
    return dg.define_asset_job(
        DECISION_JOB,
        selection=dg.AssetSelection.assets(asset_key(ECONOMICS)).downstream().required_multi_asset_neighbors(),
        # By partition, since that is what a launchpad fills itself from when one is chosen.
        config=dg.PartitionedConfig(
            partitions_def=campaign_types,
            run_config_for_partition_key_fn=lambda _: {"ops": {ECONOMICS: {"config": dict(terms)}}},
        ),
        description="The decision of one campaign type again, at the cost, scenario, budget and policy that the "
        "launchpad says, from the effects as they were estimated: dial, values, list, test, brief and report. What is "
        "said there holds until the next run that says nothing, which returns to the settings.",
    )


def _of_all_types() -> tuple[str, ...]:
    return tuple(table.name for table in TABLES.values() if not table.partitioned)


def _of_one_type() -> tuple[str, ...]:
    return tuple(table.name for table in TABLES.values() if table.partitioned)


ASSET_JOBS = (
    AssetJob(
        STUDY_JOB,
        None,
        "Everything, from raw files to the targeting list and report of one campaign type. `dunnhumby run` and the "
        "weekly schedule do the stale part of it.",
    ),
    AssetJob(
        CUSTOMERS_JOB,
        _of_all_types(),
        "Who the customers are, whatever campaign is asked about: raw files read and cleaned, features, segments, "
        "needs, lifetime value, movement, risk, next actions, and who may be contacted.",
        raw=True,
    ),
    AssetJob(
        CAMPAIGN_JOB,
        _of_one_type(),
        "One campaign type, on the customers as they lie there: trials, effects, what they are worth, the list, "
        "brief and report.",
    ),
    AssetJob(
        CERTIFY_JOB,
        CERTIFIED,
        "What the study could have found, and what refutes it, drawn as often as a certificate needs, then the pages "
        "again: some ten minutes for the sample. As `dunnhumby certify`, after a study that is not stale.",
        tags=((CERTIFY, "yes"),),
    ),
    AssetJob(REPORT_JOB, _PAGES, "Brief and report of one campaign type again, from the tables as they lie there."),
)
