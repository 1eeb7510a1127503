"""Everything dagster loads. `build_defs` serves the app, the command line and the tests alike."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import dagster as dg

from dunnhumby_pipeline.orchestration.alerts.sensors import alert_sensor
from dunnhumby_pipeline.orchestration.assets import (
    actions,
    contact,
    economics,
    effects,
    experiments,
    fairness,
    journey,
    lifetime,
    lists,
    needs,
    plausibility,
    reference,
    report,
    risk,
    scrutiny,
    segmentation,
    status,
    targeting,
    trials,
)
from dunnhumby_pipeline.orchestration.assets.raw import observe_raw
from dunnhumby_pipeline.orchestration.blocked import brief_of_failed_run
from dunnhumby_pipeline.orchestration.checks.gates import Gates
from dunnhumby_pipeline.orchestration.checks.steps import check_steps
from dunnhumby_pipeline.orchestration.housekeeping import housekeeping
from dunnhumby_pipeline.orchestration.platform.automation import automation_sensor, condition_of
from dunnhumby_pipeline.orchestration.platform.jobs import ASSET_JOBS, decision_job
from dunnhumby_pipeline.orchestration.platform.private import keep_private
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.running import held_while_run
from dunnhumby_pipeline.orchestration.platform.storage import ParquetStore
from dunnhumby_pipeline.orchestration.platform.versions import versioned
from dunnhumby_pipeline.orchestration.schedules import schedules
from dunnhumby_pipeline.orchestration.scoring import score_only
from dunnhumby_pipeline.orchestration.staleness import why_uncertified
from dunnhumby_pipeline.orchestration.telling import teller
from dunnhumby_pipeline.orchestration.terms import as_set
from dunnhumby_pipeline.settings import Home, Settings, load_settings, resolve_raw
from dunnhumby_pipeline.targeting.policies.registry import chosen_policy


def build_defs(
    *, home: Home | None = None, raw: Path | None = None, settings: Settings | None = None
) -> dg.Definitions:
    """Definitions of the study at `home`, reading `raw`.

    What is not given comes from the environment: DUNNHUMBY_HOME (else `data`), DUNNHUMBY_RAW (else HOME/raw
    when it holds files, else the embedded sample), and the settings' own variables and file.
    """
    home = home or Home.resolve()

    def refusal(instance: dg.DagsterInstance, campaign_type: str, run_id: str) -> str | None:
        return why_uncertified(study, everything.resolve_asset_graph(), instance, campaign_type, run_id)

    study = Study(settings=settings or load_settings(home), home=home, raw=resolve_raw(raw), refusal=refusal)
    chosen_policy(study.settings.policy)
    made = versioned(_assets(), study.settings, study.home)
    [raw_files] = dg.map_asset_specs(
        lambda spec: spec.replace_attributes(
            owners=list(study.settings.desk.owners), automation_condition=condition_of(study.settings, raw=True)
        ),
        [observe_raw],
    )
    everything = dg.Definitions(
        assets=[raw_files, *made],
        asset_checks=_checks(),
        jobs=[
            *(job.declared() for job in ASSET_JOBS),
            decision_job(as_set(study.settings)),
            score_only,
            housekeeping,
        ],
        schedules=schedules(study.settings),
        sensors=[alert_sensor(study.settings), brief_of_failed_run, automation_sensor(study.settings)],
        resources={
            "study": study,
            "gates": Gates.of(made),
            "io_manager": held_while_run(study.home, ParquetStore(study.warehouse, teller(study))),
        },
        # Every process would import the learners again; at this size one process is three times faster.
        executor=dg.in_process_executor,
    )
    return everything


@cache
def _checks() -> Sequence[dg.AssetChecksDefinition]:
    return check_steps()


@cache
def _assets() -> Sequence[object]:
    """What the modules of assets define, whatever the home and its settings."""
    return dg.load_assets_from_modules(
        [
            journey,
            needs,
            segmentation,
            lifetime,
            actions,
            status,
            reference,
            risk,
            trials,
            effects,
            plausibility,
            scrutiny,
            economics,
            contact,
            targeting,
            experiments,
            lists,
            fairness,
            report,
        ]
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What `workspace.yaml` loads; built when it is asked for, so that importing this module reads no settings."""
    home = Home.resolve()
    settings = load_settings(home)
    keep_private(settings.file_mode)
    return build_defs(home=home, settings=settings)
