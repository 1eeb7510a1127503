"""Everything dagster loads. `build_defs` serves the app, the command line and the tests alike."""

from __future__ import annotations

import os
from pathlib import Path

import dagster as dg

from dunnhumby_pipeline.orchestration.alerts import alert_on_check_change, alert_on_run_failure
from dunnhumby_pipeline.orchestration.assets import causal, journey, report, segmentation, targeting
from dunnhumby_pipeline.orchestration.checks import CHECKS
from dunnhumby_pipeline.orchestration.jobs import study_job
from dunnhumby_pipeline.orchestration.resources import LogFileNotifier, Study
from dunnhumby_pipeline.orchestration.schedules import weekly_study
from dunnhumby_pipeline.orchestration.storage import ParquetStore
from dunnhumby_pipeline.settings import RAW_VARIABLE, Home, Settings, load_settings


def build_defs(
    *, home: Home | None = None, raw: Path | None = None, settings: Settings | None = None
) -> dg.Definitions:
    """Definitions of the study at `home`, reading `raw`.

    What is not given comes from the environment: DUNNHUMBY_HOME (else `data`), DUNNHUMBY_RAW (else HOME/raw
    when it holds files, else the embedded sample), and the settings' own variables and file.
    """
    named = os.environ.get(RAW_VARIABLE)
    home = home or Home.resolve()
    study = Study(
        settings=settings or load_settings(home),
        home=home,
        raw=raw or (Path(named) if named else None),
    )
    return dg.Definitions(
        assets=dg.load_assets_from_modules([journey, segmentation, causal, targeting, report]),
        asset_checks=[check.definition for check in CHECKS],
        jobs=[study_job],
        schedules=[weekly_study],
        sensors=[alert_on_check_change, alert_on_run_failure],
        resources={
            "study": study,
            "notifier": LogFileNotifier(study.home.alerts_log),
            "io_manager": ParquetStore(study.home.warehouse),
        },
        # Every process would import the learners anew; at this size one process is three times faster.
        executor=dg.in_process_executor,
    )


defs = build_defs()
