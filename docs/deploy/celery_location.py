"""A code location whose steps run on Celery workers: `dagster dev -f docs/deploy/celery_location.py`."""

import dagster as dg
from dagster_celery import celery_executor

from dunnhumby_pipeline.definitions import build_defs

study = build_defs()
defs = dg.Definitions(
    assets=study.assets,
    asset_checks=study.asset_checks,
    jobs=study.jobs,
    schedules=study.schedules,
    sensors=study.sensors,
    resources=study.resources,
    executor=celery_executor,
)
